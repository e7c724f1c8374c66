"""The task `Synthesis` on the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from elman.errors import SettingsError
from elman.tasks.commands import Commands, GenerateFlags
from elman.tasks.synthesis.settings import SynthesisSettings

if TYPE_CHECKING:
    from elman.tasks.synthesis.task import Synthesis


class Generate(GenerateFlags):
    """How handwriting is written, and where to."""

    out: Path | None = Field(None, description="File to write: .svg, .png or .inkml.")
    bias: float = Field(0.0, description="Above 0 tidier and less varied writing.")
    style: Path | None = Field(None, description="Ink file whose handwriting is imitated.")
    style_text: str | None = Field(
        None, description="Text of the style's ink, if it is not in the file."
    )
    count: int = Field(
        1,
        ge=1,
        le=1000,
        description="Number of pieces to write; several are written to FILE-1, FILE-2 and so on.",
    )
    most: int | None = Field(None, description="Maximum number of points of a piece.")
    seed: int | None = Field(None, description="Random seed; the same seed writes the same ink.")

    def run(self, task: "Synthesis", prompt: str) -> Iterator[str]:
        """The name of each file that was written."""
        from elman.data import read_inks, write_ink

        if self.out is None:
            raise SettingsError("--out is missing: name a .svg, .png or .inkml file to write")
        style: Any = self.style
        if self.style_text is not None:
            if self.style is None:
                raise SettingsError("--style-text is the text of --style: give --style, too")
            style = [(ink, self.style_text) for ink in read_inks(self.style, labelled=False)]
        text = prompt or None
        inks = task.samples(
            self.count, text, bias=self.bias, style=style, seed=self.seed, most=self.most
        )
        for number, ink in enumerate(inks, 1):
            path = self.out
            if self.count > 1:
                path = path.with_name(f"{path.stem}-{number}{path.suffix}")
            write_ink(ink, path, text)
            yield f"{path}\n"


COMMANDS = Commands(
    SynthesisSettings,
    """Train a generator of handwriting: ink like the training samples or, if these have texts, of
    any given text.

    Example: `elman train synthesis --data lines.csv --path file --text transcript`
    """,
    generate=Generate,
    data_settings=("text", "writer", "path"),
    reads=(),
)
