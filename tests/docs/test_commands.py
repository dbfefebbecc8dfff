"""The commands that the pages show: composed by the fast tests, run to their end by the slow ones.

They run in one folder, on the files that the pages name, with fewer customers and draws.
"""

from __future__ import annotations

import datetime as dt
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import churnlab as cl
from churnlab.cli import main
from churnlab.cli.registry import COMMANDS
from churnlab.config import to_settings
from churnlab.config.compose import compose
from churnlab.report.render import Rendered
from churnlab.simulate import ShopConfig

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PLAYBOOK = ROOT / "src/churnlab/segments/actions/playbook.json"
OWN = ("orders", "orders_export", "cafe24")  # data that a page has made by `init`
MEMBERS = 700

#: Why a command is not run here.
NOT_RUN = {
    "postgres://": "needs a server; tests/intake/test_postgres.py has one",
    "--serve": "serves until it is interrupted; tests/board/test_delivery.py asks the server",
}
#: What stands for a folder or an id on a page, and what it is here.
MEANT = {
    "FOLDER": "outputs/base",
    "RUN_DIR": "outputs/base/nday",
    "customer=ID": "customer=m00002",
    "bundle=/data/churn/run/export": "bundle=outputs/bundle",
    "/data/churn": "outputs",
}
SCORED = ["split.replicates=20", "split.limits.least_purchasers=50", "split.limits.least_events=10"]
SIGNUPS = ["nday.draws=100"]
WALKED = ["journey.least_customers=5", "journey.loyal.least_customers=10"]
WALKED += ["journey.cycles.least_customers=5"]
#: What makes a command small, but for what the page itself sets.
FEWER = {
    "backtest": SCORED,
    "sbc": ["simulations=20", "customers=80"],
    "nday": SIGNUPS,
    "journey": WALKED,
    "monitor": [f"monitor.today={ShopConfig().as_of() + dt.timedelta(1)}"],
    "pipeline": [*SCORED, *SIGNUPS, *WALKED, "candidates=[mbg_nbd]", "split.horizon_days=[56]"],
}


def commands() -> list[str]:
    """Return every `churnlab ...` of a block, and of a line of text where it has settings."""
    found: list[str] = []
    for text in (page.read_text(encoding="utf-8") for page in PAGES):
        shown = re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
        shown += re.findall(r"^    churnlab .*$", text, flags=re.MULTILINE)
        lines = re.sub(r"\\\n *", "", "\n".join(shown))
        found += re.findall(r"^ *(churnlab [a-z].*?) *(?:#.*)?$", lines, flags=re.MULTILINE)
        found += re.findall(r'bash_command="(churnlab [^"]*)"', lines)
        found += re.findall(r"`(churnlab [a-z]+ [^`\n]*=[^`\n]*)`", text)
    return sorted(set(found))


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the pages' own files would be: settings by `init`, a playbook."""
    folder = tmp_path_factory.mktemp("conf")
    shutil.copy(PLAYBOOK, folder)
    (folder / "data").mkdir()
    for name in OWN:
        text = f"defaults: [base_data]\nname: {name}\npurchases: {{path: {name}.csv}}\n"
        (folder / "data" / f"{name}.yaml").write_text(text)
    return folder


