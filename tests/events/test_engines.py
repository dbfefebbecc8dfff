"""One log on DuckDB, Spark and PostgreSQL: the same account, cells and per-customer table."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.errors import DataError, UsageError
from churnlab.events import DataConfig, open_log
from churnlab.events.config import MembersTable, PurchasesTable, VisitsTable
from churnlab.fitting import ModelConfig
from churnlab.forecast import ForecastConfig
from churnlab.nday import NdayConfig, run_nday
from churnlab.nday.data import CohortConfig, count_cohorts
from churnlab.nday.inputs import read_inputs
from churnlab.runs import RunFolder, open_run
from churnlab.runs.hashing import content_hash
from churnlab.workflows.fit import fit
from churnlab.workflows.steps.settings import FitSettings

pytestmark = pytest.mark.service
ENGINES = ("spark", "postgres")
AS_OF = "2025-01-20"
TABLES = ("purchases", "visits", "members")


def bad_log(rng):
    """Purchases with an offset, local visits and members, and every kind of bad row."""
    n, people = 900, 150
    who = rng.integers(0, people, n)
    late = pd.to_timedelta(rng.integers(0, 86_400 * 395, n), unit="s")
    purchases = pd.DataFrame(
        {
            "customer_id": [f"고객{w:03d}" for w in who],
            "event_at": pd.Timestamp("2024-01-01", tz="UTC") + late,
            "amount": rng.gamma(2, 10, n).round(2),
            "order_id": [f"o{i:04d}" for i in range(n)],
            "refunded_amount": np.where(np.arange(n) % 97 == 5, 1e6, 0.0),
            "kind": np.where(np.arange(n) % 50 == 7, "view", "buy"),
        }
    )
    purchases.loc[10:14, "customer_id"] = [None, "", " ", None, "\t"]
    purchases.loc[20:21, "event_at"] = pd.NaT
    purchases.loc[22, "event_at"] = pd.Timestamp("1850-01-01", tz="UTC")
    purchases.loc[30:35, "amount"] *= -1
    purchases = pd.concat([purchases, purchases.iloc[100:107]], ignore_index=True)
    visits = pd.DataFrame(
        {
            "user": [int(w) for w in who],
            "day": (pd.Timestamp("2024-01-01") + late + pd.Timedelta(days=3)).date,
        }
    )
    members = pd.DataFrame(
        {
            "customer_id": [f"고객{w:03d}" for w in range(people - 5)],
            "signed_up_at": pd.Timestamp("2023-12-31 10:00") + pd.to_timedelta(range(145), "D"),
            "country": [("kr", "us", None)[w % 3] for w in range(people - 5)],
        }
    )
    return dict(zip(TABLES, (purchases, visits, members), strict=True))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engines")
    for name, frame in bad_log(np.random.default_rng(3)).items():
        frame.to_parquet(folder / f"{name}.parquet", index=False, coerce_timestamps="us")
    return folder


@pytest.fixture(scope="module")
def place(files, postgres):
    """Fill PostgreSQL with the files' rows, by the types that they have."""
    import psycopg

    types = {
        "purchases": "customer_id text, event_at timestamptz, amount double precision, "
        "order_id text, refunded_amount double precision, kind text",
        "visits": '"user" bigint, day date',
        "members": "customer_id text, signed_up_at timestamp, country text",
    }
    with psycopg.connect(postgres, autocommit=True) as connection, connection.cursor() as cursor:
        for name, columns in types.items():
            frame = pd.read_parquet(files / f"{name}.parquet").astype(object)
            frame = frame.where(frame.notna(), None)
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(f"CREATE TABLE {name} ({columns})")
            with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                for row in frame.itertuples(index=False):
                    copy.write_row(row)
    parts = dict(p.split("=", 1) for p in postgres.split())
    return f"postgres://{parts['user']}@/{parts['dbname']}?host={parts['host']}"


def config(engine, files, place, **more):
    """Return the settings of the log on an engine."""
    where = {n: {"table": n} if engine == "postgres" else {"path": str(files / f"{n}.parquet")}
             for n in TABLES}  # fmt: skip
    return DataConfig(
        engine=engine,
        connection=place if engine == "postgres" else None,
        time_zone="Asia/Seoul",
        max_bad_share=0.05,
        purchases=PurchasesTable(where="kind = 'buy'", **where["purchases"]),
        visits=VisitsTable(customer_id="user", event_at="day", **where["visits"]),
        members=MembersTable(**where["members"]),
        **more,
    )


