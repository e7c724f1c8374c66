"""The task `Video` on the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from elman.errors import DataError, SettingsError
from elman.tasks.commands import Commands, Note, Part, PredictFlags, Rows
from elman.tasks.prediction import Prediction, rows
from elman.tasks.video.settings import VideoSettings
from elman.train.settings import seconds_of

if TYPE_CHECKING:
    from elman.data import Clip
    from elman.tasks.video.task import Video

_RATE = 10.0  # frames a second, where clips have no times


class Predict(PredictFlags):
    """How clips are told."""

    n: int = Field(1, ge=1, le=1000, description="Labels of each clip, with their probabilities.")
    every: str | None = Field(
        None,
        description="Tell what a clip shows so far after each such time, as 1s or 0.5: of models"
        " that tell labels.",
    )

    out: Path | None = Field(
        None,
        description="File for the frames that are predicted: .gif, .mp4, or .npz, which keeps every"
        " pixel; of several clips it gets numbers.",
    )

    def run(
        self, task: "Video", inputs: Sequence[str], data: str | None, *, as_json: bool
    ) -> Iterator[Part]:
        """A row for each clip of the files or of the data."""
        if bool(inputs) == (data is not None):
            raise SettingsError("give either videos, or --data, to predict")
        if (task.settings.kind == "predict") != (self.out is not None):
            raise SettingsError("--out FILE is for models that predict frames, which need it")
        sources = list(inputs) if data is None else [data]
        if self.every is not None:
            yield from self._running(task, sources)
            return
        found = [each for source in sources for each in self._of(task, source, len(sources))]
        if self.out is not None:
            yield from _written(found, self.out, task.settings.rate)
            return
        shown = rows(found, task.value_name)
        yield Rows(shown if as_json else [{k: _plain(v) for k, v in row.items()} for row in shown])

    @field_validator("every")
    @classmethod
    def _positive(cls, value: str | None) -> str | None:
        if value is not None and not seconds_of(value) > 0:
            raise ValueError(f"a time above 0 is needed, got {value}")
        return value

    def _running(self, task: "Video", sources: Sequence[str]) -> Iterator[Part]:
        """A row for each clip and time."""
        from elman.tasks.video.running import running

        if task.settings.kind == "predict" or self.n != 1:
            raise SettingsError("--every is for models that tell labels, without --n")
        assert self.every is not None
        for source in sources:
            for clip, name in _clips(source, task):
                try:
                    answers = running(task, clip, seconds_of(self.every))
                    found = [{"time": t, **each.row("label"), "name": name} for t, each in answers]
                    yield Rows([{k: v for k, v in row.items() if k != "input"} for row in found])
                except DataError as error:
                    yield Note(f"{name}: {error}")

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


def _plain(value: Any) -> Any:
    """The other labels in one cell of a table."""
    if not isinstance(value, tuple):
        return value
    return "; ".join(f"{label} {probability:.4g}" for label, probability in value)


COMMANDS = Commands(
    VideoSettings,
    """Train a model that tells what a video shows, or that predicts its next frames.

    Example: `elman train video --data clips/`
    """,
    predict=Predict,
    data_settings=("path", "label"),
    reads=(),
)
