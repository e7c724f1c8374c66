"""What a task answers: a prediction for each input, and the metrics of labelled data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from elman.tasks.formats import formatted


@dataclass(frozen=True)
class Prediction:
    """The answer for one input.

    - `value`: what `predict` returns for it: a label, a text, ...; None where `error` is set.
    - `error`: why there is no value, None if there is one.
    - `input`: the input as a table shows it: a text, a name, a number of steps.
    - `details`: further columns of its row, such as a probability.
    - `columns`: the names of the columns of value and input.
    """

    value: Any
    error: str | None = None
    input: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, str] = ("value", "input")

    def to(self, form: str) -> str:
        """The prediction in the form of a file.

        - `json`: its row as a line, with the error if there is one.
        - `srt`, `vtt`: subtitles, and `ctm`: a line a word (name, channel, start, duration, word,
          confidence), of predictions whose details have `words` with times, as those of speech.

        Raises `SettingsError` where the prediction does not suit the format.

        >>> Prediction("+", input="good", details={"probability": 0.9}).to("json")
        '{"value": "+", "probability": 0.9, "input": "good"}\\n'
        """
        return formatted([self], form)

    def row(self, name: str | None = None) -> dict[str, Any]:
        """A table's row, the value in the column `name` or that of `columns`; a mapping has a
        column a key.

        >>> Prediction("+", input="good", details={"probability": 0.9}).row("label")
        {'label': '+', 'probability': 0.9, 'input': 'good'}
        """
        column, given = self.columns
        values = self.value if isinstance(self.value, Mapping) else {name or column: self.value}
        return {**values, **self.details, given: self.input}


def rows(predictions: Iterable[Prediction], name: str) -> list[dict[str, Any]]:
    """The rows of predictions; with a column `error` ("" for none) if one of them has an error."""
    predictions = list(predictions)
    if all(each.error is None for each in predictions):
        return [each.row(name) for each in predictions]
    given = predictions[0].columns[1]
    answered = [each for each in predictions if each.error is None] or predictions
    columns = dict.fromkeys(key for each in answered for key in each.row(name) if key != given)
    return [
        {
            **columns,
            **(each.row(name) if each.error is None else each.details),
            given: each.input,
            "error": each.error or "",
        }
        for each in predictions
    ]


@dataclass(frozen=True)
class Evaluation:
    """How well a task does on labelled data; a task's own class adds what it shows besides.

    `metrics` are numbers by name, as `evaluate` returns them.
    """

    metrics: dict[str, float]
