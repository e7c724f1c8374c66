"""The network of a recogniser: steps of the pen to scores of symbols or of characters."""

from typing import Literal

from elman.cells import Cell
from elman.nn import Pooling
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.handwriting.encoder import InkEncoder
from elman.tasks.handwriting.settings import HandwritingSettings
from elman.tasks.model import SequenceModel
from elman.tasks.transcription.ctc_head import Characters


def recogniser(
    settings: HandwritingSettings, cell: Cell | str, classes: int, *, is_text: bool
) -> SequenceModel:
    """Features, recurrent layers, and the head: pooling for symbols, every step for texts."""
    encoder = InkEncoder(settings, is_text=is_text)
    both_ways = settings.bidirectional
    recurrent = settings.layers(cell, encoder.output_size, bidirectional=both_ways)
    size, dropout = recurrent.output_size, settings.output_dropout
    if is_text:
        return SequenceModel(encoder, recurrent, Characters(size, classes, dropout))
    pooling = Pooling(settings.pooling, size, bidirectional=both_ways)
    linear: Literal["shape"] | None = "shape" if settings.shape_model else None
    head = ClassifyHead(pooling, classes, dropout=dropout, linear=linear)
    return SequenceModel(encoder, recurrent, head)