def test_the_commands_of_the_pages_can_be_run(
    configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(configs)
    wrong = {}
    for line in commands():
        _, name, *words = shlex.split(line)
        assert name in {*COMMANDS, "init"}, line
        if name == "init":
            continue
        sweep = "-m" in words
        overrides = [w.split(",")[0] if sweep else w for w in words if not w.startswith("-")]
        try:
            to_settings(compose(name, [*overrides, f"hydra.searchpath=[file://{configs}]"]))
        except Exception as error:
            wrong[line] = str(error)
    assert not wrong
    assert len(commands()) > 20


def test_what_is_not_run_is_on_a_page_and_tested_elsewhere() -> None:
    for part, reason in NOT_RUN.items():
        assert any(part in line for line in commands())
        assert (ROOT / re.findall(r"tests/\S+\.py", reason)[0]).exists()


def write_files(folder: Path, line: str, shop: cl.EventLog) -> None:
    """Write the shop's tables under the names of the pages, as the command says they are."""
    end = re.search(r"as_of=([\d-]+)", line)
    later = pd.Timestamp(end[1] if end else shop.as_of) - pd.Timestamp(shop.as_of)
    for table, name in (("purchases", "orders"), ("visits", "visits"), ("members", "members")):
        frame = shop.frame(table).drop(columns="event_date", errors="ignore")
        for column in frame.select_dtypes("datetime"):
            frame[column] += later
        frame = frame.rename(columns=dict(re.findall(rf"data\.{table}\.(\w+)=(\w+)", line)))
        frame.to_csv(folder / f"{name}.csv", index=False)
        for file in (name, f"{table}-1", f"new_{name}", f"all_{name}"):
            frame.to_parquet(folder / f"{file}.parquet")


def write_exports(folder: Path, shop: cl.EventLog) -> None:
    """Write the shop's orders as Shopify and as Cafe24 export them."""
    orders = shop.frame("purchases")
    at = orders["event_at"]
    shopify = {
        "Name": "#" + orders["order_id"], "Email": orders["customer_id"] + "@example.com",
        "Financial Status": "paid", "Paid at": at.dt.strftime("%Y-%m-%d %H:%M:%S -0500"),
        "Currency": "USD", "Total": orders["amount"] / 1000, "Lineitem name": orders["item"],
        "Created at": at.dt.strftime("%Y-%m-%d %H:%M:%S -0500"),
    }  # fmt: skip
    pd.DataFrame(shopify).to_csv(folder / "orders_export.csv", index=False)
    cafe24 = {
        "주문번호": orders["order_id"], "주문일시": at.dt.strftime("%Y-%m-%d %H:%M"),
        "주문자 아이디": orders["customer_id"], "상품명": orders["item"], "수량": 1,
        "총 결제금액": orders["amount"].map("{:,.0f}".format), "주문상태": "배송완료",
    }  # fmt: skip
    pd.DataFrame(cafe24).to_csv(folder / "주문내역.csv", index=False, encoding="cp949")


def run(line: str) -> int:
    """Run a command of a page on few data, in the folder that one is in."""
    for said, meant in MEANT.items():
        line = line.replace(said, meant)
    _, name, *words = shlex.split(line)
    if name == "init":
        return main([name, *words, "--yes"])
    kept = {w.split("=")[0] for w in words} - {"simulations", "customers"}
    kept |= {"candidates", "split.horizon_days"} if "experiment" in kept else set()
    fewer = [one for one in FEWER.get(name, []) if one.split("=")[0] not in kept]
    if "log" in COMMANDS[name].needs:
        fewer += [f"shop.n_members={MEMBERS}"]
    if "-m" in words:
        fewer += ["hydra/launcher=basic"]
    return main([name, *words, *fewer])


@pytest.fixture(scope="module")
def shop() -> cl.EventLog:
    return cl.load_shop(MEMBERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shop: cl.EventLog) -> Iterator[Path]:
    """Return a folder with files, what `init` makes of them, and the runs that pages go on from."""
    place = tmp_path_factory.mktemp("commands")
    shutil.copy(PLAYBOOK, place)
    write_exports(place, shop)
    write_files(place, "", shop)
    page = Rendered(html="<html></html>", summary="", notebook="{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr("churnlab.workflows.pages.report.render", lambda *_, **__: page)
        for line in commands():
            assert not line.startswith("churnlab init") or run(line) == 0, line
        files = "data.purchases.path=orders.parquet data.members.path=members.parquet"
        files += " data.visits.path=visits.parquet"
        assert run(f"churnlab pipeline data=files {files} run_dir=outputs/base") == 0
        for part, names in {"fit": ["fit"], "backtest": ["backtest", "a", "b"],
                            "segment": ["segment"], "export": ["bundle"]}.items():  # fmt: skip
            for name in names:
                shutil.copytree(place / "outputs/base" / part, place / "outputs" / name)
        yield place


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", [c for c in commands() if not c.startswith("churnlab init")], ids=str
)
def test_the_command_runs(
    line: str, folder: Path, shop: cl.EventLog, capsys: pytest.CaptureFixture[str]
) -> None:
    for part, reason in NOT_RUN.items():
        if part in line:
            pytest.skip(reason)
    write_files(folder, line, shop)
    assert run(line) == 0, capsys.readouterr().err
