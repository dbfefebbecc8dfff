"""Options that several commands share: a key with a value, and what it does."""

DATA = ("data=cdnow", "embedded logs: cdnow, cdnow_full, complete_journey, syn_shop; yours: files")
PATH = ("data.purchases.path=FILE", "CSV, Parquet or a glob; or .table with data.connection=URL")


#: Columns that can be named, by table: `events.schema.COLUMNS`, too heavy for a help text.
MAPPABLE = {
    "purchases": (
        *("customer_id", "event_at", "amount", "order_id", "item", "category", "cancelled"),
        *("refunded_amount", "status"),
    ),
    "visits": ("customer_id", "event_at", "source", "event", "item"),
    "members": ("customer_id", "signed_up_at"),
    "treatments": ("customer_id", "event_at", "arm", "rule_id", "cost"),
}
ENGINE = ("data.engine=duckdb", "or spark, postgres: tables stay there, cells come here")
AS_OF = ("as_of=DATE", "the last known day, inclusive (default: the last day in the logs)")
MODEL = ("model=mbg_nbd", "or bg_nbd, pareto_nbd, ggom_nbd, bg_cnbd_k, mbg_cnbd_k")
GRID_MODEL = ("model=mbg_nbd", "or pareto_nbd, mbg_cnbd_k: models that judge first purchasers")
GROUP = ("model.group=COLUMN", "partial pooling by an attribute of the customers; model.pooling")
CALENDAR = (
    "model.calendar=auto",
    "months where two years say so; or month, week, null; model.events={sale: [FROM, TO]}",
)
INFERENCE = ("inference=laplace", "or nuts; inference.draws=N, inference.chains=N")
RISK = ("risk.basis=p_alive", "or personal_cycles, fixed_days; risk.horizon_days, risk.cycles")
RULE = (
    "rule=overdue",
    "late by the own rhythm; or a cut on risk: fixed, capacity, precision, calibrated, cost_ratio",
)
VALUE = (
    "value.margin_rate=1",
    "of amounts; value.horizon_days, .discount_rate; value.per_purchase=MARGIN without amounts",
)
SEED = ("seed=1", "one seed, spawned to the parts")
PAGES = (
    ("report.title=NAME", "the shop's name on pages; report.currency=KRW, report.lang=ko"),
    ("report.ids=false", "no customer's id in the board"),
    ("report.deliver=F.zip", "board, reports and audiences in one file, to be sent on"),
)
RUN_DIR = ("run_dir=FOLDER", "where the files go (default: outputs/COMMAND_TIME)")

#: What often stands together: the log; the risk and where it is cut; what every run has.
LOG = (DATA, PATH, AS_OF)
CUT = (RISK, RULE)
RUN = (SEED, RUN_DIR)