@pytest.fixture(scope="module", params=ENGINES)
def pair(request, files, place):
    """The log here, and on an engine."""
    if request.param == "spark":
        request.getfixturevalue("spark")
    here, there = (open_log(config(e, files, place), AS_OF) for e in ("duckdb", request.param))
    yield here, there
    there.engine.close()


def test_the_account_is_the_same(pair):
    here, there = (log.report.to_dict() for log in pair)
    for name in TABLES:
        assert here["tables"][name].pop("source")
        assert there["tables"][name].pop("source")
    dropped = here["tables"]["purchases"]["dropped"]
    assert all(dropped[r] for r in dropped if r != "unknown_beginning")
    assert here.pop("hashes") != there.pop("hashes")
    assert here == there


@pytest.mark.parametrize("name", TABLES)
def test_clean_rows_are_the_same(pair, name):
    here, there = (log.frame(name) for log in pair)
    assert len(here)
    columns = list(here.columns)
    both = [f[columns].astype(str).sort_values(columns, ignore_index=True) for f in (here, there)]
    pd.testing.assert_frame_equal(*both)


def test_days_members_and_earlier_days_are_the_same(pair):
    here, there = (log.until("2024-08-31") for log in pair)
    for make in (lambda log: log.days(), lambda log: log.days("visits"), lambda log: log.members()):
        a, b = (make(log).astype(str).sort_values("customer_id") for log in (here, there))
        pd.testing.assert_frame_equal(a.reset_index(drop=True), b.reset_index(drop=True))


@pytest.mark.parametrize("columns", [(), ("country", "signup_month")])
def test_cells_are_the_same(pair, columns):
    here, there = pair
    a = cl.summarise(here, group=columns)
    b = cl.summarise(there, group=columns, there=True)
    assert a.cells.groups == b.cells.groups
    for name in ("x", "t_x", "T", "weight", "group"):
        np.testing.assert_array_equal(getattr(a.cells, name), getattr(b.cells, name))
    np.testing.assert_allclose(a.cells.sum_log_gap, b.cells.sum_log_gap, rtol=1e-12)
    pd.testing.assert_frame_equal(a.customers, b.customers, check_dtype=False)


def test_a_row_a_customer_is_not_fetched_unasked(pair):
    with pytest.raises(UsageError, match=r"stays in .*there=True"):
        cl.summarise(pair[1])


def fetched(monkeypatch, backend):
    """Count the rows of all that comes here from a backend."""
    rows = Counter()
    kind = type(backend)
    for name in ("to_pyarrow", "execute"):
        original = getattr(kind, name)

        def counted(self, expr, *args, _original=original, _name=name, **kwargs):
            found = _original(self, expr, *args, **kwargs)
            rows[_name] += len(found) if hasattr(found, "__len__") else 1
            return found

        monkeypatch.setattr(kind, name, counted)
    return rows


@pytest.fixture(scope="module")
def settings():
    chosen = ModelConfig(calendar=None, group="country")
    return FitSettings(model=chosen, forecast=ForecastConfig(name="none"))


def test_the_table_is_the_same_and_only_cells_come(pair, settings, tmp_path, monkeypatch):
    there = pair[1]
    monkeypatch.setattr("churnlab.summary.there.MOST_CUSTOMERS", 10**6)  # as here: all of them
    results = [fit(log, settings) for log in pair]
    folders = [RunFolder(tmp_path / n, "fit") for n in ("here", "there")]
    rows = fetched(monkeypatch, there.table("purchases").get_backend())
    for result, folder in zip(results, folders, strict=True):
        result.write(folder)
        folder.finish()
    name = "there/customers.parquet"
    if there.engine.name == "spark":
        assert sum(rows.values()) == 0  # its workers write
    a, b = pd.read_parquet(tmp_path / "here/customers.parquet"), pd.read_parquet(tmp_path / name)
    b = b.sort_values("customer_id", ignore_index=True)
    assert str(b["at_risk_date"].dtype) == "datetime64[us]"  # the far date fits
    worth = {c for c in a if c.startswith(("amount_", "residual_"))}  # amounts stay where they are
    assert set(a.columns) - worth == set(b.columns)
    assert any("are not valued" in said for said in results[1].warnings)
    for column in b:
        x, y = a[column], b[column]
        if pd.api.types.is_float_dtype(x):
            np.testing.assert_allclose(x, y.astype(float), rtol=1e-9, err_msg=column)
        else:
            assert x.astype(str).tolist() == y.astype(str).tolist(), column
    again = open_run(tmp_path / "there").frame("customers.parquet", ["x", "no such column"])
    assert list(again) == ["x"]
    assert again["x"].tolist() == a["x"].tolist()
    assert dataclasses.replace(results[0].late, value=None) == results[1].late


