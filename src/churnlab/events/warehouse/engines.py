"""What Spark and PostgreSQL do in their own way; everything else is one Ibis expression."""

from __future__ import annotations

import contextlib
import secrets
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import ibis

from churnlab.errors import DataError, UsageError
from churnlab.events import engine as embedded
from churnlab.events.config import DataConfig, SourceTable
from churnlab.events.formats.expressions import NotAnExpressionError, parse
from churnlab.events.formats.times import at_zone
from churnlab.events.sources.connections import qualified
from churnlab.events.sources.views import ROW_HASH, where_error


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

    Attributes
    ----------
    backend : ibis.BaseBackend
        Where expressions run.
    """

    name: ClassVar[str]

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.mark = f"churnlab_{secrets.token_hex(4)}_"
        self.held: set[str] = set()

    def named(self, name: str) -> str:
        """Return the name of one of our own tables: those of others may be called so."""
        return self.mark + name

    def open(self, table: str, config: SourceTable, zone: str) -> Opened:
        """Look at a source: nothing of it is fetched.

        Parameters
        ----------
        table : str
            The table of the contract that it feeds.
        config : SourceTable
            Where it is, and which of its rows count (`where`).
        zone : str
            IANA name of the local zone.

        Raises
        ------
        DataError
            It is not there, or the condition is refused.
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
        """Let go of a kept table."""

    @abstractmethod
    def write(self, expression: Any, folder: Path) -> None:
        """Write the rows of an expression as Parquet files into a folder."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection."""


class Spark(Engine):
    """The session that is active, or one by the machine's Spark settings."""

    name = "spark"

    @classmethod
    def connect(cls) -> Spark:
        """Start it, or take the active one.

        Raises
        ------
        UsageError
            PySpark or Java is missing.
        """
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise UsageError(
                "data.engine=spark needs PySpark: pip install 'churnlab[spark]', and Java 17."
            ) from error
        try:
            session = SparkSession.builder.appName("churnlab").getOrCreate()
        except Exception as error:
            raise UsageError(
                f"Spark does not start ({embedded.plain_message(error)}). It needs Java 17 or "
                "later: install it, or name its folder in JAVA_HOME."
            ) from error
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return cls(ibis.pyspark.connect(session))

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
        view = self.named(f"source_{table}")
        frame.selectExpr(
            *columns, f"xxhash64(*) AS {_backticks(ROW_HASH)}"
        ).createOrReplaceTempView(view)
        self.held.add(view)
        return Opened(self.backend.table(view), frozenset(instants), label)

    def keep(self, name: str, expression: Any) -> Any:
        """Compute a table once; the workers hold it in memory, and on disk beyond that."""
        table = self.backend.create_view(self.named(name), expression)
        self.session.catalog.cacheTable(self.named(name))
        self.held.add(self.named(name))
        return table

    def drop(self, name: str) -> None:
        """Let go of a kept table."""
        self._drop(self.named(name))

    def _drop(self, view: str) -> None:
        self.session.catalog.uncacheTable(view)
        self.session.catalog.dropTempView(view)
        self.held.discard(view)

    def write(self, expression: Any, folder: Path) -> None:
        """Let the workers write Parquet files into a folder that they all see."""
        self.backend.to_parquet(expression, str(folder.absolute()))

    def close(self) -> None:
        """Let go of our tables; the session is its owner's."""
        for view in sorted(self.held):
            self._drop(view)


class Postgres(Engine):
    """A PostgreSQL database; what is computed once lies in temporary tables."""

    name = "postgres"

    @classmethod
    def connect(cls, url: str | None) -> Postgres:
        """Connect to a database.

        Raises
        ------
        UsageError
            No URL.
        DataError
            The connection fails.
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
        self.held.add(self.named(name))
        return self.backend.create_table(self.named(name), expression, temp=True)

    def drop(self, name: str) -> None:
        """Let go of a kept table."""
        self.backend.drop_table(self.named(name), force=True)
        self.held.discard(self.named(name))

    def write(self, expression: Any, folder: Path) -> None:
        """Write one Parquet file; rows come over the connection in batches."""
        folder.mkdir()
        self.backend.to_parquet(expression, folder / "part-0.parquet")

    def close(self) -> None:
        """End the session, and with it the temporary tables."""
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
