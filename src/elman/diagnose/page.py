"""A diagnosis as a page: one HTML file that loads nothing, light and dark, for desk and phone."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elman import html
from elman.diagnose import plot
from elman.diagnose.tables import LAYER_HEADER, headline, layer_row, memory_words
from elman.version import __version__

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from elman.diagnose.findings import Finding
    from elman.diagnose.layers import LayerReport
    from elman.diagnose.report import Diagnosis

GENERATOR = "elman diagnose"


def page(found: "Diagnosis") -> str:
    """The page, as HTML."""
    sections = [
        html.Section("What was found", findings(found.findings)),
        _through_time(found),
        *(_layer(layer) for layer in found.layers),
    ]
    if any(found.truncation.values()):
        sections.append(_truncation(found))
    if found.history:
        sections.append(_history(found.history))
    sections.append(_parameters(found))
    lead = f"{headline(found)} {found.sequences} sequences, elman {__version__}."
    title = f"Diagnosis of {found.model}"
    return html.page(title, sections, lead=lead, generator=GENERATOR)


def findings(found: Sequence["Finding"]) -> list[str]:
    """A table of findings, or that there is none."""
    if not found:
        return [html.strong("No problem was found."), html.text("No threshold was passed.")]
    rows = [
        (
            finding.level,
            f"{finding.words}.",
            "; ".join(f"{name} {value:.3g}" for name, value in finding.evidence.items()),
            "; ".join(f"{remedy.words} ({remedy.page})" for remedy in finding.remedies),
        )
        for finding in found
    ]
    caption = "A note may be harmless; a warning or an error should be fixed."
    header = ["level", "finding", "evidence", "what to try"]
    return [html.table(header, rows, caption=caption, stacked=True)]


def _chart(
    x: str, y: str, caption: str, draw: Callable[..., None], *what: Any, bounded: bool = False
) -> str:
    ax = html.axes(x, y)
    draw(ax, *what, html.SERIES)
    if bounded:
        ax.set_ylim(*_ends(ax))
    return html.chart(ax, caption)


def _ends(ax: "Axes") -> tuple[float, float]:
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.get_lines()])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return min(low, 0.0) - 0.03 * (high - low), max(high, 1.0) + 0.03 * (high - low)


def _through_time(found: "Diagnosis") -> html.Section:
    layers = [layer for layer in found.layers if len(layer.gradient.norms)]
    parts = [
        html.text(
            "A gradient that enters a layer at one step is followed back through its recurrence."
            " The lag at which less than 1 % is left is the layer's memory: what happened before"
            " hardly changes the weights."
        ),
        *(html.strong(_memory(layer)) for layer in layers),
        html.table(list(LAYER_HEADER), map(layer_row, found.layers), stacked=True),
    ]
    if layers:
        left = "The share of a gradient that is left, so many steps back; dotted, 1 %."
        total = "|dL/ds| at every step, all ways from state to loss together."
        charts = []
        if any(len(layer.gradient.lags) > 1 for layer in layers):
            charts.append(_chart("steps back", "share left", left, plot.lags, layers))
        charts.append(_chart("step", "|dL/ds|", total, plot.norms, layers))
        parts.append(html.charts(*charts))
    return html.Section("The gradient through time", parts)


def _memory(layer: "LayerReport") -> str:
    words = memory_words(layer.gradient.memory, layer.gradient.seen)
    return f"{layer.name}: the memory is {words}; the sequences have {layer.length} steps."


def _layer(layer: "LayerReport") -> html.Section:
    if layer.broken_at is not None:
        words = f"Its {layer.broken_what} are not finite at step {layer.broken_at}."
        return html.Section(layer.name, [html.strong(words)])
    facts = {
        "cell": layer.cell,
        "hidden units": layer.hidden_size,
        **{f"spectral radius, {name}": f"{value:.3f}" for name, value in layer.radii.items()},
        "Lyapunov exponents": ", ".join(f"{value:+.3f}" for value in layer.exponents[:4]),
        "dead units": sum(len(unit.dead) for unit in layer.states),
        "stuck units": sum(len(unit.stuck) for unit in layer.states),
    }
    parts = [html.facts(facts)]
    charts = []
    if layer.spectra.lags:
        caption = f"Singular values of the Jacobian over the last steps, {layer.name}."
        charts.append(_chart("steps", "singular values", caption, plot.products, layer))
    if layer.spectra.at:
        caption = f"Singular values of single steps' Jacobians, {layer.name}."
        charts.append(_chart("step", "singular values", caption, plot.steps, layer))
    if layer.gates:
        caption = f"The gates' means, {layer.name}."
        charts.append(_chart("step", "mean", caption, plot.gate_means, layer, bounded=True))
        caption = f"How the gates' values are spread, {layer.name}; dotted, nearly shut and open."
        charts.append(_chart("value", "share", caption, plot.gate_values, layer))
    caption = f"Norm of the states, {layer.name}."
    charts.append(_chart("step", "norm", caption, plot.state_norms, layer))
    parts.append(html.charts(*charts))
    if layer.gates:
        rows = [
            (
                gate.name,
                gate.function,
                f"{gate.mean.mean():.3f}",
                f"{gate.low:.1%}",
                f"{gate.high:.1%}",
            )
            for gate in layer.gates
        ]
        header = ["gate", "function", "mean", "at the low end", "at the high end"]
        parts.append(html.table(header, rows, caption="Within 5 % of the ends of their range."))
    kept = [unit for unit in layer.states if unit.gated and len(unit.half_life)]
    if kept:
        header = [
            "state",
            "kept a step",
            "half-life: 1 unit in 10 below",
            "median",
            "1 in 10 above",
        ]
        halves = [
            (
                unit.name,
                f"{unit.kept.mean():.3f}",
                *(_quantile(unit.half_life, q) for q in (10, 50, 90)),
            )
            for unit in kept
        ]
        caption = "What the gates let a unit keep, and the steps until half of it is left."
        parts.append(html.table(header, halves, caption=caption))
    return html.Section(layer.name, parts)


def _quantile(values: Any, share: int) -> str:
    ordered = sorted(values.tolist())
    value = ordered[min(len(ordered) - 1, len(ordered) * share // 100)]
    return "∞" if value == float("inf") else f"{value:.3g}"


def _truncation(found: "Diagnosis") -> html.Section:
    def draw(ax: "Axes", cuts: Any, series: tuple[str, ...]) -> None:
        for (name, values), style in zip(cuts.items(), plot.styles(len(cuts), series), strict=True):
            if values:
                points = [cut.length for cut in values], [100 * cut.error for cut in values]
                ax.plot(*points, marker="o", label=name, **style)
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter("{x:.0f}")
        ax.set_ylim(bottom=0)

    caption = "How far chunks of so many steps change the gradient of the layer's weights."
    rows = [
        (name, cut.length, f"{cut.error:.1%}", f"{cut.cosine:.3f}")
        for name, cuts in found.truncation.items()
        for cut in cuts
    ]
    header = ["layer", "chunk length", "relative error", "cosine"]
    text = (
        "Truncated backpropagation cuts the gradient at the border of each chunk. Compared is the"
        " gradient through all of the batch with that through chunks of it, the same states and"
        " the same gradients from above."
    )
    chart = _chart("chunk length", "error, %", caption, draw, found.truncation)
    return html.Section(
        "What truncation cuts off",
        [html.text(text), html.charts(chart), html.table(header, rows)],
    )


def _history(history: list[dict[str, Any]]) -> html.Section:
    names = sorted({name for entry in history for name in entry.get("layers", {})})[: plot.MOST]

    def draw(ax: "Axes", key: str, series: tuple[str, ...]) -> None:
        for name, style in zip(names, plot.styles(len(names), series), strict=True):
            known = [e for e in history if (e["layers"].get(name) or {}).get(key) is not None]
            values = [e["layers"][name][key] for e in known]
            ax.plot([e["step"] for e in known], values, marker=".", label=name, **style)
        if key != "rate":
            plot._log(ax)

    charts = [
        _chart("training step", "share per step", "The gradient's factor per step.", draw, "rate"),
        _chart("training step", "steps", "Memory during training.", draw, "memory"),
        _chart("training step", "|dL/ds|", "The gradient that enters a layer.", draw, "entering"),
    ]
    words = [warning for entry in history for warning in entry.get("warnings", [])]
    parts = [html.charts(*charts)]
    if words:
        parts.append(html.preformatted("\n".join(words)))
    return html.Section("During training", parts)


def _parameters(found: "Diagnosis") -> html.Section:
    rows = [(name, f"{value:.3g}") for name, value in found.parameters.items()]
    shown = sorted(f"{value:.4g}" for value in found.loss)
    parts = [html.facts({"loss": ", ".join(shown)})]
    if rows:
        parts.append(html.table(["parameter", "norm of its gradient"], rows))
    return html.Section("Parameters", parts)
