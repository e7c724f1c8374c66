"""A forecaster's settings, and the facts about its series that it was chosen by."""

from elman.tasks.forecast.dataset import SeriesData
from elman.tasks.plan import LENGTH, Plan, Preset, units

_EPOCHS = 15  # of 100 batches each, whose windows are drawn at random
_UNITS = 64
_FEW = 1000  # steps of all series, which a network learns by heart within some hundred batches


def plan(train: SeriesData, preset: Preset) -> Plan:
    """What suits these series."""
    panel = train.whole or train.panel
    lengths = sorted(map(len, panel.series))
    steps = f"{lengths[0]:,}" if lengths[0] == lengths[-1] else f"{lengths[0]:,} to {lengths[-1]:,}"
    facts = f"{len(lengths):,} series of {steps} steps ({panel.calendar})"
    few = {"patience": 5} if sum(lengths) < _FEW else {}
    chosen = {
        "epochs": round(_EPOCHS * LENGTH[preset]),
        "hidden_size": units(_UNITS, preset),
        **few,
    }
    return Plan(f"{facts}; {train.held_out:,} steps are held out", chosen)
