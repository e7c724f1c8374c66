"""The network of a classifier: tokens or features to scores of the classes."""

from typing import Any

import torch

from elman.cells import Cell
from elman.nn import Pooling
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.classify.preprocessing import ClassifyPreprocessing
from elman.tasks.classify.settings import ClassifySettings
from elman.tasks.classify.vectors import begin_with, deviation
from elman.tasks.model import FeatureEncoder, SequenceModel, TokenEncoder
from elman.tasks.word_encoder import WordEncoder


def classifier(
    settings: ClassifySettings, cell: Cell | str, preprocessing: ClassifyPreprocessing
) -> SequenceModel:
    """Embedded tokens or standardised features, recurrent layers, pooling, class scores."""
    encoder = _encoder(settings, preprocessing)
    both_ways = settings.bidirectional
    recurrent = settings.layers(cell, encoder.output_size, bidirectional=both_ways)
    pooling = Pooling(settings.pooling, recurrent.output_size, bidirectional=both_ways)
    head = ClassifyHead(
        pooling,
        len(preprocessing.labels),
        dropout=settings.output_dropout,
        linear=preprocessing.linear,
    )
    return SequenceModel(encoder, recurrent, head)


def _encoder(
    settings: ClassifySettings, preprocessing: ClassifyPreprocessing
) -> TokenEncoder | WordEncoder | FeatureEncoder:
    if preprocessing.vocabulary is None:
        size = preprocessing.features or 0
        motion = torch.ones(size) if settings.differences else None
        return FeatureEncoder(
            *(preprocessing.scale or (torch.zeros(size), torch.ones(size), motion))
        )
    sizes = preprocessing.vocabulary.size, settings.embedding_size
    buckets, vectors = preprocessing.ngram_buckets, preprocessing.vectors
    options: dict[str, Any] = {
        "dropout": settings.input_dropout,
        "token_dropout": settings.token_dropout,
        "deviation": 0.1 if vectors is None else deviation(vectors),
    }
    encoder: TokenEncoder | WordEncoder
    if buckets:
        encoder = WordEncoder(*sizes, buckets, **options)
    else:
        encoder = TokenEncoder(*sizes, **options)
    if vectors is not None:
        begin_with(encoder.embedding, vectors, preprocessing.vocabulary)
    return encoder
