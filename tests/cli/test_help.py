"""Help and spelling mistakes are answered quickly, plainly, with the right exit status."""

import subprocess
import sys

import pytest

from churnlab.cli import main
from churnlab.cli.options import MAPPABLE
from churnlab.cli.registry import COMMANDS
from churnlab.events.schema import COLUMNS


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_with_an_example(name, capsys):
    assert main([name, "run_dir=x", "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"churnlab {name}" in shown.split("Examples:")[1]


def test_help_lists_the_columns_that_can_be_named(capsys):
    assert {t: tuple(c.name for c in found) for t, found in COLUMNS.items()} == MAPPABLE
    for name in ("pipeline", "check", "nday", "segment"):
        assert main([name, "--help"]) == 0
        shown = capsys.readouterr().out
        assert all(", ".join(columns) in shown for columns in MAPPABLE.values())
    assert main(["verify", "--help"]) == 0
    assert "Columns" not in capsys.readouterr().out


def test_a_misspelt_command_names_the_nearest(capsys):
    assert main(["backtset"]) == 2
    assert "Did you mean 'backtest'?" in capsys.readouterr().err


def test_no_argument_shows_the_overview(capsys):
    assert main([]) == 0
    assert "churnlab COMMAND" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("churnlab ")


def test_help_loads_neither_hydra_nor_a_model():
    code = (
        "import sys; from churnlab.cli import main; main(['fit', '--help']); "
        "heavy = {'hydra', 'pymc', 'pandas', 'ibis', 'numba'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
