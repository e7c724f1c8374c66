"""The task `Video` on the command line."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from elman.errors import DataError, SettingsError
from elman.tasks.commands import Commands, Note, Part, PredictFlags, Rows
from elman.tasks.formats import json_line
from elman.tasks.prediction import Prediction
from elman.tasks.video.settings import VideoSettings
from elman.train.settings import seconds_of

if TYPE_CHECKING:
    from elman.data import Clip
    from elman.tasks.video.task import Video

_RATE = 10.0  # frames a second, where clips have no times


class Predict(PredictFlags):
    """How clips are classified."""

    n: int = Field(
        1, ge=1, le=1000, description="Number of labels for each clip, with their probabilities."
    )
    every: str | None = Field(
        None,
        description="Interval for printing the answer so far, such as 1s or 0.5, for models that"
        " classify clips; 1s for cameras and streams if not given.",
    )
    retries: int = Field(
        5,
        ge=0,
        le=10**6,
        description="Maximum number of attempts in a row to reconnect to a camera or stream.",
    )
    out: Path | None = Field(
        None,
        description="File for the predicted frames: .gif, .mp4, or .npz, which keeps the exact"
        " pixels; for several clips it is numbered.",
    )

    def run(
        self, task: "Video", inputs: Sequence[str], data: str | None, *, as_json: bool
    ) -> Iterator[Part]:
        """A row for each clip of the files or of the data, or for each event; of a camera, a stream
        or a pipe lines as they arrive."""
        from elman.data.video.live import is_live

        if bool(inputs) == (data is not None):
            raise SettingsError("give either videos, or --data, to predict")
        if (task.settings.kind == "predict") != (self.out is not None):
            raise SettingsError("--out FILE is for models that predict frames, which need it")
        sources = list(inputs) if data is None else [data]
        if any(is_live(source) for source in sources):
            yield from self._live(task, sources, as_json=as_json)
            return
        if self.every is not None:
            yield from self._running(task, sources)
            return
        found = [each for source in sources for each in self._of(task, source, len(sources))]
        if task.settings.kind == "events" and all(each.value == () for each in found):
            yield Note("no events were found")
            return
        if self.out is not None:
            yield from _written(found, self.out, task.settings.rate)
            return
        shown = task._part.rows(found)
        yield Rows(shown if as_json else [_plain_row(row) for row in shown])

    @field_validator("every")
    @classmethod
    def _positive(cls, value: str | None) -> str | None:
        if value is not None and not seconds_of(value) > 0:
            raise ValueError(f"a time above 0 is needed, got {value}")
        return value

    def _running(self, task: "Video", sources: Sequence[str]) -> Iterator[Part]:
        """A row for each clip and time."""
        from elman.tasks.video.running import running

        if task.settings.kind != "classify" or self.n != 1:
            raise SettingsError("--every is for models that classify, and not with --n")
        assert self.every is not None
        for source in sources:
            for clip, name in _clips(source, task):
                try:
                    answers = running(task, clip, seconds_of(self.every))
                    found = [{"time": t, **each.row("label"), "name": name} for t, each in answers]
                    found = [{k: v for k, v in row.items() if k != "input"} for row in found]
                    yield Rows([_plain_row(row) for row in found])
                except DataError as error:
                    yield Note(f"{name}: {error}")

    def _live(self, task: "Video", sources: Sequence[str], *, as_json: bool) -> Iterator[Part]:
        """A line for each answer, or event, of one camera, stream or pipe."""
        from elman.tasks.video.running import live

        if task.settings.kind == "predict":
            raise SettingsError("cameras and streams are for models that classify or find events")
        if len(sources) > 1 or self.n != 1 or self.out is not None:
            raise SettingsError("give one camera or stream alone, without --n and --out")
        every = 1.0 if self.every is None else seconds_of(self.every)
        has_header = as_json
        for row in live(task, sources[0], every, self.retries, _tell):
            if as_json:
                yield json_line(row)
                continue
            if not has_header:
                yield "\t".join(row) + "\n"
                has_header = True
            yield "\t".join(str(value) for value in _plain_row(row).values()) + "\n"

    def _of(self, task: "Video", source: str, count: int) -> list[Prediction]:
        """Those of one source; of several, one that cannot be read leaves the others."""
        try:
            return task.predictions(source, n=self.n)
        except DataError as error:
            if count == 1:
                raise
            columns = task.value_name, task.input_name
            return [Prediction(None, str(error), source, columns=columns)]


def _clips(source: str, task: "Video") -> Iterator[tuple["Clip", str]]:
    from elman.data import read_clips

    found = read_clips(source, labelled=False, path=task.settings.path)
    yield from zip(found.clips, found.names, strict=True)


def _written(found: Sequence[Prediction], out: Path, rate: float | None) -> Iterator[Part]:
    from elman.data import write_clip

    for i, each in enumerate(found):
        if each.error is not None:
            yield Note(f"{each.input}: {each.error}")
            continue
        path = out if len(found) == 1 else out.with_stem(f"{out.stem}-{i}")
        write_clip(each.value, path, rate=rate or _RATE)
        yield f"{path}\n"


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose labels, and the others after them, are in one cell each."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    words = (each if isinstance(each, str) else f"{each[0]} {each[1]:.4g}" for each in value)
    return "; ".join(words)


COMMANDS = Commands(
    VideoSettings,
    """Train a model that classifies video, finds events in long videos, or predicts the next
    frames.

    Example: `elman train video --data clips/`
    """,
    predict=Predict,
    data_settings=("path", "label", "separator"),
    reads=(),
)
