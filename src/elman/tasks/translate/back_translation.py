"""Pairs whose sources are translations of target texts (back-translation, Sennrich et al. 2016)."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.data import Pairs, read_pairs
from elman.errors import SettingsError
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.settings import TranslateSettings

if TYPE_CHECKING:
    from elman.tasks.translate.task import Translate


def with_synthetic(data: TranslateData, settings: TranslateSettings) -> TranslateData:
    """The data, and beside them pairs of the monolingual texts that the settings name, if any."""
    if settings.monolingual is None:
        return data
    assert settings.backward is not None  # both are given, or neither
    synthetic = back_translated(settings.monolingual, settings.backward, **settings.text_file)
    return replace(data, synthetic=synthetic)


def back_translated(
    monolingual: Any, backward: "Translate | Path | str", **text_file: Any
) -> Pairs:
    """Pairs of target texts with sources that a translator of the other direction makes of them.

    **Arguments:** `monolingual`: target texts, as a file with one a line; `backward`: a trained
    `Translate` from target to source, or its folder.

    Texts that are empty, or of which it makes nothing, are left out.
    """
    from elman.tasks.load import load
    from elman.tasks.translate.task import Translate

    task = backward if isinstance(backward, Translate) else load(backward)
    if not isinstance(task, Translate):
        raise SettingsError(f"backward: {backward} is a model of the task {task.name}")
    texts = read_pairs(monolingual, labelled=False, **text_file)
    found = [each.value for each in task.predictions(texts.sources, beam=1)]
    kept = [i for i, text in enumerate(texts.sources) if text.strip() and found[i]]
    return Pairs(
        [found[i] for i in kept], [texts.sources[i] for i in kept], [texts.names[i] for i in kept]
    )
