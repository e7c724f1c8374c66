"""The detection error trade-off (Martin et al. 1997) as a picture."""

from statistics import NormalDist
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elman.tasks.signature.metrics import KIND_NAMES, Array, Scores

if TYPE_CHECKING:
    from elman.tasks.signature.report import Report

_TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4)
_LIMIT = 5e-4


def det_plot(report: "Report") -> Figure:
    """False rejection by false acceptance, on axes of normal deviates, beside DTW."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(5.6, 5.2), layout="constrained")
        ax = figure.subplots()
        draw(ax, report.scores, "model")
        draw(ax, report.warping_scores, "DTW", style="--")
        ax.legend(frameon=False)
    return figure


def draw(
    ax: Axes, found: Scores, name: str, *, style: str = "-", colours: tuple[str, ...] = ()
) -> None:
    """A curve for each kind of forgery."""
    for number, (kind, words) in enumerate(KIND_NAMES.items()):
        if not (found.kind == kind).any():
            continue
        curve = found.curve(kind)
        colour = colours[number] if colours else f"C{number}"
        ax.plot(
            _deviates(curve.far),
            _deviates(curve.frr),
            style,
            color=colour,
            label=f"{name}, {words}",
        )
    places = _deviates(np.array(_TICKS))
    ticks = [f"{100 * tick:g} %" for tick in _TICKS]
    ax.set_xticks(places, ticks)
    ax.set_yticks(places, ticks)
    ax.set_xlabel("false acceptance rate")
    ax.set_ylabel("false rejection rate")
    ax.plot(places, places, ":", color="0.6", linewidth=0.8)


def _deviates(rates: Array) -> Array:
    normal = NormalDist()
    return np.array([normal.inv_cdf(float(rate)) for rate in np.clip(rates, _LIMIT, 1 - _LIMIT)])
