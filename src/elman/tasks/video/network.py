"""The networks that predict labels: frames to scores, of a clip or of each of its frames."""

from typing import Any, Literal

from elman.cells import Cell
from elman.nn import Pooling, Recurrent
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.model import SequenceModel
from elman.tasks.video.encoder import FrameEncoder, Pixels
from elman.tasks.video.heads import FrameHead, MultiLabelHead
from elman.tasks.video.settings import VideoSettings


def classifier(
    settings: VideoSettings, cell: Cell | str, pixels: Pixels, classes: int, *, several: bool
) -> SequenceModel:
    """Features of frames, recurrent layers over time, pooling and the scores of classes, of which
    `several` may hold."""
    encoder, recurrent = _encoded(settings, cell, pixels)
    pooling = Pooling(settings.pooling, recurrent.output_size, bidirectional=settings.bidirectional)
    head = MultiLabelHead if several else ClassifyHead
    linear: Literal["summary"] | None = "summary" if settings.summary_model else None
    options: Any = {"dropout": settings.output_dropout, "linear": linear}
    return SequenceModel(encoder, recurrent, head(pooling, classes, **options))


def frame_labeller(
    settings: VideoSettings, cell: Cell | str, pixels: Pixels, labels: int
) -> SequenceModel:
    """Features of frames, recurrent layers over time, and the scores of labels at each frame."""
    encoder, recurrent = _encoded(settings, cell, pixels)
    head = FrameHead(recurrent.output_size, labels, dropout=settings.output_dropout)
    return SequenceModel(encoder, recurrent, head)


def _encoded(
    settings: VideoSettings, cell: Cell | str, pixels: Pixels
) -> tuple[FrameEncoder, Recurrent]:
    encoder = FrameEncoder(
        pixels,
        channels=settings.channels,
        features=settings.features,
        differences=settings.differences,
        dropout=settings.input_dropout,
    )
    both_ways = settings.bidirectional
    return encoder, settings.layers(cell, encoder.output_size, bidirectional=both_ways)
