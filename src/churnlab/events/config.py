"""Settings of the data: which tables, where they lie, how their columns are called."""

from dataclasses import dataclass, field

from churnlab.errors import UsageError, one_of
from churnlab.events.checks import check_encoding, check_time_zone
from churnlab.formats.times import parse_day

RETURNS = ("drop", "keep", "error")
BAD_ROWS = ("drop", "error")
DUPLICATES = ("drop", "keep", "error")
AMOUNT_PER = ("row", "order")
DECIMALS = (".", ",")
UNKNOWN_BEGINNINGS = ("drop", "model")
ENGINES = ("duckdb", "spark", "postgres")
PURCHASE_UNITS = ("customer_day", "order")
#: Fields of a table that say how it is read; the others name columns.
SETTINGS = (
    *("path", "table", "where", "time_format", "encoding", "sheet", "decimal"),
    *("cancelled_values", "kept_values", "amount_per"),
)
#: Data that come with packages; `syn_shop` is simulated by the commands, `files` are the user's.
EMBEDDED = ("cdnow", "cdnow_full", "complete_journey")
DATA_NAMES = ("files", *EMBEDDED, "syn_shop")


@dataclass(kw_only=True)
class SourceTable:
    """Where one table lies and which of its rows count.

    path: CSV, Parquet or Excel file, or a glob of such files.
    table: Name of a table behind `data.connection`, instead of a path.
    where: SQL condition on the source's own columns; rows for which it does not hold are left out
        before anything is counted.
    time_format: strptime format of the times; for numbers also `epoch_s`, `epoch_ms`, `epoch_us`,
        `epoch_ns` (since 1970) or `excel_days` (since 1899-12-30, local).
    encoding: Of text files: utf-8, cp949, cp932, latin-1, utf-16, ...; default: seen from the file.
    sheet: Of a workbook; default: the only one that holds rows.
    customer_id: The source's column with the customer's id.
    """

    path: str | None = None
    table: str | None = None
    where: str | None = None
    time_format: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    customer_id: str = "customer_id"

    def __post_init__(self) -> None:
        """Refuse a table with two sources, and encodings that Python does not know."""
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.path is not None and self.table is not None:
            raise UsageError(
                f"a table has either a path or a table name; got path={self.path!r} and "
                f"table={self.table!r}. Remove one."
            )

    @property
    def given(self) -> bool:
        """Whether the table has a source at all."""
        return self.path is not None or self.table is not None


@dataclass(kw_only=True)
class PurchasesTable(SourceTable):
    """Purchases; an optional column left at null is taken where the source has one of that name.

    event_at: A column, or an SQL expression such as ``"Date" || ' ' || "Time"`` where a day and its
        time of day stand apart (so for every table's times).
    amount: A column, or an SQL expression over columns such as ``quantity * price``.
    refunded_amount: What was paid back of the row, or of its order; subtracted from the amount.
    status: A column by whose values rows are no purchases (`cancelled_values`) or are
        (`kept_values`); a line that leaves it blank takes the status of its order.
    cancelled_values, kept_values: One of the two; upper and lower case are the same.
    amount_per: `order` where every line repeats the order's total, `row` where it is the line's
        own; default: seen from the orders of several lines.
    decimal: Decimal mark of numbers in text, `.` or `,`; default: seen from the whole column.
    """

    event_at: str = "event_at"
    amount: str | None = None
    order_id: str | None = None
    item: str | None = None
    category: str | None = None
    cancelled: str | None = None
    refunded_amount: str | None = None
    status: str | None = None
    cancelled_values: list[str] = field(default_factory=list)
    kept_values: list[str] = field(default_factory=list)
    amount_per: str | None = None
    decimal: str | None = None

    def __post_init__(self) -> None:
        """Refuse unknown decimal marks and units, and statuses both to drop and to keep."""
        super().__post_init__()
        one_of("data.purchases.decimal", self.decimal, DECIMALS)
        one_of("data.purchases.amount_per", self.amount_per, AMOUNT_PER)
        if self.cancelled_values and self.kept_values:
            raise UsageError(
                "data.purchases has both cancelled_values and kept_values; give the one list that "
                "is easier to state."
            )
        if (self.cancelled_values or self.kept_values) and self.status is None:
            self.status = "status"


@dataclass(kw_only=True)
class VisitsTable(SourceTable):
    """Visits or other signs of attention."""

    event_at: str = "event_at"
    source: str | None = None
    event: str | None = None
    item: str | None = None


