"""The task `Language` on the command line."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from elman.tasks.commands import Commands, GenerateFlags
from elman.tasks.language.settings import LanguageSettings

if TYPE_CHECKING:
    from elman.tasks.language.task import Language


class Generate(GenerateFlags):
    """How the text is drawn."""

    length: int = Field(500, description="Maximum number of tokens to generate.")
    temperature: float = Field(
        1.0, description="Sampling temperature: below 1 less varied, above 1 more varied, 0 greedy."
    )
    top_k: int | None = Field(None, description="Sample from the k most likely tokens.")
    top_p: float | None = Field(
        None,
        description="Sample from the most likely tokens with this total probability (nucleus"
        " sampling).",
    )
    seed: int | None = Field(
        None, description="Random seed; the same seed generates the same text."
    )
    stop: tuple[str, ...] = Field(
        (), description="Stop before this string; may be given several times."
    )

    def run(self, task: "Language", prompt: str) -> Iterator[str]:
        """The prompt and the text."""
        pieces = task.stream(
            prompt,
            length=self.length,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
            stop=self.stop,
        )
        yield prompt
        yield from pieces
        yield "\n"


COMMANDS = Commands(
    LanguageSettings,
    """Train a language model on text: a file, a folder of .txt files, or a dataset.

    Example: `elman train language --data book.txt --hidden-size 256 --epochs 5`
    """,
    generate=Generate,
    reads=("text",),
)
