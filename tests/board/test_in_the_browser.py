"""The board in a real browser: every click path, both languages, two widths, no network."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager

import pandas as pd
import pytest
from tests.report.test_korean_pages import english
from tests.shop import BACKWARDS, ITEM, MARKUP, QUOTES

NOISE = ("error", "warning")
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}


class Desk:
    """Pages that stay open: loading one takes longer than all that a test does in it."""

    def __init__(self, browser) -> None:
        self.browser, self.opened = browser, {}

    @contextmanager
    def __call__(self, page_file, width="desk", **options):
        """Offer a page; fail on console errors, requests to the network and dialogs."""
        key = (page_file, width, *options.items())
        if key not in self.opened:
            self.opened[key] = self._open(page_file, width, options)
        page, wrong = self.opened[key]
        page.evaluate("document.getElementById('person').close(); openList('urgent')")
        yield page
        assert wrong == []

    def _open(self, page_file, width, options):
        w, h = WIDTHS[width]
        # Whoever asks for less motion is not kept waiting while the page scrolls; nor is a test.
        options = {"viewport": {"width": w, "height": h}, "reduced_motion": "reduce", **options}
        context = self.browser.new_context(**options)
        page, wrong = context.new_page(), []
        page.on("console", lambda m: wrong.append(m.text) if m.type in NOISE else None)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.on("dialog", lambda d: wrong.append(f"dialog {d.message}"))
        page.on(
            "request", lambda r: wrong.append(r.url) if "://" in r.url.replace("file://", "") else 0
        )
        page.goto(page_file.as_uri())
        page.wait_for_function("window.Plotly !== undefined")
        return page, wrong


@pytest.fixture(scope="module")
def opened(browser):
    desk = Desk(browser)
    yield desk
    for page, _ in desk.opened.values():
        page.context.close()


def number(place, selector: str) -> int:
    return int("".join(c for c in place.locator(selector).inner_text() if c.isdigit()))


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_every_click_path(opened, pages, shop, lang, width):
    with opened(pages[lang], width) as page:
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= WIDTHS[width][0], "the page scrolls sideways"
        for tile in page.locator("button.tile").all():
            tile.click()
            assert page.locator("#people tbody tr").count() > 0
        pressed = page.evaluate(
            """[...document.querySelectorAll("[data-cell]")].map((cell) => { cell.click();
               return [...document.querySelectorAll("[aria-pressed=true]")].indexOf(cell); })"""
        )
        assert len(pressed) >= 15
        assert set(pressed) == {0}
        page.locator("[data-cell='repeat_risk.visit_active']").click()
        page.locator("#flow").scroll_into_view_if_needed()
        page.locator("#flow .sankey").first.wait_for()
        for head in page.locator("[data-sort]:visible").all():
            head.click()
        page.locator("[data-list=gone]").click()
        if page.locator("[data-do=more]").is_visible():
            page.locator("[data-do=more]").click()
        page.locator("[data-person]").first.click()
        page.locator("#person-chart .main-svg").first.wait_for()
        facts = page.locator("#person .facts")
        assert facts.locator("dt").count() == facts.locator("dd").count() > 3
        page.keyboard.press("Escape")
        assert not page.locator("dialog").is_visible()
        for section in ("worth", "nday", "journeys", "plan", "trust"):
            page.locator(f"nav a[href='#{section}']").click()
        for chart in page.locator(".chart:visible").all():
            chart.scroll_into_view_if_needed()
            chart.locator("svg.main-svg").first.wait_for()
        for fold in page.locator("details summary").all():
            fold.click()
        assert "[object" not in page.inner_text("body")
        assert page.evaluate("document.documentElement.lang") == lang
        if lang == "ko":
            assert english(page.inner_text("main")) == []
        with page.expect_download() as saved:
            page.locator("[data-plan]").first.click()
        assert saved.value.suggested_filename.endswith(".csv")


def test_hostile_names_are_text(opened, pages):
    with opened(pages["en"]) as page:
        assert page.inner_text("h1") == "</title><i>Shop & Söhne"
        for name in (MARKUP, QUOTES, BACKWARDS):
            page.fill("#search", name)
            link = page.locator("[data-person]").first
            assert link.inner_text() == name
            link.click()
            assert page.inner_text("#person-h") == name
            page.keyboard.press("Escape")
        page.locator("#journeys").scroll_into_view_if_needed()
        page.locator("#sankey .sankey").first.wait_for()
        assert ITEM in page.inner_text("#journeys") + page.inner_text("#sankey")


def test_numbers_are_those_of_the_files(opened, pages, shop, tables):
    late = json.loads((shop / "fit" / "fit.json").read_text())["late"]
    customers, membership = tables("fit/customers"), tables("segment/membership")
    as_of = pd.Timestamp(json.loads((shop / "check" / "data_report.json").read_text())["as_of"])
    since = (as_of - customers["at_risk_date"].where(customers["at_risk_date"] < "9999")).dt.days
    with opened(pages["en"]) as page:
        assert number(page, ".tile.late_week strong") == since.between(0, 6).sum() == late["week"]
        assert number(page, ".tile.gone strong") == (customers["risk_band"] == "gone").sum()
        assert number(page, ".tile.worth strong") == late["worth_message"]
        cells = membership["segment_code"].value_counts()
        for cell in page.locator("[data-cell]").all():
            shown = number(cell, "strong")
            assert shown == cells.get(cell.get_attribute("data-cell"), 0)
        change = tables("segment/changes").query("level == 'segment'").set_index("segment_code")
        row = change.loc["repeat_risk.visit_active"]
        page.locator("[data-cell='repeat_risk.visit_active']").click()
        told = page.inner_text("#cell")
        assert f"{row.moves_in + row.entries:,} came in" in told
        assert f"{row.moves_out:,} went out" in told
        page.fill("#search", MARKUP)


def test_a_customers_row_is_that_of_the_files(opened, pages, tables):
    row = tables("fit/customers").set_index("customer_id").loc[MARKUP]
    with opened(pages["en"]) as page:
        page.fill("#search", MARKUP)
        cells = page.locator("#people tbody tr").first.inner_text()
        assert f"{row.last_purchase_at:%-d %b %Y}" in cells
        assert f"{min(max(row.p_alive, 0.01), 0.99):.0%}" in cells
        assert f"₩{row.residual_value:,.0f}" in cells


def test_sliders_count_what_the_tables_hold(opened, pages, tables):
    customers = tables("fit/customers")
    late = customers[customers["risk_band"] == "winnable"]
    with opened(pages["en"]) as page:
        page.evaluate("""() => { const s = document.getElementById("save"); s.value = 0.2;
                          s.dispatchEvent(new Event("input", { bubbles: true })); }""")
        cut = 1 / (0.2 * 100)  # contact cost 1, value 100
        wanted = int((late["risk_personal_cycles"] >= cut).sum())
        assert f"for {wanted:,} who may come back" in page.inner_text("#worth-answer")


def test_n_follows_the_costs(opened, pages, shop, tables):
    rule = json.loads((shop / "nday" / "rule.json").read_text())
    with opened(pages["en"]) as page:
        said = page.inner_text("#nday-answer")
        recommended = rule["recommendation"]["n"]
        assert (f"day {recommended}:" in said) if recommended else ("no day pays" in said)
        page.evaluate("""() => { const s = document.getElementById("coupon"); s.value = s.max;
                          s.dispatchEvent(new Event("input", { bubbles: true })); }""")
        assert page.inner_text("#nday-answer") != said


def test_values_of_n_are_those_of_the_files(opened, pages, tables):
    value = tables("nday/nday_value")
    u0 = value["u0"].max()
    with opened(pages["en"]) as page:
        shown = page.evaluate(
            """(u) => Object.fromEntries(Object.keys(nday.attention).map((name, i) => [name,
               valuesOf({ margin: 20, coupon: 5, message: 0, redemption: .8, uplift: u })[i]]))""",
            float(u0),
        )
    for reading, values in shown.items():
        wanted = value[(value["reading"] == reading) & (value["u0"] == u0)].sort_values("n")
        assert values == pytest.approx(wanted["value"].tolist(), rel=0.02, abs=0.01)


def test_downloads_hold_the_plan_and_guard_formulas(opened, pages, tables):
    plan = tables("segment/campaign_plan")
    sent = plan[(plan["arm"] == "treat") & plan["suppressed_reason"].isna()]
    with opened(pages["en"]) as page:
        action = sorted(sent["action_id"].unique())[0]
        index = page.evaluate("(a) => plan.actions.indexOf(a)", action)
        with page.expect_download() as saved:
            page.locator(f"[data-plan='{index}']").click()
        text = saved.value.path().read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(text.splitlines()))
        days = page.evaluate("plan.days")
        mine = sent[(sent["action_id"] == action) & sent["send_date"].astype(str).isin(days)]
        assert sorted(r["customer_id"] for r in rows) == sorted(mine["customer_id"])
        guarded = page.evaluate("['=1+1', '@x', '+7', -3, 'a,b', 'plain'].map(guarded)")
        assert guarded == ["'=1+1", "'@x", "'+7", "-3", '"a,b"', "plain"]


def test_keyboard_alone(opened, pages):
    with opened(pages["en"]) as page:
        page.locator("[data-cell]").first.focus()
        before = page.evaluate("document.activeElement.dataset.cell")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        after = page.evaluate("document.activeElement.dataset.cell")
        assert before != after
        page.keyboard.press("Enter")
        pressed = page.locator("[aria-pressed=true]").get_attribute("data-cell")
        assert pressed == after
        page.locator("[data-person]").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("dialog").is_visible()
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.dataset.person") is not None


def test_dark_and_print(opened, pages):
    with opened(pages["en"], color_scheme="dark") as page:
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        pdf = page.pdf(format="A4", print_background=True)
    with opened(pages["en"]) as page:
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 14


def test_a_customers_story_is_what_explain_tells(opened, pages, shop):
    told = json.loads((shop / "segment" / "stories.json").read_text())["stories"]
    story = next(s for s in told if s["customer_id"] == MARKUP)
    for lang, page_file in pages.items():
        with opened(page_file) as page:
            page.fill("#search", MARKUP)
            page.locator("[data-person]").first.click()
            assert page.inner_text("#person .lead") == story["paragraph"][lang]
            page.locator("#person-chart .main-svg").first.wait_for()
            lines = page.evaluate("document.getElementById('person-chart').data.map((t) => t.y)")
            for curve in ("risk_by_day", "alive_by_day"):
                assert story[curve]["mean"] in lines


def test_purchases_to_come_are_the_tables_sum(opened, pages, tables):
    with opened(pages["en"]) as page:
        shown = number(page, ".tile.coming strong")
    assert shown == round(tables("fit/customers")["expected_purchases"].sum())