@dataclass(kw_only=True)
class MembersTable(SourceTable):
    """Members; with no `attributes` named, every other column is one under its own name."""

    signed_up_at: str = "signed_up_at"
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class TreatmentsTable(SourceTable):
    """Messages sent or withheld."""

    event_at: str = "event_at"
    arm: str = "arm"
    rule_id: str | None = None
    cost: str | None = None
    decimal: str | None = None

    def __post_init__(self) -> None:
        """Refuse unknown decimal marks."""
        super().__post_init__()
        one_of("data.treatments.decimal", self.decimal, DECIMALS)


@dataclass(kw_only=True)
class DataConfig:
    """The data of a run.

    name: `files` (the tables below) or embedded data: `cdnow`, `cdnow_full`, `complete_journey`.
    engine: Where the log is checked, cleaned and summed up: `duckdb` (in this process), `spark` or
        `postgres`, where tables stay and only counts come from; see docs/scale.md.
    connection: An Ibis URL (`duckdb://…`, `postgres://…`); tables are then named by `table`.
    time_zone: IANA name; sets the day boundary. Naive times are local to it, offsets are converted.
    returns: What becomes of purchases with amount < 0 or `cancelled` true: `drop`, `keep`, `error`;
        default: drop up to half of the rows.
    on_bad_rows: Rows without id or readable time: `drop`, `error`; default: drop up to
        `max_bad_share`.
    max_bad_share: Largest share of bad rows that is dropped without asking.
    duplicates: Rows equal to an earlier one in every column of the source: `drop`, `keep`, `error`;
        default: drop up to a tenth of the rows.
    purchase_unit: `customer_day` (several purchases on a day are one) or `order`.
    history_from: A day (ISO); of whoever bought, visited or signed up before it the first purchase
        in the log need not be their first.
    unknown_beginning: What becomes of them: `drop` leaves them out; `model` keeps them and gives
        members the attribute `beginning` (`before` or `within`), for `model.group=beginning`.
    memory_limit: Memory from which the embedded engine spills to the temporary folder, for example
        `2GB`.
    """

    name: str = "files"
    engine: str = "duckdb"
    connection: str | None = None
    time_zone: str = "UTC"
    returns: str | None = None
    on_bad_rows: str | None = None
    max_bad_share: float = 0.01
    duplicates: str | None = None
    purchase_unit: str = "customer_day"
    history_from: str | None = None
    unknown_beginning: str = "drop"
    memory_limit: str | None = None
    purchases: PurchasesTable = field(default_factory=PurchasesTable)
    visits: VisitsTable = field(default_factory=VisitsTable)
    members: MembersTable = field(default_factory=MembersTable)
    treatments: TreatmentsTable = field(default_factory=TreatmentsTable)

    def __post_init__(self) -> None:
        """Refuse unknown words, shares outside 0..1, zones that do not exist."""
        if any(t.given for t in self.tables.values()):
            # Somebody's own tables, under a name of their own; they win over embedded data.
            self.name = "files" if self.name in (*EMBEDDED, "syn_shop") else self.name
        else:
            one_of("data", self.name, DATA_NAMES)
        one_of("data.engine", self.engine, ENGINES)
        one_of("data.unknown_beginning", self.unknown_beginning, UNKNOWN_BEGINNINGS)
        one_of("data.purchase_unit", self.purchase_unit, PURCHASE_UNITS)
        one_of("data.returns", self.returns, RETURNS)
        one_of("data.duplicates", self.duplicates, DUPLICATES)
        one_of("data.on_bad_rows", self.on_bad_rows, BAD_ROWS)
        if not 0 <= self.max_bad_share <= 1:
            raise UsageError(
                f"data.max_bad_share must lie between 0 and 1; got {self.max_bad_share}."
            )
        check_time_zone(self.time_zone)
        if self.history_from is not None:
            self.history_from = str(parse_day(self.history_from, "data.history_from"))
        elif self.unknown_beginning == "model":
            raise UsageError(
                "data.unknown_beginning=model needs data.history_from, the day from which the log "
                "is complete."
            )
        for name, table in self.tables.items():
            if table.table is not None and self.connection is None and self.engine != "spark":
                raise UsageError(
                    f"data.{name}.table={table.table} needs data.connection, an Ibis URL such as "
                    f"postgres://user@host/database; for a file use data.{name}.path."
                )

    @property
    def tables(self) -> dict[str, SourceTable]:
        """The four tables by name, given or not."""
        return {n: getattr(self, n) for n in ("purchases", "visits", "members", "treatments")}
