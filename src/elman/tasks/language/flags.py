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

    length: int = Field(500, description="Most tokens to write.")
    temperature: float = Field(1.0, description="Below 1 safer, above 1 wilder; 0 greedy.")
    top_k: int | None = Field(None, description="Draw from the k likeliest tokens.")
    top_p: float | None = Field(None, description="Draw from this much probability.")
    seed: int | None = Field(None, description="The same seed writes the same text.")
    stop: tuple[str, ...] = Field((), description="End before this string; may be given again.")

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
