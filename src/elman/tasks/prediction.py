"""What a task answers: a prediction for each input, and the metrics of labelled data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """The answer for one input.

    - `value`: what `predict` returns for it: a label, a text, ...; None where `error` is set.
    - `error`: why there is no value, None if there is one.
    - `input`: the input as a table shows it: a text, a name, a number of steps.
    - `details`: further columns of its row, such as a probability.
    """

    value: Any
    error: str | None = None
    input: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def row(self, name: str) -> dict[str, Any]:
        """A table's row with the value in the column `name`; a mapping has a column a key.

        >>> Prediction("+", input="good", details={"probability": 0.9}).row("label")
        {'label': '+', 'probability': 0.9, 'input': 'good'}
        """
        values = self.value if isinstance(self.value, Mapping) else {name: self.value}
        return {**values, **self.details, "input": self.input}


def rows(predictions: Iterable[Prediction], name: str) -> list[dict[str, Any]]:
    """The rows of predictions; with a column `error` ("" for none) if one of them has an error."""
    predictions = list(predictions)
    if all(each.error is None for each in predictions):
        return [each.row(name) for each in predictions]
    answered = [each for each in predictions if each.error is None] or predictions
    columns = dict.fromkeys(key for each in answered for key in each.row(name) if key != "input")
    return [
        {
            **columns,
            **(each.row(name) if each.error is None else each.details),
            "input": each.input,
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
