"""The commands: what each does, needs and writes. Adding one is an entry here and its use case."""

from __future__ import annotations

from churnlab.cli.command import Command
from churnlab.cli.options import (
    AS_OF,
    CALENDAR,
    CUT,
    DATA,
    ENGINE,
    GRID_MODEL,
    GROUP,
    INFERENCE,
    LOG,
    MODEL,
    PAGES,
    PATH,
    RUN,
    RUN_DIR,
    VALUE,
)

#: Takes files instead of keys and makes settings instead of a run folder.
INIT = Command(
    name="init",
    does="looks at any export, shows what it is, and writes your settings: start here",
    writes=("conf/data/NAME.yaml",),
    examples=(
        "churnlab init orders.csv",
        "churnlab init orders.xlsx members.csv --yes name=shop",
        "churnlab init exports/ && churnlab pipeline data=exports",
        "churnlab init duckdb://shop.duckdb",
    ),
    options=(
        ("FILE...", "CSV, Parquet, Excel, gzip; a folder, a glob in quotes, or a database URL"),
        ("--yes", "asks nothing and takes the safer of two readings"),
        ("name=NAME", "of the settings, then data=NAME (default: the file's)"),
    ),
)

COMMANDS: dict[str, Command] = {
    c.name: c
    for c in (
        Command(
            name="demo",
            does="the main job on embedded data, end to end; prints what it found",
            needs=("folder",),
            writes=("cdnow/...", "syn_shop/..."),
            examples=("churnlab demo", "churnlab demo run_dir=outputs/demo lang=ko"),
            options=(("lang=en", "or ko: the language of the reports"), *PAGES, *RUN),
        ),
        Command(
            name="pipeline",
            does="the main job on your data: check, fit, segment, backtest, nday, journey, export, "
            "report",
            needs=("log", "folder"),
            writes=("one folder per step", "report.html", "board.html"),
            examples=(
                "churnlab pipeline data=files data.purchases.path=orders.csv as_of=2011-09-30",
                "churnlab pipeline data=syn_shop",
            ),
            options=(*LOG, MODEL, INFERENCE, *CUT, VALUE, *PAGES, *RUN),
        ),
        Command(
            name="check",
            anywhere=True,
            does="event logs against the data contract",
            writes=("data_report.json",),
            examples=(
                "churnlab check data=cdnow",
                "churnlab check data=files data.purchases.path='orders/*.parquet' "
                "data.purchases.customer_id=user_id data.purchases.event_at=ordered_at",
            ),
            options=(
                *LOG,
                ENGINE,
                ("data.time_zone=UTC", "an IANA zone; sets the day boundary"),
                ("data.returns=drop", "or keep, error: rows with amount < 0 or cancelled"),
                ("data.on_bad_rows=drop", "or error; default: drop up to data.max_bad_share"),
                RUN_DIR,
            ),
        ),
        Command(
            name="fit",
            anywhere=True,
            does="posterior of a model and the per-customer table",
            writes=("posterior.nc", "fit.json", "customers.parquet"),
            examples=(
                "churnlab fit data=cdnow as_of=1997-09-30",
                "churnlab fit data=cdnow model=pareto_nbd inference=nuts run_dir=outputs/pareto",
                'churnlab fit model.priors.rate_shape="Gamma(alpha=2, beta=1)"',
                "churnlab fit -m model=bg_nbd,mbg_nbd,pareto_nbd",
            ),
            options=(*LOG, ENGINE, MODEL, GROUP, CALENDAR, INFERENCE, *CUT, VALUE, *RUN),
        ),
        Command(
            name="segment",
            boarded=True,
            does="visit x purchase grid at as_of, and changes since compare_to",
            writes=(
                "membership.parquet",
                "shares.parquet",
                "transitions.parquet",
                "shares_over_time.parquet",
                "board.html",
            ),
            examples=(
                "churnlab segment data=syn_shop",
                "churnlab segment data=syn_shop compare_to=2025-03-31 segments.periods=4",
            ),
            options=(
                DATA,
                AS_OF,
                ("compare_to=DATE", "an earlier day for the changes (default: 30 days before)"),
                ("segments.periods=6", "steps back: shares over time, core-leak alert; 0: none"),
                ("segments.every_days=N", "days of a step (default: from compare_to to as_of)"),
                ("segments.breakdown=[tier]", "shares by attributes of the members"),
                GRID_MODEL,
                ("visits.model=mbg_nbd", "model of the visit-days; visits.risk_value, ..."),
                *CUT,
                VALUE,
                *RUN,
            ),
        ),
        Command(
            name="backtest",
            does="rolling origins x candidates x rules on held-out periods",
            writes=("scores.parquet", "rules.parquet", "calibration.parquet", "backtest.json"),
            examples=(
                "churnlab backtest data=cdnow split.origins=[1997-09-30] split.horizon_days=[273]",
                "churnlab backtest -m experiment=model_per_horizon seed=1,2",
            ),
            options=(
                DATA,
                AS_OF,
                ("candidates=[...]", "models and baselines to compare"),
                ("split.origins=3", "a number of rolling origins, or a list of dates"),
                ("split.horizon_days=[28,91]", "label windows"),
                ("split.recalibration=auto", "or isotonic, shrunk_isotonic, platt, beta, none"),
                ("keep_predictions=true", "write forecast and outcome of every customer"),
                *CUT,
                *RUN,
            ),
        ),
        Command(
            name="report",
            folder="pages",
            does="renders the notebook report of a run folder",
            needs=(),
            writes=("report.html", "report.ipynb", "summary.md"),
            examples=("churnlab report run=outputs/demo/cdnow", "churnlab report run=F lang=ko"),
            options=(("run=FOLDER", "a finished run"), ("lang=en", "or ko")),
        ),
        Command(
            name="board",
            folder="pages",
            does="a run as one page that answers clicks: who, what to do, at which costs",
            needs=(),
            writes=("board.html",),
            examples=(
                "churnlab board run=outputs/demo/syn_shop report.title='My shop'",
                "churnlab board run=F lang=ko report.currency=KRW --serve",
            ),
            options=(
                ("run=FOLDER", "a finished run"),
                ("lang=en", "or ko"),
                *PAGES,
                ("--serve", "shows it on this machine, at http://127.0.0.1:8321 (port=N)"),
            ),
        ),
        Command(
            name="compare",
            does="finished runs side by side: scores, parameters, shares, best first",
            needs=(),
            writes=("compare.parquet", "report.html"),
            examples=(
                "churnlab compare 'runs=[outputs/monday,outputs/tuesday]'",
                "churnlab compare 'runs=[outputs/bg,outputs/mbg]' lang=ko run_dir=outputs/both",
            ),
            options=(
                ("runs=[FOLDER,...]", "two or more finished runs of fit, segment, backtest, nday"),
                ("lang=en", "or ko: the language of the report"),
                RUN_DIR,
            ),
        ),
        Command(
            name="simulate",
            does="event logs with known truth: purchases, visits, members, treatments, items",
            needs=(),
            writes=("*.parquet", "truth.parquet"),
            examples=("churnlab simulate shop.n_members=20000 seed=7 run_dir=data/cache/shop",),
            options=(("shop.n_members=N", "members of the simulated shop"), *RUN),
        ),
        Command(
            name="nday",
            boarded=True,
            does="conversion curve of signup cohorts, plateau, rule(N), its backtest",
            writes=("curve.parquet", "rule.json", "nday_audience.parquet", "board.html"),
            examples=(
                "churnlab nday data=syn_shop nday.n=10",
                "churnlab nday data=files data.members.path=members.csv "
                "data.purchases.path=orders.csv nday.cohort.window_days=30",
            ),
            options=(
                ("data=syn_shop", "the simulated shop; yours: files"),
                PATH,
                ("data.members.path=FILE", "who signed up when (needed)"),
                AS_OF,
                ("nday.n=10", "day N of the stronger offer"),
                ("nday.cohort.window_days=30", "conversion is reported within this window"),
                ("nday.costs.margin=...", "what a purchase earns; also coupon and message cost"),
                ("previous=FILE", "an earlier audience: nobody gets a message twice"),
                *RUN,
            ),
        ),
        Command(
            name="journey",
            boarded=True,
            does="loyal customers' item journeys, personas, cycles of goods and audiences",
            writes=(
                "journeys.parquet",
                "personas.parquet",
                "journey_audience.parquet",
                "board.html",
            ),
            examples=(
                "churnlab journey data=syn_shop",
                "churnlab journey data=complete_journey journey.level=category",
                "churnlab journey data=files data.purchases.path=orders.csv "
                "data.purchases.item=sku 'journey.walk=[\"A > B\"]'",
            ),
            options=(
                ("data=syn_shop", "the simulated shop; yours: files"),
                PATH,
                ("data.purchases.item=NAME", "the column with the goods; or category"),
                AS_OF,
                ("journey.level=item", "or category"),
                ("journey.window_days=10", "window of a journey; journey.span=whole or gap"),
                ("journey.least_customers=30", "support of a journey, in customers"),
                ("journey.loyal.rule=posterior", "or tier, with journey.loyal.tiers=[gold]"),
                ('journey.walk=["A > B"]', "journeys whose audiences are wanted"),
                *RUN,
            ),
        ),
        Command(
            name="explain",
            does="why one customer stands where they stand",
            writes=("explain.json", "explain.png"),
            examples=(
                "churnlab explain data=syn_shop customer=m00001",
                "churnlab explain data=cdnow customer=0841 lang=ko",
            ),
            options=(
                ("customer=ID", "to the letter"),
                ("lang=en", "or ko: the language of the picture and the paragraph"),
                DATA,
                AS_OF,
                GRID_MODEL,
                *CUT,
                RUN_DIR,
            ),
        ),
        Command(
            name="export",
            folder="production",
            does="threshold bundle from run folders",
            needs=("folder",),
            staged=False,
            writes=(
                "bundle.json",
                "customer_thresholds.parquet",
                "segment_membership.parquet",
                "segment_share.parquet",
                "actions.parquet",
                "audiences",
                "score.<dialect>.sql",
            ),
            examples=(
                "churnlab export runs=[outputs/mine] run_dir=outputs/export",
                "churnlab export runs=[outputs/fit,outputs/backtest] export.valid_days=60",
            ),
            options=(
                (
                    "runs=[FOLDER,...]",
                    "a pipeline, or fit, segment, backtest, nday, journey folders",
                ),
                ("export.valid_days=90", "how long the thresholds are meant to be used"),
                ("export.changed_since=FOLDER", "adds tables of the rows that changed since"),
                ("export.allow_uncalibrated=true", "although the backtest does not suffice"),
                ("export.sql.table=NAME", "event table that the SQL reads"),
                RUN_DIR,
            ),
        ),
        Command(
            name="score",
            folder="production",
            does="new events scored with a bundle, no refit",
            writes=("customer_thresholds.parquet",),
            examples=("churnlab score bundle=outputs/export data.purchases.path=orders.csv",),
            options=(("bundle=FOLDER", "an export"), *LOG, RUN_DIR),
        ),
        Command(
            name="verify",
            folder="production",
            does="checks a bundle: schema, cross-field rules, hashes, SQL against Python",
            needs=(),
            writes=("verify.json",),
            examples=("churnlab verify bundle=outputs/export",),
            options=(("bundle=FOLDER", "an export"), RUN_DIR),
        ),
        Command(
            name="monitor",
            folder="production",
            does="a bundle against newer data: staleness, drift, matured labels",
            writes=("monitor.json",),
            examples=("churnlab monitor bundle=outputs/export data.purchases.path=orders.csv",),
            options=(("bundle=FOLDER", "an export"), *LOG, RUN_DIR),
        ),
        Command(
            name="sbc",
            does="simulation-based calibration of a model",
            needs=(),
            writes=("sbc.parquet", "sbc.png"),
            examples=("churnlab sbc model=pareto_nbd simulations=200",),
            options=(
                ("model=mbg_nbd", "or bg_nbd, pareto_nbd, ggom_nbd, bg_cnbd_k, mbg_cnbd_k"),
                ("simulations=200", "simulated populations"),
                ("customers=300", "customers in each"),
                *RUN,
            ),
        ),
    )
}
