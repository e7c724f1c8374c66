"""A diagnosis as tables for a terminal."""

import math
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from elman.diagnose.layers import LayerReport
    from elman.diagnose.report import Diagnosis

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
LAYER_HEADER = ("layer", "cell", "memory", "a step", "radius", "exponent", "half-life", "dead")


def summary(found: "Diagnosis") -> Group:
    """The layers' numbers, the findings and what chunks cut off."""
    parts: list[Table | Text] = [Text(headline(found))]
    layers = Table(*LAYER_HEADER)
    for layer in found.layers:
        layers.add_row(*layer_row(layer))
    parts.append(layers)
    for finding in found.findings:
        line = Text()
        line.append(f"{finding.level}: ", STYLES[finding.level])
        line.append(f"{finding.words}.")
        for remedy in finding.remedies:
            line.append(f"\n    try {remedy.words}  [{remedy.page}]")
        parts.append(line)
    for name, cuts in found.truncation.items():
        if cuts:
            title = f"{name}: how far chunks change its gradient"
            table = Table("chunk length", *(str(cut.length) for cut in cuts), title=title)
            table.add_row("relative error", *(f"{cut.error:.1%}" for cut in cuts))
            table.add_row("cosine", *(f"{cut.cosine:.2f}" for cut in cuts))
            parts.append(table)
    return Group(*parts)


def headline(found: "Diagnosis") -> str:
    """One sentence on the memory.

    >>> import torch, elman
    >>> _ = torch.manual_seed(0)
    >>> headline(elman.diagnose(elman.RNN(3, 16), torch.randn(60, 8, 3)))
    'RNN: your memory is 7 steps long; no problem found.'
    """
    grave = sum(finding.level != "note" for finding in found.findings)
    state = f"{grave} to fix" if grave else "no problem found"
    if math.isnan(found.memory):
        return f"{found.model}: no gradient could be followed through time; {state}."
    known = [layer.gradient for layer in found.layers if layer.gradient.memory == found.memory]
    words = memory_words(found.memory, known[0].seen)
    return f"{found.model}: your memory is {words}; {state}."


def memory_words(memory: float, seen: bool) -> str:
    """A memory as people say it.

    >>> memory_words(37.0, True), memory_words(314.6, False), memory_words(math.inf, False)
    ('37 steps long', 'about 315 steps long, beyond the sequences', 'longer than can be told')
    """
    if math.isnan(memory):
        return "unknown"
    if math.isinf(memory):
        return "longer than can be told"
    return (
        f"{memory:.0f} steps long"
        if seen
        else f"about {memory:.0f} steps long, beyond the sequences"
    )


def layer_row(layer: "LayerReport") -> list[str]:
    """The values under `LAYER_HEADER`."""
    g = layer.gradient
    memory = "-" if math.isnan(g.memory) else "∞" if math.isinf(g.memory) else f"{g.memory:.0f}"
    memory = memory if g.seen or not math.isfinite(g.memory) else f"~{memory}"
    kept = [unit for unit in layer.states if unit.gated and len(unit.half_life)]
    half = "-"
    if kept:
        value = sorted(kept[0].half_life.tolist())[len(kept[0].half_life) // 2]
        half = "∞" if math.isinf(value) else f"{value:.3g}"
    dead = sum(len(unit.dead) + len(unit.stuck) for unit in layer.states)
    radius = max(layer.radii.values(), default=math.nan)
    exponent = float(layer.exponents[0]) if len(layer.exponents) else math.nan
    return [
        layer.name,
        f"{layer.cell} {layer.hidden_size}",
        memory,
        _number(g.rate, ".3f"),
        _number(radius, ".2f"),
        _number(exponent, "+.3f"),
        half,
        str(dead),
    ]


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"
