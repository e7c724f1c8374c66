"""A language model as the beginning of a classifier of texts (ULMFiT, Howard & Ruder 2018)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from elman.data import Vocabulary
from elman.errors import DataError
from elman.tasks.classify.settings import ClassifySettings
from elman.tasks.model import SequenceModel
from elman.tasks.start import layer_settings, take_layers
from elman.train import ParameterGroup

if TYPE_CHECKING:
    from elman.tasks.task import Task

LR = 7e-4  # a third of the usual rate, so that what was learnt is kept
_MOST_UNKNOWN = 0.5  # share of tokens, above which a vocabulary is of another language


def settings_of(start: "Task") -> dict[str, Any]:
    """The classifier's settings that follow from a language model.

    One layer may have a backward direction beside it, which begins with random weights.
    """
    one_layer = start.settings.num_layers == 1
    return {
        **layer_settings(start),
        **{name: getattr(start.settings, name) for name in ("embedding_size", "tokens")},
        **{n: getattr(start.settings, n) for n in ("vocabulary_size", "lowercase")},
        **{"min_count": 1, "ngram_buckets": 0, "vectors": None},
        **({} if one_layer else {"bidirectional": False}),
    }


def take(model: SequenceModel, start: "Task") -> None:
    """Write the language model's embedding and recurrent layers into the classifier."""
    embedding = model.encoder.embedding
    assert isinstance(embedding, nn.Embedding)
    take_layers(embedding, model.recurrent, start)


def groups(model: SequenceModel, settings: ClassifySettings) -> list[ParameterGroup]:
    """The language model's embedding and layers, of which the deeper ones learn more slowly and
    later; what is new in the classifier learns as other networks do."""
    embedding = model.encoder.get_submodule("embedding")
    layers = [
        [
            parameter
            for name, parameter in model.recurrent.named_parameters()
            if name.endswith(f"_l{layer}")
        ]
        for layer in range(model.recurrent.num_layers)
    ]
    deepest = len(layers) + 1
    return [
        ParameterGroup(
            parameters,
            rate=settings.layer_decay ** (deepest - i),
            frozen=settings.unfreezing * (deepest - i) / deepest,
        )
        for i, parameters in enumerate([[*embedding.parameters()], *layers])
    ]


def summary(vocabulary: Vocabulary, texts: list[str]) -> str:
    """In a line, how many tokens of the texts the language model does not know.

    Raises `DataError` where that is most of them.
    """
    ids = np.concatenate(vocabulary.encode_many(texts))
    unknown = float(np.mean(ids == vocabulary.unknown_id)) if len(ids) else 1.0
    if unknown > _MOST_UNKNOWN:
        raise DataError(
            f"start_from: {unknown:.0%} of the texts' {vocabulary.kind} are unknown to the language"
            " model: is it of another language or script?"
        )
    return f"Start: a language model that does not know {unknown:.1%} of the texts' tokens"