def test_of_many_customers_a_sample_comes(pair, settings, monkeypatch):
    there = pair[1]
    monkeypatch.setattr("churnlab.summary.there.MOST_CUSTOMERS", 40)
    rows = fetched(monkeypatch, there.table("purchases").get_backend())
    summary = cl.summarise(there, there=True)
    n, cells = summary.cells.n_customers, len(summary.cells)
    assert len(summary.customers) < 60 < n
    assert max(rows.values()) <= cells + 60
    found = fit(there, settings)
    assert found.late.purchasers == n
    assert found.lines[0].endswith(there.engine.name)


@pytest.fixture(scope="module")
def signups(pair):
    """The logs without visits, whose rows an N-day study reads here."""

    def without(log):
        tables = {k: t for k, t in log.report.tables.items() if k != "visits"}
        return dataclasses.replace(log, report=dataclasses.replace(log.report, tables=tables))

    return [without(log) for log in pair]


@pytest.mark.parametrize("by", [None, "country"])
def test_signups_are_counted_alike(signups, by):
    here, there = (read_inputs(log, "2024-09-30", None).conversions(by) for log in signups)
    assert here.report == there.report
    assert min(here.report[k] for k in ("no_signup", "purchase_before_signup", "converted")) > 0
    assert int(there.frame["n"].sum()) == len(here.frame) == here.report["used"]
    cohort = CohortConfig(by=by, window_days=60)
    a, b = (count_cohorts(found, cohort) for found in (here, there))
    pd.testing.assert_frame_equal(a.cohorts, b.cohorts)
    np.testing.assert_array_equal(a.conversions, b.conversions)


def test_an_nday_study_is_the_same_and_counts_come(signups, monkeypatch):
    here, there = signups
    day = "2024-06-15"
    free = read_inputs(here, day, None).conversions(None).frame.query("age < 0")
    days = (pd.Timestamp(day) + pd.Timedelta(days=1) - free["signup_date"]).dt.days
    cohort = CohortConfig(window_days=100, min_signups=50)
    study = NdayConfig(cohort=cohort, n=int(days.min()), draws=100, backtest=False)
    rows = fetched(monkeypatch, there.table("purchases").get_backend())
    a, b = (run_nday(log, study, as_of=day) for log in signups)
    assert len(b.audience) == int((days == days.min()).sum()) > 0
    purchases = len(here.until(day).frame("purchases"))
    # a signup day here is a member's own; one number is of purchasers who are no members
    assert 0 < max(rows.values()) <= len(here.members()) + 1 + len(b.audience) < purchases
    for result in (a, b):
        del result.rule["fit"]["seconds"]
    assert content_hash(a.rule) == content_hash(b.rule)
    assert a.tables.keys() == b.tables.keys()
    for name, table in a.tables.items():
        pd.testing.assert_frame_equal(table, b.tables[name], rtol=1e-9, obj=name)


def test_what_nday_wants_here_is_said(pair, signups):
    with pytest.raises(UsageError, match=r"every row of visits here.*leave out data\.visits"):
        run_nday(pair[1], NdayConfig())
    with pytest.raises(DataError, match="members has no column 'land'"):
        run_nday(signups[1], NdayConfig(cohort=CohortConfig(by="land")))


