"""The loyal households of a real grocery panel, against plain SQL."""

import duckdb
import ibis
import pytest

from churnlab.events import log_from_frames
from churnlab.journeys import JourneyConfig
from churnlab.journeys.baskets import read_baskets
from churnlab.journeys.loyal import find_loyal
from churnlab.journeys.mine import mine

LINES = """
SELECT t.customer_id, t.timestamp AS event_at, t.basket_id AS order_id,
       p.product_category AS category
FROM '{0}/completejourney_transactions.parquet' t
LEFT JOIN '{0}/completejourney_products.parquet' p USING (product_id)
"""
WALKED = """
SELECT count(DISTINCT a.customer_id) FROM line a JOIN line b ON a.customer_id = b.customer_id
 AND b.event_at > a.event_at AND b.event_at <= a.event_at + INTERVAL 10 DAY
WHERE a.category = ? AND b.category = ? AND a.event_at + INTERVAL 10 DAY < '2018-01-01'
 AND a.customer_id IN (SELECT customer_id FROM loyal)
"""


@pytest.mark.shared_data
def test_the_top_pair_of_loyal_households_equals_plain_sql(shared_data):
    lines = duckdb.sql(LINES.format(shared_data)).df()
    log = log_from_frames({"purchases": lines}, as_of="2017-12-31", duplicates="keep")
    config = JourneyConfig(level="category", most_items=8, most_prefixes=1)
    loyal = find_loyal(log, config.loyal, seed=1)
    people = loyal.customers.loc[loyal.customers["loyal"], ["customer_id"]]
    assert loyal.n == 489
    baskets = read_baskets(log, level="category", window_days=10, most_items=8)
    top = mine(baskets.of(ibis.memtable(people)), config, who="loyal").journeys.iloc[0]
    con = duckdb.connect()
    con.register("loyal", people)
    con.register("raw", lines)
    con.execute(
        "CREATE TABLE line AS SELECT DISTINCT customer_id, category, event_at FROM (SELECT *, "
        "min(event_at) OVER (PARTITION BY customer_id, order_id) AS first FROM raw)"
    )
    (plain,) = con.execute(WALKED, [top["item_1"], top["item_2"]]).fetchone()
    assert top["support"] == plain
    assert 470 <= plain <= 489
    assert top["lift_q05"] < 1.01
    assert top["lift_q95"] > 0.99
