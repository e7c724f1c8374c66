"""The task `Handwriting` on the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from elman.errors import SettingsError
from elman.tasks.commands import Commands, Part, PredictFlags, Rows
from elman.tasks.handwriting.settings import HandwritingSettings
from elman.tasks.prediction import rows

if TYPE_CHECKING:
    from elman.tasks.handwriting.task import Handwriting


class Predict(PredictFlags):
    """How handwriting is read."""

    n: int = Field(
        1, ge=1, le=1000, description="Number of answers for each sample, with their scores."
    )
    segments: bool = Field(
        False, description="For texts, the points of the ink that belong to each character."
    )
    hot_word: tuple[str, ...] = Field(
        (), description="A word or phrase that is more likely here; may be given several times."
    )
    lm: Path | None = Field(None, description="ARPA file of a word language model for the texts.")

    def run(
        self, task: "Handwriting", inputs: Sequence[str], data: str | None, *, as_json: bool
    ) -> Iterator[Part]:
        """A row for each sample of the files or of the data."""
        if bool(inputs) == (data is not None):
            raise SettingsError("give either files of ink, or --data, to read")
        options: dict[str, Any] = {"n": self.n} if self.n > 1 else {}
        if self.segments:
            options["segments"] = True
        if self.hot_word:
            options["hot_words"] = self.hot_word
        if self.lm is not None:
            options["lm"] = self.lm
        sources: Sequence[Any] = list(inputs) if inputs else [data]
        found = [each for source in sources for each in task.predictions(source, **options)]
        shown = rows(found, task.value_name)
        yield Rows(shown if as_json else [{k: _plain(v) for k, v in row.items()} for row in shown])


def _plain(value: Any) -> Any:
    """Nested values in one cell of a table."""
    if not isinstance(value, tuple):
        return value
    return "; ".join(
        f"{each[0]} {each[1]:.4g}"
        if isinstance(each, tuple)
        else f"{each.text} {each.first}-{each.last}"
        for each in value
    )


COMMANDS = Commands(
    HandwritingSettings,
    """Train a recogniser of online handwriting: symbols, words or lines of text drawn by a pen.

    Example: `elman train handwriting --data samples.csv --path file --text label`
    """,
    predict=Predict,
    data_settings=("text", "writer", "path"),
    reads=(),
)
