"""The reference in `help`: each public function says what it takes and refuses, and shows it."""

from __future__ import annotations

import doctest
import functools
import inspect
import pydoc
import re
from typing import Any

import pytest

import churnlab as cl
from churnlab.errors import ChurnlabError

FUNCTIONS = [name for name in cl.__all__ if not isinstance(getattr(cl, name), type)]
CLASSES = [
    name
    for name in cl.__all__
    if isinstance(one := getattr(cl, name), type) and not issubclass(one, ChurnlabError)
]
#: Examples that read what the ones before them wrote.
IN_TURN = ("segment", "export", "verify", "score", "monitor", "board")
#: What computes by a formula says where it is from.
WITH_FORMULA = (
    "fit", "fit_spend", "compare", "summarise", "pymc_model", "backtest", "nday", "journey",
    "segment",
)  # fmt: skip


def called(name: str) -> Any:
    """Return the function behind a public name, also behind a package that can be called."""
    found = getattr(cl, name)
    return getattr(found, "_function", found)


def sections(thing: Any) -> dict[str, str]:
    text = inspect.getdoc(thing) or ""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_returns_refuses_and_shows_it(name):
    function = called(name)
    found = sections(function)
    assert {"Parameters", "Returns", "Raises", "Examples"} <= set(found)
    own = inspect.signature(inspect.unwrap(function)).parameters.values()
    for parameter in own:
        if parameter.name != "settings" or "runs" not in found["Parameters"]:
            assert re.search(rf"\b{parameter.name}\b", found["Parameters"]), parameter.name
    assert ">>>" in found["Examples"]


@pytest.mark.parametrize("name", WITH_FORMULA)
def test_what_computes_says_where_its_formula_is_from(name):
    assert re.search(r"\(\d{4}\)|docs/\w+\.md", sections(called(name))["References"])


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_it_holds(name):
    assert {"Parameters", "Attributes"} & set(sections(getattr(cl, name)))


@pytest.mark.parametrize("kind", [cl.Fit, cl.EventLog, cl.Summary, cl.ChurnClassifier])
def test_methods_say_what_they_take_and_return(kind):
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if name.startswith("_") or not method.__module__.startswith("churnlab"):
            continue
        text = inspect.getdoc(method)
        assert text, f"{kind.__name__}.{name}"
        own = set(inspect.signature(method).parameters) - {"self", "ax", "lang", "progress", "seed"}
        missing = [p for p in own if not re.search(rf"\b{p}\b", text)]
        assert not missing, f"{kind.__name__}.{name}: {missing}"


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("load_cdnow", "load_shop"):  # the same log in a dozen examples
        monkeypatch.setattr(cl, name, functools.cache(getattr(cl, name)))
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    rest = [name for name in [*FUNCTIONS, *CLASSES] if name not in IN_TURN]
    things = [("churnlab", cl), *((name, called(name)) for name in [*IN_TURN, *rest])]
    for name, thing in things:
        for example in finder.find(thing, name, module=False, globs={}):
            runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
    assert runner.tries > 40


def test_help_begins_with_what_to_do():
    first = pydoc.plain(pydoc.render_doc(cl)).splitlines()[:30]
    text = "\n".join(first)
    assert text.index("cl.load_shop(") < text.index("cl.fit(") < text.index("fit.customers(")
