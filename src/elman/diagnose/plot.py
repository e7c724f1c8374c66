"""A diagnosis drawn: each chart once, for the page and for the figure."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from elman.diagnose.gates import SATURATED
from elman.diagnose.gradient import FORGOTTEN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from elman.diagnose.layers import LayerReport
    from elman.diagnose.report import Diagnosis

SERIES = ("#2563c9", "#d9730d", "#8a94a6", "#1c8a58")
DASHES = ("-", "--", ":", "-.")
MOST = 12  # curves that one chart can hold
_FLOOR = 1e-12

Style = dict[str, Any]
Draw = Callable[["Axes"], None]


def styles(count: int, series: tuple[str, ...] = SERIES) -> list[Style]:
    """Colours first, then dashes, so that twelve curves can be told apart."""
    return [
        {"color": series[i % len(series)], "linestyle": DASHES[i // len(series) % len(DASHES)]}
        for i in range(count)
    ]


def _log(ax: "Axes") -> None:
    """A logarithmic axis of readable extent, if there is anything to draw."""
    values = [np.asarray(line.get_ydata(), float) for line in ax.get_lines()]
    known = [v[np.isfinite(v) & (v > 0)] for v in values]
    known = [v for v in known if len(v)]
    if known:
        ax.set_yscale("log")
        top = max(float(v.max()) for v in known)
        low = min(float(v.min()) for v in known)
        ax.set_ylim(max(low, top * _FLOOR) / 2, top * 3)


def lags(ax: "Axes", layers: "list[LayerReport]", series: tuple[str, ...] = SERIES) -> None:
    """Which share of a gradient is left, over the steps back."""
    for layer, style in zip(layers[:MOST], styles(len(layers), series), strict=False):
        curve = layer.gradient.lags
        ax.plot(np.arange(len(curve)), np.maximum(curve, 1e-290), label=layer.name, **style)
    _log(ax)
    ax.axhline(FORGOTTEN, color=series[2], linewidth=0.8, linestyle=":")


def norms(ax: "Axes", layers: "list[LayerReport]", series: tuple[str, ...] = SERIES) -> None:
    """|dL/ds_t| over time."""
    for layer, style in zip(layers[:MOST], styles(len(layers), series), strict=False):
        curve = layer.gradient.norms
        ax.plot(np.arange(len(curve)), curve, label=layer.name, **style)
    _log(ax)


def products(ax: "Axes", layer: "LayerReport", series: tuple[str, ...] = SERIES) -> None:
    """Singular values of the Jacobian over several lags: largest, quartiles, smallest."""
    found = layer.spectra
    size = min((len(v) for v in found.products), default=0)
    ranks = {"largest": 0, "upper quarter": size // 4, "median": size // 2, "smallest": size - 1}
    for (name, rank), style in zip(ranks.items(), styles(4, series), strict=True):
        if size:
            values = [max(float(v[rank]), 1e-290) for v in found.products]
            ax.plot(found.lags, values, marker=".", label=name, **style)
    ax.set_xscale("log")
    _log(ax)


def steps(ax: "Axes", layer: "LayerReport", series: tuple[str, ...] = SERIES) -> None:
    """Singular values of single steps' Jacobians over time."""
    names = ("largest", "upper quarter", "median", "smallest")
    for name, values, style in zip(names, layer.spectra.steps, styles(4, series), strict=True):
        ax.plot(layer.spectra.at, np.maximum(values, 1e-290), label=name, **style)
    _log(ax)


def gate_means(ax: "Axes", layer: "LayerReport", series: tuple[str, ...] = SERIES) -> None:
    """Each gate's mean over time."""
    for gate, style in zip(layer.gates, styles(len(layer.gates), series), strict=True):
        ax.plot(np.arange(len(gate.mean)), gate.mean, label=gate.name, **style)


def gate_values(ax: "Axes", layer: "LayerReport", series: tuple[str, ...] = SERIES) -> None:
    """How the gates' values are spread."""
    for gate, style in zip(layer.gates, styles(len(layer.gates), series), strict=True):
        low, high = gate.edges[0], gate.edges[-1]
        centres = (gate.edges[1:] + gate.edges[:-1]) / 2
        if gate.function == "relu":  # of no fixed range: as a share of its largest value
            centres = (centres - low) / (high - low)
        ax.plot(centres, gate.histogram, label=f"{gate.name} ({gate.function})", **style)
    for end in (SATURATED, 1 - SATURATED):
        ax.axvline(end, color=series[2], linewidth=0.6, linestyle=":")


def state_norms(ax: "Axes", layer: "LayerReport", series: tuple[str, ...] = SERIES) -> None:
    """Each state's norm over time."""
    for unit, style in zip(layer.states, styles(len(layer.states), series), strict=True):
        ax.plot(np.arange(len(unit.norm)), unit.norm, label=f"|{unit.name}|", **style)


def plot(found: "Diagnosis") -> "Figure":
    """A figure of all layers' gradients, and of the first layers' Jacobians, gates and states."""
    from matplotlib.figure import Figure

    shown = [layer for layer in found.layers if layer.broken_at is None][:4]
    figure = Figure(figsize=(12, 3.2 * (1 + len(shown))), layout="constrained")
    rows = figure.subfigures(1 + len(shown), squeeze=False)[:, 0]
    top: list[tuple[str, str, str, Draw]] = [
        ("Share of a gradient left", "steps back", "share", lambda ax: lags(ax, shown)),
        ("Gradient at every step", "step", "|dL/ds|", lambda ax: norms(ax, shown)),
    ]
    for row, panels in zip(rows, [top, *map(_of_layer, shown)], strict=True):
        for ax, panel in zip(row.subplots(1, len(panels)), panels, strict=True):
            _panel(ax, *panel)
    return figure


def _of_layer(layer: "LayerReport") -> list[tuple[str, str, str, Draw]]:
    return [
        (f"{layer.name}: Jacobian", "steps", "singular values", lambda ax: products(ax, layer)),
        (f"{layer.name}: gates", "step", "mean", lambda ax: gate_means(ax, layer)),
        (f"{layer.name}: states", "step", "norm", lambda ax: state_norms(ax, layer)),
    ]


def _panel(ax: "Axes", title: str, x: str, y: str, draw: Draw) -> None:
    draw(ax)
    ax.set(title=title, xlabel=x, ylabel=y)
    ax.grid(alpha=0.25)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=8)
