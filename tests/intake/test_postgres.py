"""`churnlab init postgres://...`: types of a server, empty tables beside, nothing written there."""

import tempfile
from pathlib import Path

import pytest
from tests.services import private_postgres

from churnlab.events import open_log

from .exports import purchases
from .test_init import folder, init, settings_of  # noqa: F401 (the fixture)

psycopg = pytest.importorskip("psycopg")


def fill(address, bought):
    """Orders with ids, times, numbers, lists and documents as servers have them; no users."""
    with psycopg.connect(address) as server, server.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE orders (order_id bigint, customer_id uuid, created_at timestamptz, "
            "total numeric(10, 2), state text, tags text[], note jsonb, spent interval)"
        )
        cursor.execute("CREATE TABLE users (id uuid, registered_at timestamptz)")
        cursor.executemany(
            "INSERT INTO orders VALUES (%s, md5(%s)::uuid, %s, %s, %s, '{a}', '{}', '1 day')",
            [
                (k, str(c), f"{at}+09:00", 10.25 + k, "refunded" if k % 20 == 0 else "paid")
                for k, (c, at) in enumerate(bought)
            ],
        )


def test_a_server_is_looked_at_like_a_file(folder):  # noqa: F811
    bought = purchases(11, customers=60)
    with (
        tempfile.TemporaryDirectory(prefix="clpg") as place,
        private_postgres(Path(place)) as address,
    ):
        fill(address, bought)
        assert init(f"postgres://churnlab@/postgres?host={place}", "--yes", "name=server") == 0
        log = open_log(settings_of("server", folder))
    assert log.report.tables["purchases"].dropped["returned"] == len(bought[::20])
    kept = [row for k, row in enumerate(bought) if k % 20]
    assert len(log.frame("purchases")) == len(kept)
    found = log.frame("purchases").groupby("customer_id").size().sort_values().tolist()
    counts = {c: sum(c == other for other, _ in kept) for c, _ in kept}
    assert found == sorted(counts.values())
    assert log.frame("purchases")["amount"].sum() == sum(
        10.25 + k for k in range(len(bought)) if k % 20
    )
