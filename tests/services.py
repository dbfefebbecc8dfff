"""Private PostgreSQL and Spark for tests; skipped where absent, a failure in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest


def absent(what):
    """Skip, or fail where everything has to be there."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{what} is missing, and CI=true")
    pytest.skip(f"{what} is missing")


def postgres_binaries():
    """Folder of initdb and pg_ctl, newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    path = shutil.which("initdb")
    return found[0].parent if found else Path(path).parent if path else None


@contextmanager
def private_postgres(folder: Path):
    """A cluster of our own: no TCP port, a socket in `folder`; it refuses to run as root."""
    binaries = postgres_binaries()
    if binaries is None:
        absent("PostgreSQL (apt-get install postgresql)")
    owner = (
        {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    )
    if owner:
        shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o755)

    def run(*command):
        subprocess.run(
            [str(c) for c in command],
            check=True,
            capture_output=True,
            timeout=120,
            cwd="/",
            **owner,
        )

    data = folder / "data"
    run(binaries / "initdb", "-D", data, "-U", "churnlab", "-A", "trust", "-E", "UTF8",
        "--locale=C", "--no-sync")  # fmt: skip
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    run(binaries / "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "log", "start")
    try:
        yield f"host={folder} user=churnlab dbname=postgres"
    finally:
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")


@contextmanager
def local_spark(folder: Path):
    """A local Spark session; starting Java takes seconds."""
    java = shutil.which("java")
    if java is None and not os.environ.get("JAVA_HOME"):
        absent("Java 17")
    sql = pytest.importorskip("pyspark.sql") if not os.environ.get("CI") else __import__(
        "pyspark.sql", fromlist=["sql"]
    )  # fmt: skip
    builder = sql.SparkSession.builder.master("local[1]").appName("churnlab-tests")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        # compiling, and planning anew after each stage, cost more than a hundred rows
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.memory": "1g",
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    # read when Java starts: its best compiler pays for itself after minutes
    os.environ["PYSPARK_SUBMIT_ARGS"] = (
        '--driver-java-options="-XX:TieredStopAtLevel=1" pyspark-shell'
    )
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
