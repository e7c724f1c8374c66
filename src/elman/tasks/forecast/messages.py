"""What clients send to a served forecaster: rows of series."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from elman.data.values import shown
from elman.errors import DataError
from elman.tasks.messages import Messages, check_options
from elman.tasks.prediction import Prediction
from elman.tasks.session import Session
from elman.tasks.steps import Steps


class ForecastMessages(Messages):
    """Tables as columns, `{"ds": [...], "y": [...]}`, or as rows, `[{"ds": ..., "y": ...}]`.

    A session begins without the series that the model was trained on, and knows only those that
    its client sends.
    """

    session_options: ClassVar[tuple[str, ...]] = ("h", "level")
    predict_options: ClassVar[tuple[str, ...]] = ("h", "level", "future")
    chunk_options: ClassVar[tuple[str, ...]] = ("future",)

    @property
    def reads(self) -> dict[str, Any]:
        """A table, by the names of its columns; that of the series may be left out."""
        settings = self.task.settings
        names = ("id", "time", "target", "past", "future", "static")
        return {"kind": "table", **{name: getattr(settings, name) for name in names}}

    @property
    def answers(self) -> dict[str, Any]:
        """A table of the steps to come, `horizon` of them unless given otherwise."""
        return {"kind": "forecast", "horizon": self.task.settings.horizon}

    def session(self, options: Mapping[str, Any], state: Mapping[str, Any] | None) -> Session:
        """A session that has only the series of its client."""
        given = check_options(options, self.session_options)
        own: dict[str, Any] = {"series": []} if state is None else {"state": state}
        session: Session = self.task.session(**given, **own)
        return session

    def chunk(self, value: Any) -> dict[str, list[Any]]:
        """Rows that follow those known."""
        return _table(value)

    def check_chunk_options(self, session: Session, options: Mapping[str, Any]) -> dict[str, Any]:
        """The `future` covariates beside the rows."""
        return _with_future(super().check_chunk_options(session, options))

    def predictions(
        self, values: Sequence[Any], options: Mapping[str, Any]
    ) -> Steps[list[Prediction]]:
        """The forecasts after each table's series, as a table."""
        yield from ()
        given = _with_future(check_options(options, self.predict_options))
        tables = [_table(value) for value in values]
        return [Prediction(self.task.predict(table, **given)) for table in tables]


def _with_future(options: dict[str, Any]) -> dict[str, Any]:
    if options.get("future") is None:
        return {name: value for name, value in options.items() if name != "future"}
    return {**options, "future": _table(options["future"])}


def _table(value: Any) -> dict[str, list[Any]]:
    """A table of plain values as columns."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        names = dict.fromkeys(name for row in value for name in row)
        value = {name: [row.get(name) for row in value] for name in names}
    if not isinstance(value, dict) or not value:
        raise DataError('a table is {"column": [values]} or a list of rows, {"column": value}')
    for name, column in value.items():
        if not isinstance(column, list) or any(isinstance(each, list | dict) for each in column):
            raise DataError(f"the column {shown(name)} must be a list of plain values")
    return value
