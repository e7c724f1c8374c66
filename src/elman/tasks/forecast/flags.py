"""The task `Forecast` on the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from elman.errors import SettingsError
from elman.files import check_picture
from elman.tasks.commands import Commands, EvaluateFlags, Part, PredictFlags, Rows
from elman.tasks.forecast.settings import ForecastSettings

if TYPE_CHECKING:
    from elman.tasks.forecast.task import Forecast


class Predict(PredictFlags):
    """Forecasts of series."""

    plot: Path | None = Field(
        None, description="Also draw the forecasts to this file (.png, .svg, .pdf)."
    )

    def run(
        self,
        task: "Forecast",
        inputs: Sequence[str],
        data: str | None,
        *,
        as_json: bool,  # noqa: ARG002
    ) -> Iterator[Part]:
        """The forecasts' rows, after the picture is drawn."""
        if inputs:
            raise SettingsError("a forecast needs series: give --data FILE, or nothing")
        if self.plot is not None:
            check_picture(self.plot)
            task.forecasts(data).plot().savefig(self.plot, dpi=130)
        yield Rows(task.rows(data))


class Evaluate(EvaluateFlags):
    """Metrics beside those of simple rules."""

    def run(self, task: "Forecast", data: str, *, as_json: bool) -> Iterator[Part]:
        """A table of the model and the rules."""
        yield task.evaluate(data) if as_json else task.backtest(data).summary()


COMMANDS = Commands(
    ForecastSettings,
    """Train a forecaster of one or many series, on a table with a row for each series and time.

    Example: `elman train forecast --data sales.csv --id shop --time day --target sold --horizon 28`
    """,
    predict=Predict,
    evaluate=Evaluate,
    data_settings=("id", "time", "target", "past", "future", "static"),
    validation=False,
    reads=("table",),
)
