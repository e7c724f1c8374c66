"""The network of a classifier of clips: frames to scores of classes."""

from elman.cells import Cell
from elman.nn import Pooling
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.model import SequenceModel
from elman.tasks.video.encoder import FrameEncoder, Pixels
from elman.tasks.video.settings import VideoSettings


def classifier(
    settings: VideoSettings, cell: Cell | str, pixels: Pixels, classes: int
) -> SequenceModel:
    """Features of frames, recurrent layers over time, pooling and the scores of classes."""
    encoder = FrameEncoder(
        pixels,
        channels=settings.channels,
        features=settings.features,
        differences=settings.differences,
        dropout=settings.input_dropout,
    )
    both_ways = settings.bidirectional
    recurrent = settings.layers(cell, encoder.output_size, bidirectional=both_ways)
    pooling = Pooling(settings.pooling, recurrent.output_size, bidirectional=both_ways)
    head = ClassifyHead(pooling, classes, dropout=settings.output_dropout)
    return SequenceModel(encoder, recurrent, head)
