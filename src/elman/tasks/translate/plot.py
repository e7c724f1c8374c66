"""The attention of translations as a picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.figure import Figure

from elman.errors import SettingsError
from elman.tasks.prediction import Prediction

if TYPE_CHECKING:
    from elman.tasks.translate.task import Translate

_MOST = 4  # panels
_INK = "#1c2330"
_FONTS = ["DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "SimHei"]


def attention_plot(task: "Translate", predictions: Sequence[Prediction]) -> Figure:
    """A panel for each of up to four predictions that were made with `alignments`: the tokens of
    the translation (rows) and the source (columns), dark where the attention is."""
    shown = [each for each in predictions if each.value][:_MOST]
    if not shown:
        raise SettingsError("there is no translation to draw the attention of")
    if task.settings.attention == "none":
        raise SettingsError("this model has no attention to draw")
    labels = [[*task.preprocessing.source_symbols(each.input), "(end)"] for each in shown]
    widths = [max(4.0, 0.42 * len(columns) + 1.5) for columns in labels]
    height = max(3.5, 0.36 * max(len(each.details["tokens"]) for each in shown) + 1.6)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.family"] = _available(_FONTS)
        figure = Figure(figsize=(sum(widths), height), layout="constrained")
        axes = figure.subplots(1, len(shown), squeeze=False, width_ratios=widths)[0]
        for ax, each, columns in zip(axes, shown, labels, strict=True):
            rows = [token.strip() or "␣" for token in each.details["tokens"]]
            ax.imshow(each.details["attention"], cmap="Blues", vmin=0, vmax=1, aspect="auto")
            names = [name.strip() or "␣" for name in columns]
            ax.set_xticks(range(len(names)), names, rotation=90, color=_INK)
            ax.set_yticks(range(len(rows)), rows, color=_INK)
            ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
            for spine in ax.spines.values():
                spine.set_visible(False)
    return figure


def _available(families: Sequence[str]) -> list[str]:
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    return [family for family in families if family in known]
