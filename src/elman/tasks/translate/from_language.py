"""Language models as the beginning of encoder and decoder (Ramachandran et al. 2017)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from elman.data import Vocabulary
from elman.errors import DataError, SettingsError
from elman.nn import Recurrent
from elman.tasks.input_feeding import InputFeedingDecoder

if TYPE_CHECKING:
    from elman.tasks.encoder_decoder import Decoder, EncoderDecoder
    from elman.tasks.language import Language
    from elman.tasks.translate.network import Readout
    from elman.tasks.translate.preprocessing import TranslatePreprocessing
    from elman.tasks.translate.settings import TranslateSettings

_MOST_UNKNOWN = 0.5  # share of a side's tokens, above which a vocabulary is of another language
_LAYER = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "norm_ih", "norm_hh")
NAMES = ("init_encoder", "init_decoder")


def languages(settings: "TranslateSettings") -> "dict[str, Language]":
    """The language models that the settings name, by the settings' names."""
    from elman.tasks.language import Language
    from elman.tasks.load import load

    found = {}
    for name in NAMES:
        if (path := getattr(settings, name)) is None:
            continue
        task = load(Path(path) if Path(path).exists() else path)
        if not isinstance(task, Language):
            raise SettingsError(
                f"{name}: {path} is a model of the task {task.name}; a language model is needed"
            )
        found[name] = task
    return found


def settings_of(settings: "TranslateSettings", given: Mapping[str, Any]) -> dict[str, Any]:
    """The translator's settings that follow from its language models.

    Raises `SettingsError` where they do not fit each other, or settings that were given.
    """
    chosen: dict[str, Any] = {}
    for name, start in languages(settings).items():
        path = getattr(settings, name)
        for setting, value in _of(name, start).items():
            before = chosen.get(setting, value)
            if before != value:
                raise SettingsError(
                    f"{name}: {path} makes {setting} {value!r}, and init_encoder makes it"
                    f" {before!r}; an encoder's language model has half the decoder's hidden_size"
                    " and the same cell, layer_norm and embedding_size"
                )
            asked = given.get(setting)
            if asked is None and setting.endswith("_tokens"):
                asked = given.get("tokens")
            if asked not in (None, value):
                raise SettingsError(
                    f"{name}: {path} makes {setting} {value!r}, and {asked!r} was given: leave it"
                    f" out, or train a language model {_needed(name, setting, asked)}"
                )
            chosen[setting] = value
    if chosen and "joint_vocabulary" not in given:
        chosen["joint_vocabulary"] = False
    return chosen


def _of(name: str, start: "Language") -> dict[str, Any]:
    own = start.settings
    both = {"cell": own.cell, "layer_norm": own.layer_norm, "embedding_size": own.embedding_size}
    if name == "init_encoder":
        return {**both, "hidden_size": 2 * own.hidden_size, "source_tokens": own.tokens}
    lowercase = {"lowercase": own.lowercase}
    return {**both, "hidden_size": own.hidden_size, "target_tokens": own.tokens, **lowercase}


def _needed(name: str, setting: str, value: Any) -> str:
    if setting == "hidden_size" and name == "init_encoder":
        return f"with hidden_size {value // 2}, half of it, for one direction"
    return f"with {'tokens' if setting.endswith('_tokens') else setting} {value!r}"


def vocabularies(
    settings: "TranslateSettings", sides: tuple[list[str], list[str]]
) -> list[Vocabulary | None]:
    """The vocabularies of both sides that come from language models, None for one to be learnt.

    Raises `SettingsError` where both sides are to share one and there are two, `DataError` where
    most of a side's tokens are unknown.
    """
    found = languages(settings)
    own = [found[name].vocabulary if name in found else None for name in NAMES]
    if settings.joint_vocabulary:
        known = {each.hash: each for each in own if each is not None}
        if len(known) > 1:
            raise SettingsError(
                "joint_vocabulary: the language models have two vocabularies; train one with the"
                " other's, by --from, or leave it out"
            )
        own = [*known.values(), None][:1] * 2
    for name, vocabulary, texts in zip(NAMES, own, sides, strict=True):
        if vocabulary is not None:
            ids = np.concatenate(vocabulary.encode_many(texts))
            unknown = float(np.mean(ids == vocabulary.unknown_id)) if len(ids) else 0.0
            if unknown > _MOST_UNKNOWN:
                side = "sources" if name == "init_encoder" else "targets"
                raise DataError(
                    f"{name}: {unknown:.0%} of the {side}' {vocabulary.kind} are unknown to the"
                    " language model: is it of another language or script?"
                )
    return own


def take(
    model: "EncoderDecoder", settings: "TranslateSettings", known: "TranslatePreprocessing"
) -> list[str]:
    """Write the language models' embeddings and layers into the network.

    **Returns:** what was taken, a line for each model. Whatever it lacks keeps its random weights:
    the encoder's backward direction, and the inputs that only the translator has, such as the
    context.
    """
    said = []
    for name, start in languages(settings).items():
        theirs = cast("Recurrent", start.model.get_submodule("recurrent"))
        if name == "init_encoder":
            embedding, layers = (
                model.encoder.embedding,
                _places(cast("Recurrent", model.encoder.recurrent)),
            )
            what = "the encoder's forward direction"
        else:
            embedding = model.encoder.embedding if known.joint else model.decoder.embedding
            layers = _of_decoder(model.decoder)
            what = "the decoder"
        own = cast("nn.Module", embedding).get_submodule("embedding")
        source = start.model.encoder.get_submodule("embedding")
        _lead(cast("Tensor", own.weight), cast("Tensor", source.weight))
        readout = cast("Readout", model.head)
        if name == "init_decoder" and start.settings.tie_weights and readout.weight is not None:
            _lead(readout.weight, cast("Tensor", source.weight))
        count = min(len(layers), theirs.num_layers)
        for index, (layer, place) in enumerate(layers[:count]):
            for part in _LAYER:
                if (weight := getattr(theirs, f"{part}_l{index}", None)) is not None:
                    _lead(getattr(layer, f"{part}_l{place}"), weight)
        said.append(
            f"{name}: the embeddings of {start.vocabulary.size:,} tokens and {count} of"
            f" {theirs.num_layers} layers begin {what}, which has {len(layers)}"
        )
    return said


def _places(layers: Recurrent) -> list[tuple[Recurrent, int]]:
    return [(layers, index) for index in range(layers.num_layers)]


def _of_decoder(decoder: "Decoder | InputFeedingDecoder") -> list[tuple[Recurrent, int]]:
    if isinstance(decoder, InputFeedingDecoder):
        return _places(decoder.layers)
    return [*_places(decoder.first), *_places(decoder.following)]


def _lead(own: Tensor, theirs: Tensor) -> None:
    """Write a weight into the beginning of another one, whose further rows or columns stay."""
    with torch.no_grad():
        own[tuple(slice(size) for size in theirs.shape)].copy_(theirs)
