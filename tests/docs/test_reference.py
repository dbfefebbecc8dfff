"""The reference in `help`: each public function says what it takes and refuses, and shows it."""

from __future__ import annotations

import doctest
import functools
import importlib.util
import inspect
import pydoc
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import churnlab as cl
from churnlab.errors import ChurnlabError
from churnlab.runs import Result

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


_SPEC = importlib.util.spec_from_file_location(
    "site_hook", Path(__file__).parents[2] / "docs" / "site.py"
)
site = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(site)

#: Function -> class of its result, of those that return one.
MADE = {name: kind for name in FUNCTIONS if (kind := site.result_of(called(name))) is not None}
#: What a session holds in its hands.
OBJECTS = [*(getattr(cl, name) for name in CLASSES), *MADE.values()]
#: scikit-learn's, in the signature of a splitter.
NOT_LOOKED_AT = {"y", "groups"}


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


def methods(kind: type) -> dict[str, Any]:
    """Return what a notebook calls on an object, by name, but for scikit-learn's own."""
    found = inspect.getmembers(kind, inspect.isfunction)
    return {
        name: method
        for name, method in found
        if method.__module__.startswith("churnlab") and not name.startswith("_")
        if not (issubclass(kind, Result) and name in site.OF_A_COMMAND)
    }


METHODS = {f"{kind.__name__}.{name}": m for kind in OBJECTS for name, m in methods(kind).items()}


def faults(method: Any) -> list[str]:
    """Return the sections that a method's docstring lacks."""
    bare, found = inspect.unwrap(method), sections(method)
    own = set(inspect.signature(method).parameters) - {"self", "progress", *NOT_LOOKED_AT}
    takes = found.get("Parameters", "")
    lacking = [f"Parameters: {p}" for p in sorted(own) if not re.search(rf"\b{p}\b", takes)]
    returns = bare.__annotations__.get("return") == "None" or {"Returns", "Yields"} & set(found)
    lacking += [] if returns else ["Returns"]
    raises = re.search(r"^\s+raise ", inspect.getsource(bare), flags=re.MULTILINE)
    lacking += ["Raises"] if raises and "Raises" not in found else []
    return lacking + ([] if ">>>" in found.get("Examples", "") else ["Examples"])


def test_every_method_says_what_it_takes_returns_refuses_and_shows_it():
    assert len(METHODS) > 50
    assert {name: lacking for name, m in METHODS.items() if (lacking := faults(m))} == {}


def test_every_property_says_what_it_is():
    silent = [
        f"{kind.__name__}.{name}"
        for kind in OBJECTS
        for name, value in inspect.getmembers(kind)
        if isinstance(value, property | cached_property) and not name.startswith("_")
        if not inspect.getdoc(value)
    ]
    assert silent == []


def objects_examples() -> Iterator[list[tuple[str, Any]]]:
    """Yield what shares one session: a function or class, and the methods that go on from it."""
    shown: set[Any] = set()

    def of(kind: type) -> list[tuple[str, Any]]:
        fresh = {n: m for n, m in methods(kind).items() if m not in shown}
        shown.update(fresh.values())
        return [(f"{kind.__name__}.{name}", method) for name, method in fresh.items()]

    yield [("churnlab", cl)]
    for name in [*IN_TURN, *(n for n in FUNCTIONS if n not in IN_TURN)]:
        made = MADE.get(name, cl.SpendFit if name == "fit_spend" else None)
        yield [(name, called(name)), *(of(made) if made else [])]
    for kind in OBJECTS:
        yield [(kind.__name__, kind), *of(kind)]


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("load_cdnow", "load_shop"):  # the same log in a dozen examples
        monkeypatch.setattr(cl, name, functools.cache(getattr(cl, name)))
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for session in objects_examples():
        names: dict[str, Any] = {}
        for name, thing in session:
            for example in finder.find(thing, name, module=False, globs={}):
                example.globs = names
                runner.run(example, clear_globs=False)
        plt.close("all")
    assert runner.summarize(verbose=False).failed == 0
    assert runner.tries > 100


def test_help_begins_with_what_to_do():
    first = pydoc.plain(pydoc.render_doc(cl)).splitlines()[:30]
    text = "\n".join(first)
    assert text.index("cl.load_shop(") < text.index("cl.fit(") < text.index("fit.customers(")
