"""The task `Translate` on the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from elman.errors import SettingsError
from elman.tasks.commands import Commands, EvaluateFlags, Note, Part, PredictFlags, Rows
from elman.tasks.translate.settings import TranslateSettings

if TYPE_CHECKING:
    from elman.tasks.prediction import Prediction
    from elman.tasks.translate.task import Translate

_BEAM = "Beam width of a translation; 1 is greedy decoding."
_TERMS = "Table of terms (TSV: source, target) that translations must have."


class Predict(PredictFlags):
    """How texts are translated."""

    beam: int | None = Field(None, description=_BEAM)
    n_best: int | None = Field(
        None, description="Number of translations of each text, a row for each."
    )
    prefix: str | None = Field(None, description="Text that each translation begins with.")
    terms: Path | None = Field(None, description=_TERMS)
    no_repeat_ngram: int | None = Field(
        None, description="Size of n-grams that may not be repeated within a translation."
    )
    temperature: float | None = Field(
        None, description="Sample tokens at this temperature; beam search if not given."
    )
    seed: int | None = Field(None, description="Random seed for sampling.")
    alignments: bool = Field(
        False,
        description="Also print, for each token of the translation, the source token with the"
        " highest attention.",
    )
    attention_plot: Path | None = Field(
        None, description="Draw the attention of the translations to this file, such as map.png."
    )

    def run(
        self, task: "Translate", inputs: Sequence[str], data: str | None, *, as_json: bool
    ) -> Iterator[Part]:
        """A line for each text, an empty one for an empty text; rows with further columns."""
        if bool(inputs) == (data is not None):
            raise SettingsError(
                "give either texts, or --data FILE, or - for standard input, to translate"
            )
        if self.attention_plot is not None:
            from elman.files import check_picture

            check_picture(self.attention_plot)
        found = task.predictions(
            list(inputs) if inputs else data,
            beam=self.beam,
            n_best=self.n_best,
            prefix=self.prefix,
            terms=self.terms,
            no_repeat_ngram=self.no_repeat_ngram,
            temperature=self.temperature,
            seed=self.seed,
            alignments=self.alignments or self.attention_plot is not None or None,
        )
        if self.attention_plot is not None:
            from elman.tasks.translate.plot import attention_plot

            attention_plot(task, found).savefig(self.attention_plot, dpi=130)
        if self.n_best is not None and self.n_best > 1:
            yield Rows(
                [
                    {"source": each.input, "rank": rank, **one}
                    for each in found
                    for rank, one in enumerate(each.details["n_best"], 1)
                ]
            )
        elif self.alignments:
            yield Rows([{**_plain(each), "alignment": _alignment(each)} for each in found])
        elif as_json:
            yield Rows([_plain(each) for each in found])
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


def _plain(found: "Prediction") -> dict[str, object]:
    """A row without the attention's weights."""
    hidden = ("attention", "tokens", "n_best")
    return {name: value for name, value in found.row().items() if name not in hidden}


def _alignment(found: "Prediction") -> str:
    """Pairs of a source token and the token that attended to it most, as `i-j`, numbered from 0
    (Pharaoh's format)."""
    weights = found.details["attention"]
    return " ".join(f"{int(row.argmax())}-{j}" for j, row in enumerate(weights))


COMMANDS = Commands(
    TranslateSettings,
    """Train a translation model on pairs of texts: a table with two columns, two files with
    corresponding lines, TMX, or a dataset.

    Example: `elman train translate --data pairs.tsv --source en --target de`
    """,
    predict=Predict,
    evaluate=Evaluate,
    data_settings=("source", "target", "clean"),
    reads=("text", "table"),
)
