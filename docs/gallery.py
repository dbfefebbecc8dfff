"""The gallery: every picture that is one line away, drawn from embedded data by that line.

A page of the site (`DOCS_EXECUTE=false` leaves the pictures out);
`python docs/gallery.py FOLDER [LANG]` writes the page and its pictures.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any, Final

#: What the pictures are of.
SESSION: Final = """\
import churnlab as cl

log = cl.load_cdnow()  # a CD shop of 1997; yours: cl.read_events(purchases="orders.csv", ...)
fit = cl.fit(cl.summarise(log), model="mbg_nbd")
backtest = cl.backtest(
    log, candidates=["mbg_nbd", "rfm"], split={"origins": 3, "horizon_days": [56], "counts": False}
)

shop = cl.load_shop(1500)  # simulated, with visits and signups
segments = cl.segment(shop, segments={"periods": 4})
costs = {"margin": 20, "coupon": 5, "revenue": 60}
nday = cl.nday(shop, nday={"costs": costs, "backtest": False})
"""
#: Line -> what one sees.
PICTURES: Final = {
    "fit.plot_tracking()": "Repeat purchases of all customers, week by week, as they came and as "
    "the model expects them.",
    "fit.plot_alive_matrix()": "How alive a customer still is, by purchases and silence.",
    "fit.plot_threshold()": "A fast, a middling and a slow buyer: the day each is late.",
    'fit.plot_history("0004")': "One customer's P(alive) against silence, today marked.",
    "fit.plot_calibration()": "Customers by repeat purchases: in the data, before and after it.",
    "fit.plot_parameters()": "The posterior of the population's parameters.",
    "backtest.plot_scores()": "Held-out scores: models in one colour, simple rules in another.",
    "backtest.plot_reliability()": "Of those who were given 70%, did 70% stay away?",
    "segments.plot_grid()": "The grid of visits and purchases, with what changed.",
    "segments.plot_flow()": "The largest moves between cells.",
    "segments.plot_shares()": "Shares of members over the last months.",
    "nday.plot_curve()": "How long signups take to buy, and where the curve is flat.",
    "nday.plot_value()": "What a message on day N is worth per signup.",
}


def draw(lang: str = "en") -> dict[str, bytes]:
    """Return the pictures as PNG by their lines."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    names: dict[str, Any] = {}
    exec(SESSION, names)
    found = {}
    for line in PICTURES:
        asked = "lang=" + repr(lang)
        exec(line[:-1] + (asked if line.endswith("()") else f", {asked}") + ")", names)
        image = io.BytesIO()
        plt.gcf().savefig(image, format="png", dpi=110)
        plt.close("all")
        found[line] = image.getvalue()
    return found


def file_name(line: str) -> str:
    """Return the name of a line's picture."""
    return "gallery/" + re.sub(r"\W+", "_", line).strip("_") + ".png"


def page(*, drawn: bool = True) -> str:
    """Return the page as Markdown, with its pictures where they are drawn."""
    parts = [
        "# Gallery",
        'Every picture takes `ax=` and returns it, and is what the reports show; `lang="ko"` '
        "writes it in Korean. They are of these:",
        f"```python\n{SESSION}```",
    ]
    for line, seen in PICTURES.items():
        picture = [f"![{seen}]({file_name(line)})"] if drawn else []
        parts += [f"## {seen}", *picture, f"```python\n{line}\n```"]
    return "\n\n".join(parts) + "\n"


def on_files(files: Any, config: Any) -> Any:
    """Add the page and its pictures to the site."""
    from mkdocs.structure.files import File

    drawn = config["extra"]["execute"]
    files.append(File.generated(config, "gallery.md", content=page(drawn=drawn)))
    for line, image in (draw() if drawn else {}).items():
        files.append(File.generated(config, file_name(line), content=image))
    return files


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "gallery").mkdir(parents=True, exist_ok=True)
    (folder / "gallery.md").write_text(page(), encoding="utf-8")
    for line, image in draw(*sys.argv[2:]).items():
        (folder / file_name(line)).write_bytes(image)