@pytest.mark.parametrize(
    ("purchases", "said"),
    [
        ({"event_at": "kind"}, "cast it to a timestamp"),
        ({"amount": "kind"}, "cast it to a number"),
        ({"amount": "amount * 2"}, "column of a view"),
        ({"customer_id": "amount"}, "cast ids to text"),
        ({"customer_id": "who"}, "looked for 'who'"),
        ({"where": "kind = (SELECT 1)"}, "is refused"),
        ({"where": "nobody = 1"}, "where"),
        ({"where": "kind = 'never'"}, "has no rows"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_it_cannot_read_is_said(engine, purchases, said, files, place, request):
    if engine == "spark":
        request.getfixturevalue("spark")
    chosen = config(engine, files, place)
    table = dataclasses.replace(chosen.purchases, **purchases)
    with pytest.raises(DataError, match=said):
        open_log(dataclasses.replace(chosen, purchases=table))


def test_a_missing_database_and_file_are_said(files, place, spark):
    with pytest.raises(DataError, match="Is the server running"):
        open_log(config("postgres", files, "postgres://nobody@/none?host=/nowhere"))
    with pytest.raises(UsageError, match=r"needs data\.connection"):
        open_log(dataclasses.replace(config("postgres", files, place), connection=None))
    lost = dataclasses.replace(config("spark", files, place), visits=VisitsTable(path="/no/file"))
    with pytest.raises(DataError, match="cannot be read by spark"):
        open_log(lost)


def test_history_from_is_kept_to(files, place):
    chosen = {"history_from": "2024-02-01", "unknown_beginning": "model"}
    logs = [open_log(config(e, files, place, **chosen), AS_OF) for e in ("duckdb", "postgres")]
    here, there = (log.attributes()["beginning"].value_counts().to_dict() for log in logs)
    assert here == there
    assert set(here) == {"before", "within"}
    assert logs[1].as_of == dt.date.fromisoformat(AS_OF)
    logs[1].engine.close()


def test_python_gives_paths_and_tables(files, place, spark):
    path = files / "visits.parquet"
    names = {"customer_id": "user", "event_at": "day"}
    there = cl.read_events(visits=path, columns={"visits": names}, engine="spark")
    named = cl.read_events(
        visits="visits", columns={"visits": names}, engine="postgres", connection=place
    )
    here = cl.read_events(visits=path, columns={"visits": names})
    for log in (there, named):
        assert log.report.tables["visits"].kept == here.report.tables["visits"].kept
        log.engine.close()
    for wrong, said in ((pd.read_parquet(path), "got a frame"), ([path, path], "got 2 paths")):
        with pytest.raises(UsageError, match=said):
            cl.read_events(visits=wrong, columns={"visits": names}, engine="spark")


@pytest.mark.parametrize(("most", "all_come"), [(6, True), (3, False)])
def test_a_sample_is_taken_of_more_customers_than_may_come(most, all_come, monkeypatch):
    """Six customers: all come where six may, and fewer where three may, by their ids' hashes."""
    import ibis

    from churnlab.summary import there

    monkeypatch.setattr(there, "MOST_CUSTOMERS", most)
    days = {"x": 1.0, "t_x": 3.0, "T": 9.0, "sum_log_gap": 1.0}
    day = pd.Timestamp("2024-01-01")
    people = pd.DataFrame([{"customer_id": f"c{i}", **days} for i in range(6)])
    people = people.assign(first_purchase_at=day, last_purchase_at=day)
    table = ibis.duckdb.connect().create_table("people", people)
    found = there.summary_there(table, dt.date(2024, 1, 10), ())
    assert found.cells.n_customers == 6
    kept = [h < format(int(most / 6 * 16**12), "012x") for h in map(_md5, people["customer_id"])]
    assert (
        found.customers["customer_id"].tolist()
        == (people["customer_id"] if all_come else people["customer_id"][kept]).tolist()
    )
    assert all_come == (len(found.customers) == 6)


def _md5(text):
    import hashlib

    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:12]


@pytest.mark.parametrize(
    ("master", "before", "after"),
    [("local[2]", "200", "4"), ("local[2]", "199", "199"), ("yarn", "200", "200")],
)
def test_one_machine_gets_few_partitions_unless_somebody_said_how_many(master, before, after):
    from types import SimpleNamespace

    from churnlab.events.warehouse.engines import Spark

    settings = {"spark.sql.shuffle.partitions": before}
    context = SimpleNamespace(master=master, defaultParallelism=2, setLogLevel=lambda _: None)
    conf = SimpleNamespace(get=settings.get, set=settings.__setitem__)
    builder = SimpleNamespace(getOrCreate=lambda: SimpleNamespace(sparkContext=context, conf=conf))
    builder.appName = builder.config = lambda *_: builder
    Spark._begin(builder)
    assert settings["spark.sql.shuffle.partitions"] == after
