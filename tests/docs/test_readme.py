"""The README's own-files example, as it stands there, on orders with its column names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from churnlab.cli import main
from churnlab.events import DataConfig, open_log
from churnlab.report.render import Rendered

README = Path(__file__).parents[2] / "README.md"
SECTION = README.read_text(encoding="utf-8").split("## On your own orders")[1].split("\n## ")[0]
#: Fewer of everything: the example is tested, not the numbers.
LIGHT = ["split.replicates=20", "split.horizon_days=[56]", "candidates=[mbg_nbd]"]
LIGHT += ["inference.draws=200"]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", SECTION, flags=re.DOTALL)
    assert found, f"README.md: no ```{language} block under 'On your own orders'"
    return found.group(1)


@pytest.fixture
def orders(tmp_path, monkeypatch) -> Path:
    """Write orders.csv: CDNOW customers, moved so that their last day is the example's as_of."""
    frame = open_log(DataConfig(name="cdnow")).frame("purchases")
    few = frame["customer_id"].unique()[:700]
    frame = frame[frame["customer_id"].isin(few)]
    days = frame["event_at"] + (pd.Timestamp("2011-09-30") - frame["event_at"].max())
    table = pd.DataFrame({"user_id": frame["customer_id"], "ordered_at": days.dt.date})
    table["total"] = frame["amount"]
    table.to_csv(tmp_path / "orders.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_two_commands_run_as_written(orders, monkeypatch, capsys):
    found = re.findall(r"^    (churnlab [^#\n]+)", SECTION, flags=re.MULTILINE)
    init, pipeline = (shlex.split(line)[1:] for line in found)
    assert main([*init, "--yes"]) == 0, capsys.readouterr().err
    # The pipeline itself is run below; here, that it finds what init wrote.
    seen = []
    monkeypatch.setattr("churnlab.cli.run.run_in_folder", lambda _, found, *__: seen.append(found))
    assert main(pipeline) == 0, capsys.readouterr().err
    used = seen[0].data.purchases
    assert (used.customer_id, used.event_at, used.amount) == ("user_id", "ordered_at", "total")


def test_the_command_runs_as_written(orders, monkeypatch, capsys):
    command = shlex.split(block("").replace("\\\n", " "))
    assert command[0] == "churnlab"
    # The page itself takes as long as all else and is tested where it lives.
    page = Rendered(html="<html></html>", summary="", notebook="{}")
    monkeypatch.setattr("churnlab.workflows.pages.report.render", lambda *_, **__: page)
    assert main([*command[1:], *LIGHT]) == 0, capsys.readouterr().err
    mine = orders / "outputs" / "mine"
    for name in ("report.html", "fit/customers.parquet", "fit/posterior.nc", "manifest.json"):
        assert (mine / name).is_file(), name
    assert len(pd.read_parquet(mine / "fit" / "customers.parquet")) == 700
    assert "700 customers up to 2011-09-30" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_renders_its_report(orders, capsys):
    command = shlex.split(block("").replace("\\\n", " "))
    assert main([*command[1:], *LIGHT]) == 0, capsys.readouterr().err
    page = (orders / "outputs" / "mine" / "report.html").read_text(encoding="utf-8")
    assert "<img" in page


def test_the_python_block_runs_as_written(orders):
    names: dict[str, object] = {}
    exec(block("python"), names)
    customers = names["customers"]
    assert isinstance(customers, pd.DataFrame)
    assert len(customers) == 700
    assert customers["p_alive"].between(0, 1).all()


def test_every_command_that_the_readme_names_exists():
    from churnlab.cli.registry import COMMANDS

    text = README.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)churnlab ([a-z]+)", text, flags=re.MULTILINE))
    assert named
    assert named <= {*COMMANDS}


def test_every_file_that_the_readme_links_to_exists():
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [x for x in links if "://" not in x and not (README.parent / x).exists()]
    assert missing == []
