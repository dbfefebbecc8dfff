"""What Spark and PostgreSQL do in their own way; everything else is one Ibis expression."""

from __future__ import annotations

import contextlib
import secrets
import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import ibis

from churnlab import engine as embedded
from churnlab.errors import DataError, UsageError
from churnlab.events.config import DataConfig, SourceTable
from churnlab.events.sources.connections import qualified
from churnlab.events.sources.views import ROW_HASH, where_error
from churnlab.formats.expressions import NotAnExpressionError, parse
from churnlab.formats.times import at_zone

_PARTITIONS: Final = "spark.sql.shuffle.partitions"


class Opened(NamedTuple):
    """A source as its engine sees it."""

    rows: Any
    """Ibis table: the source's columns and `ROW_HASH`; instants have become local times."""
    zoned: frozenset[str]
    """Columns that held instants (times with an offset)."""
    label: str
    """What to call it in messages."""


class Engine(ABC):
    """An engine that is not in this process; its tables are gone with the session.

    backend: Where expressions run.
    """

    name: ClassVar[str]

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.mark = f"churnlab_{secrets.token_hex(4)}_"
        self.held: dict[str, Any] = {}

    def named(self, name: str) -> str:
        """Return the name of one of our own tables: those of others may be called so."""
        return self.mark + name

    def open(self, table: str, config: SourceTable, zone: str) -> Opened:
        """Look at a source: nothing of it is fetched.

        table: The table of the contract that it feeds.
        config: Where it is, and which of its rows count (`where`).
        zone: IANA name of the local zone.
        Raises DataError: It is not there, or the condition is refused.
        """
        label = str(config.table or config.path)
        try:
            if config.where:
                parse(config.where, self.name)
            return self._open(table, config, zone, label)
        except NotAnExpressionError as error:
            raise where_error(table, config.where, [], error) from error
        except DataError:
            raise
        except Exception as error:
            where = f", data.{table}.where" if config.where else ""
            raise DataError(
                f"{table}: {label} cannot be read by {self.name} ({embedded.plain_message(error)})."
                f" Check the name{where} and, of files, that they are Parquet that its workers see."
            ) from error

    @abstractmethod
    def _open(self, table: str, config: SourceTable, zone: str, label: str) -> Opened: ...

    @abstractmethod
    def keep(self, name: str, expression: Any) -> Any:
        """Compute a table once, where the data are, and return it under a name of ours."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Let go of a table under a name of ours."""

    @abstractmethod
    def write(self, expression: Any, folder: Path) -> None:
        """Write the rows of an expression as Parquet files into a folder."""

    def let_go(self, names: Collection[str] = ()) -> None:
        """Drop what was kept, but for what is called so."""
        for held in set(self.held) - set(map(self.named, names)):
            self.drop(held)

    def close(self) -> None:
        """Drop all that was kept; the connection is left to its owner."""
        self.let_go()


