"""Rank plots of simulation-based calibration."""

import math

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from churnlab.report.style import COLOURS


def draw_ranks(ecdf: pd.DataFrame) -> Figure:
    """Draw, per quantity, the ranks' distribution minus the uniform, with its 95% envelope.

    ecdf: `quantity, share, difference, low, high` (from `inference.sbc.sbc_ecdf`).
    """
    groups = list(ecdf.groupby("quantity", sort=False))
    columns = min(4, len(groups))
    rows = math.ceil(len(groups) / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.6 * columns, 2.2 * rows), sharex=True, sharey=True, squeeze=False
    )
    for ax, (name, part) in zip(axes.flat, groups, strict=False):
        ax.fill_between(part["share"], part["low"], part["high"], color="#dddddd", lw=0)
        outside = (part["difference"] < part["low"]) | (part["difference"] > part["high"])
        colour = COLOURS["bad"] if outside.any() else COLOURS["model"]
        ax.plot(part["share"], part["difference"], color=colour, lw=1.3)
        ax.set_title(str(name), fontsize=9)
    for ax in axes.flat[len(groups) :]:
        ax.set_visible(False)
    figure.supxlabel("rank of the truth, as a share", fontsize=9)
    figure.supylabel("share of ranks below, minus uniform", fontsize=9)
    return figure
