"""Forecasts as a picture: what is known, what is expected, and between which limits."""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elman.data.series.identity import name_of
from elman.data.series.zones import Times, wall_times
from elman.errors import SettingsError
from elman.tasks.forecast.asked import percents

if TYPE_CHECKING:
    from elman.tasks.forecast.forecasts import Forecasts

_INK, _SOFT, _FAINT, _BLUE = "#1c2330", "#5b6577", "#e6e9ef", "#2563c9"
_MOST = 8  # panels, unless series are named


def plot(found: "Forecasts", names: Sequence[Any] | None, level: Sequence[float]) -> Figure:
    """See `Forecasts.plot`."""
    wanted = list(found.names if names is None else [names] if isinstance(names, str) else names)
    number = {name_of(name): i for i, name in enumerate(found.names)}
    if unknown := [name for name in wanted if name_of(name) not in number]:
        raise SettingsError(f"there is no forecast of {', '.join(map(repr, unknown))}")
    if not wanted:
        raise SettingsError("names is empty: name a series to plot, or leave it out")
    chosen = [number[name_of(name)] for name in wanted]
    panels = list(product(chosen, range(len(found.targets))))
    shown = panels if names is not None else panels[:_MOST]
    across = 1 if len(shown) < 4 else 2
    down = -(-len(shown) // across)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["date.converter"] = "concise"
        figure = Figure(figsize=(8 if across == 1 else 11, 0.6 + 2.7 * down), layout="constrained")
        for place, (series, target) in enumerate(shown, 1):
            ax = figure.add_subplot(down, across, place)
            _panel(ax, found, series, target, percents(level)[::-1])
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper left", ncols=len(labels), frameon=False, fontsize=9
        )
        if len(shown) < len(panels):
            figure.supxlabel(f"{len(shown)} of {len(panels)}", fontsize=9, color=_SOFT)
    return figure


def _panel(ax: Axes, found: "Forecasts", series: int, target: int, level: Sequence[float]) -> None:
    times, mean = _shown(found, found.times[series]), found.mean[series, :, target]
    ends = [tuple(e[series, :, target] for e in found.interval(percent)) for percent in level]
    if found.past:
        before, values = found.past[series]
        before = _shown(found, before)
        own = values[:, target]
        ax.plot(before, own, color=_INK, linewidth=1.3, label="known")
        if np.isfinite(own[-1]):  # all begin where the known values end
            times, last = np.append(before[-1:], times), own[-1:]
            mean = np.append(last, mean)
            ends = [(np.append(last, low), np.append(last, high)) for low, high in ends]
    for i, (percent, (low, high)) in enumerate(zip(level, ends, strict=True)):
        alpha = 0.14 + 0.18 * i / max(1, len(level) - 1)
        label = f"{percent:g} %"
        ax.fill_between(times, low, high, color=_BLUE, alpha=alpha, linewidth=0, label=label)
    ax.plot(times, mean, color=_BLUE, linewidth=1.8, label="mean")
    lead = str(found.names[series])
    several = len(found.targets) > 1
    name = f"{lead}: {found.targets[target]}" if several and len(found.names) > 1 else lead
    if several and len(found.names) == 1:
        name = found.targets[target]
    ax.set_title(name, loc="left", fontsize=10, color=_INK)
    ax.grid(axis="y", color=_FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.margins(x=0.01)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(_SOFT)
    ax.tick_params(colors=_SOFT, labelsize=9, length=0)
    ax.xaxis.get_offset_text().set_color(_SOFT)


def _shown(found: "Forecasts", times: Times) -> Times:
    """Times as clocks show them."""
    return times if found.zone is None else wall_times(times, found.zone)