class Spark(Engine):
    """The session that is active, or one by the machine's Spark settings."""

    name = "spark"

    @classmethod
    def connect(cls) -> Spark:
        """Start it, or take the active one.

        Raises UsageError: PySpark or Java is missing.
        """
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise UsageError(
                "data.engine=spark needs PySpark: pip install 'churnlab[spark]', and Java 17."
            ) from error
        warnings.filterwarnings("ignore", message="PySpark does not yet")  # of pandas 3
        session = SparkSession.getActiveSession()
        if session is None:
            session = cls._begin(SparkSession.builder)
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return cls(ibis.pyspark.connect(session))

    @staticmethod
    def _begin(builder: Any) -> Any:
        """Start a session by the machine's Spark settings; one machine needs no 200 partitions."""
        quiet = builder.appName("churnlab").config("spark.ui.showConsoleProgress", "false")
        try:
            session = quiet.getOrCreate()
        except Exception as error:
            raise UsageError(
                f"Spark does not start ({embedded.plain_message(error)}). It needs Java 17 or "
                "later: install it, or name its folder in JAVA_HOME."
            ) from error
        session.sparkContext.setLogLevel("ERROR")
        unset = session.conf.get(_PARTITIONS) == "200"
        if unset and session.sparkContext.master.startswith("local"):
            session.conf.set(_PARTITIONS, str(2 * session.sparkContext.defaultParallelism))
        return session

    @property
    def session(self) -> Any:
        """The Spark session."""
        return self.backend._session

    def _open(self, table: str, config: SourceTable, zone: str, label: str) -> Opened:
        read = self.session.table if config.table else self.session.read.parquet
        frame = read(label)
        frame = frame.where(f"(\n{config.where}\n)") if config.where else frame
        instants = [f.name for f in frame.schema.fields if f.dataType.typeName() == "timestamp"]
        local = {c: _spark_local(c, zone) for c in instants}
        columns = [local.get(c, _backticks(c)) for c in frame.columns]
        hashed = frame.selectExpr(*columns, f"xxhash64(*) AS {_backticks(ROW_HASH)}")
        return Opened(self._view(f"source_{table}", hashed), frozenset(instants), label)

    def _view(self, name: str, frame: Any) -> Any:
        """Name a frame; its plan is its own, so the names that it was made of may go."""
        self.held[self.named(name)] = frame
        frame.createOrReplaceTempView(self.named(name))
        return self.backend.table(self.named(name))

    def keep(self, name: str, expression: Any) -> Any:
        """Compute a table once; the workers hold it in memory, and on disk beyond that."""
        return self._view(name, self.session.sql(self.backend.compile(expression)).persist())

    def drop(self, name: str) -> None:
        """Let go of a table under a name of ours."""
        self.held.pop(name).unpersist()
        self.session.catalog.dropTempView(name)

    def write(self, expression: Any, folder: Path) -> None:
        """Let the workers write Parquet files into a folder that they all see."""
        self.backend.create_view(self.named("written"), expression)
        frame = self.session.table(self.named("written"))
        local = [  # as local times: the default, 96 bits from 1970 in nanoseconds, ends in 2262
            f"CAST({name} AS TIMESTAMP_NTZ) AS {name}" if kind == "timestamp" else name
            for name, kind in ((_backticks(f.name), f.dataType.typeName()) for f in frame.schema)
        ]
        frame.selectExpr(*local).write.parquet(str(folder.absolute()))
        self.session.catalog.dropTempView(self.named("written"))


class Postgres(Engine):
    """A PostgreSQL database; what is computed once lies in temporary tables."""

    name = "postgres"

    @classmethod
    def connect(cls, url: str | None) -> Postgres:
        """Connect to a database.

        Raises UsageError: No URL.
        Raises DataError: The connection fails.
        """
        if url is None or not url.startswith("postgres"):
            raise UsageError(
                "data.engine=postgres needs data.connection, such as postgres://user@host/database."
            )
        try:
            return cls(ibis.connect(url))
        except Exception as error:
            raise DataError(
                f"data.connection cannot be opened ({embedded.plain_message(error)}). Is the "
                "server running, and are user and password right?"
            ) from error

    def _open(self, table: str, config: SourceTable, zone: str, label: str) -> Opened:
        if config.table is None:
            raise UsageError(
                f"data.engine=postgres reads tables; got data.{table}.path. Name a table in "
                f"data.{table}.table, or read files with data.engine=duckdb."
            )
        *place, last = map(embedded.identifier, qualified(config.table))
        kept = f" WHERE (\n{config.where}\n)" if config.where else ""
        rows = self.backend.sql(
            "SELECT *, hashtextextended(CAST(whole_row AS text), 0) AS "
            f"{embedded.identifier(ROW_HASH)} FROM {'.'.join([*place, last])} AS whole_row{kept}"
        )
        kinds = rows.schema()
        zoned = [c for c, k in kinds.items() if k.is_timestamp() and k.timezone is not None]
        local = {c: at_zone(zone, rows[c]) for c in zoned}
        return Opened(rows.mutate(**local), frozenset(zoned), label)

    def keep(self, name: str, expression: Any) -> Any:
        """Compute a table once, as a temporary table."""
        made = self.backend.create_table(self.named(name), expression, temp=True)
        self.held[self.named(name)] = made
        return made

    def drop(self, name: str) -> None:
        """Let go of a table under a name of ours."""
        del self.held[name]
        self.backend.drop_table(name, force=True)

    def write(self, expression: Any, folder: Path) -> None:
        """Write one Parquet file; rows come over the connection in batches."""
        folder.mkdir()
        self.backend.to_parquet(expression, folder / "part-0.parquet")

    def close(self) -> None:
        """End the session, and with it the temporary tables."""
        self.held.clear()
        with contextlib.suppress(Exception):
            self.backend.disconnect()


def _backticks(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _spark_local(column: str, zone: str) -> str:
    """Return the local time of an instant; the session's zone is UTC."""
    name = _backticks(column)
    return f"convert_timezone('UTC', '{zone}', CAST({name} AS TIMESTAMP_NTZ)) AS {name}"


def connect(config: DataConfig) -> Engine:
    """Return the engine that a configuration names."""
    return Spark.connect() if config.engine == "spark" else Postgres.connect(config.connection)
