"""Losses are loud: what goes without a word has a ceiling, and every command says what went."""

import pandas as pd
import pytest

from churnlab.cli import main
from churnlab.errors import DataError
from churnlab.events import read_events
from churnlab.events.cleaning import clean as cleaning
from churnlab.events.cleaning.clean import CEILINGS


def rows(n, repeated=0, returned=0):
    frame = pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "event_at": "2022-01-01"})
    frame["amount"] = [-1.0] * returned + [3.5] * (n - returned)
    return pd.concat([frame, frame.tail(repeated)], ignore_index=True)


def test_duplicates_above_the_ceiling_want_a_word():
    n = 1800
    read_events(rows(n, repeated=200))
    assert CEILINGS["duplicate"] == 200 / (n + 200)
    with pytest.raises(DataError, match=r"201 of 2,000 rows \(10\.1%\) repeat.*duplicates='keep'"):
        read_events(rows(n - 1, repeated=201))
    for policy, kept in (("drop", n - 1), ("keep", 2000)):
        log = read_events(rows(n - 1, repeated=201), duplicates=policy)
        assert log.report.tables["purchases"].kept == kept


def test_returns_above_the_ceiling_want_a_word():
    read_events(rows(400, returned=200))
    assert CEILINGS["returned"] == 200 / 400
    with pytest.raises(DataError, match=r"201 of 400 rows .*sign or the flag.*returns='keep'"):
        read_events(rows(400, returned=201))
    assert read_events(rows(400, returned=201), returns="drop").report.tables["purchases"].kept


def test_few_rows_are_below_every_ceiling():
    read_events(rows(101, repeated=100))
    with pytest.raises(DataError, match="101 of 203 rows"):
        read_events(rows(102, repeated=101))


def test_d6_a_column_of_which_nothing_can_be_read_is_an_error_always():
    frame = rows(300).assign(amount="free")
    for options in ({}, {"on_bad_rows": "drop"}):
        with pytest.raises(DataError, match=r"300 of 300 values of amount.*Not one can be read"):
            read_events(frame, **options)
    frame = rows(300).assign(cancelled="perhaps")
    with pytest.raises(DataError, match=r"300 of 300 values of cancelled.*Not one"):
        read_events(frame, on_bad_rows="drop")
    frame.loc[7, "cancelled"] = "no"
    unread = read_events(frame, on_bad_rows="drop").report.tables["purchases"].unreadable
    assert unread == {"cancelled": 299}


@pytest.mark.parametrize("command", ["check", "fit"])
def test_d6_every_command_says_what_was_dropped(command, tmp_path, capsys):
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta([i * 7 % 401 for i in range(900)], "D")
    bought = pd.DataFrame({"customer_id": [f"c{i % 300}" for i in range(900)], "event_at": days})
    pd.concat([bought, bought.head(9)]).to_csv(tmp_path / "orders.csv", index=False)
    options = ["data=files", f"data.purchases.path={tmp_path / 'orders.csv'}"]
    options += ["rule=fixed"] if command == "fit" else []
    status = main([command, *options, f"run_dir={tmp_path / 'run'}"])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert "purchases: of 909 rows dropped: 9 duplicate" in " ".join(said.err.split())


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_repeated_rows_are_found_whatever_is_sorted_at_once(piece, monkeypatch):
    monkeypatch.setattr(cleaning, "_PIECE", piece)
    table = read_events(rows(90, repeated=9)).report.tables["purchases"]
    assert (table.kept, table.dropped["duplicate"]) == (90, 9)
