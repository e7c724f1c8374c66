"""The task `Translate` on the command line."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from elman.errors import SettingsError
from elman.tasks.commands import Commands, EvaluateFlags, Note, Part, PredictFlags, Rows
from elman.tasks.translate.settings import TranslateSettings

if TYPE_CHECKING:
    from elman.tasks.translate.task import Translate

_BEAM = "Beam width; 1 is greedy decoding."


class Predict(PredictFlags):
    """How texts are translated."""

    beam: int | None = Field(None, description=_BEAM)
    n_best: int | None = Field(None, description="Write so many translations of each text.")

    def run(
        self, task: "Translate", inputs: Sequence[str], data: str | None, *, as_json: bool
    ) -> Iterator[Part]:
        """A line for each text; with several translations or as JSON rows."""
        if bool(inputs) == (data is not None):
            raise SettingsError(
                "give either texts, or --data FILE, or - for standard input, to translate"
            )
        given = list(inputs) if inputs else data
        found = task.predictions(given, beam=self.beam, n_best=self.n_best)
        if self.n_best is not None and self.n_best > 1:
            yield Rows(
                [
                    {"source": each.input, "rank": rank, **one}
                    for each in found
                    for rank, one in enumerate(each.details["n_best"], 1)
                ]
            )
        elif as_json:
            yield Rows([each.row() for each in found])
        else:
            yield from (f"{each.value}\n" for each in found)


class Evaluate(EvaluateFlags):
    """How texts are translated that are compared."""

    beam: int | None = Field(None, description=_BEAM)

    def run(self, task: "Translate", data: str, *, as_json: bool) -> Iterator[Part]:
        """The metrics, and sacrebleu's signatures."""
        report = task.report(data, beam=self.beam)
        yield report.metrics
        if not as_json:
            yield from (Note(f"{name}: {text}") for name, text in report.signatures.items())


COMMANDS = Commands(
    TranslateSettings,
    """Train a translator on pairs of texts: a table with two columns, two files of as many lines,
    TMX, or a dataset.

    Example: `elman train translate --data pairs.tsv --source en --target de`
    """,
    predict=Predict,
    evaluate=Evaluate,
    data_settings=("source", "target", "clean"),
    reads=("text", "table"),
)
