"""Forecast series: sales, weather, prices, loads."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from elman.data import Panel, read_panel
from elman.data.series.panel import frame_of
from elman.data.series.table_kind import TableKind
from elman.errors import DataError
from elman.tasks.forecast import backtest, made
from elman.tasks.forecast.asked import percents, whole_number
from elman.tasks.forecast.backtest import Backtest, Report, frame, roll, score
from elman.tasks.forecast.forecasts import Forecasts
from elman.tasks.forecast.made import Asked
from elman.tasks.forecast.parts import ForecastParts
from elman.tasks.forecast.session import ForecastSession
from elman.tasks.forecast.stored import plain
from elman.tasks.prediction import Prediction
from elman.tasks.significance import Difference, check_same


class Forecast(ForecastParts):
    """Forecast all steps of a horizon, with intervals, by one network for all series.

    Data is whatever `elman.data.read_panel` reads: a row for each series and time. The network
    reads each series step by step from its beginning, with its seasons' values, the calendar and
    the covariates, in units of the series' own running level; its head gives quantiles for all
    steps of the horizon. Intervals are calibrated on held-out steps (Romano et al. 2019), and a
    warning is given if the seasonal naive rule did better there.

    >>> import numpy as np
    >>> days = np.arange("2024-01-01", "2024-07-01", dtype="datetime64[D]")
    >>> sold = 20 + 8 * (np.arange(len(days)) % 7 == 5) + np.arange(len(days)) % 3
    >>> sales = {"ds": days, "y": sold}
    >>> task = Forecast(horizon=7, epochs=1, hidden_size=16).fit(sales, progress=False)
    >>> list(task.predict(level=[80]))
    ['ds', 'mean', 'median', 'lo-80', 'hi-80']
    """

    # what is known, and forecasts from there

    def forecasts(self, data: Any = None, *, h: int | None = None, future: Any = None) -> Forecasts:
        """As `predict`, as an object with the quantiles."""
        self._check_trained()
        panel = None if data is None else self._panel(data)
        return made.forecasts(self, self._asked(panel, h, future))

    def sample_paths(
        self,
        data: Any = None,
        *,
        h: int | None = None,
        paths: int = 100,
        future: Any = None,
        seed: int = 0,
    ) -> Any:
        """Ways in which series may go on: other than quantiles of each step they tell what a
        week's sum or a month's highest value may be.

        A head that gives the distribution of the next value draws step by step. From quantiles
        paths are made so that steps follow each other as the held-out ones did. `data`, `h` and
        `future` as in `predict`.

        **Returns:** a table with a row for each series, path and step: the path's number in the
        column `path`, and the targets.
        """
        paths = whole_number("paths", paths, most=100_000)
        seed = whole_number("seed", seed, least=0)
        self._check_trained()
        panel = None if data is None else self._panel(data)
        asked = self._asked(panel, h, future)
        return self._frame(made.paths(self, asked, paths=paths, seed=seed), panel)

    def _asked(self, panel: Panel | None, h: int | None, future: Any) -> Asked:
        """The series to continue from, what is given of their future, and how far."""
        known = self.memory.known if panel is None else self._known(panel)
        return made.asked(self, known, h, future)

    def predict(
        self,
        data: Any = None,
        *,
        h: int | None = None,
        level: Sequence[float] = (80, 95),
        future: Any = None,
    ) -> Any:
        """What comes after the series as they are known, or after those of `data`.

        **Arguments:**

        - `data`: histories to continue from, also of series that training has not seen.
        - `h`: steps, up to the horizon.
        - `level`: percents of the central intervals, up to 95.
        - `future`: a table with the covariates known beforehand of the steps to come.

        **Returns:** a table of the kind that came, with `mean`, `median`, `lo-80`, `hi-80`, ...
        """
        self._check_trained()
        panel = None if data is None else self._panel(data)
        return self._frame(self._table(panel, h, level, future), panel)

    def _table(
        self, panel: Panel | None, h: int | None, level: Sequence[float], future: Any
    ) -> dict[str, Any]:
        settings, level = self.settings, percents(level)
        found = made.forecasts(self, self._asked(panel, h, future))
        return found.table(level, id=settings.id, time=settings.time)

    @property
    def known(self) -> tuple[str, ...]:
        """The names of the series that `predict` continues from when it is given no data."""
        return tuple(self.memory.known)

    def _frame(
        self, columns: Mapping[str, Any], panel: Panel | None, *, in_memory: bool = False
    ) -> Any:
        """Columns as a table of the kind that came, or that training had; or as a dict."""
        of: Any = panel or self.memory
        kind = TableKind(zone=of.kind.zone) if in_memory else of.kind
        return frame_of(columns, self.settings.columns, kind, of.ids if of.has_ids else None)

    def session(
        self,
        *,
        series: Sequence[str] | None = None,
        h: int | None = None,
        level: Sequence[float] = (80, 95),
        state: Mapping[str, Any] | None = None,
    ) -> ForecastSession:
        """A session that reads rows as they arrive and forecasts after them, as `update` and
        `predict` would; it does not change the task, so that any number of them run side by side.

        **Arguments:**

        - `series`: names of the model's known series to continue from; all if None, none if empty.
        - `h`, `level`: as in `predict`.
        - `state`: of an earlier session of this model, to continue from there.
        """
        self._check_trained()
        return ForecastSession(self, series=series, h=h, level=level, state=state)

    def update(self, data: Any) -> None:
        """Read new rows, which follow those that are known, from where the reading stood; a new
        series is read from its beginning."""
        self._read_on(data)

    def _read_on(self, data: Any) -> Panel:
        memory = self.memory
        phases = {name: each.series.phase for name, each in memory.known.items()}
        panel = self._panel(data, phases)
        if memory.known and panel.has_ids != memory.has_ids:
            there = "has" if panel.has_ids else "has no"
            raise DataError(f"data {there} column {self.settings.id}, other than that of training")
        if memory.known and not any(each.name in memory.known for each in panel.series):
            some = ", ".join(repr(name) for name in [*memory.known][:3])
            warnings.warn(
                f"none of the {len(panel)} series in the data is known, and all are read as new"
                f" ones: {panel.series[0].name!r} is none of {some}, ...",
                UserWarning,
                stacklevel=3,
            )
        self.memory = memory.after(panel, self._known(panel, memory.known))
        return panel

    def anomalies(self, data: Any) -> Any:
        """How unusual each value of some histories is, as a table with `score` and `expected`.

        The score is the distance from the forecast one step before, in half widths of its interval
        of 95 %: above 1 a value lies outside. NaN before the first forecast.
        """
        self._check_trained()
        panel = self._panel(data)
        return panel.frame(backtest.table(self.model, self.view, self.memory.calibration, panel))

    # evaluation

    def report(self, data: Any) -> Report:
        """Metrics of forecasts after every step of the last tenth of some histories, beside those
        of the simple rules; see `backtest`."""
        found = self.backtest(data)
        rules = {name: each for name, each in found.metrics.items() if name != "model"}
        return Report(found.metrics["model"], rules, found)

    def compare(self, other: Self, data: Any, **options: Any) -> list[Difference]:
        """The mean absolute errors of this model and another one, with Diebold and Mariano's test.

        **Arguments:** `options`: as in `backtest`.

        Raises `SettingsError` where they forecast other steps.
        """
        self._check_comparable(other)
        own, others = self.backtest(data, **options), other.backtest(data, **options)
        check_same(own.errors["naive"].tolist(), others.errors["naive"].tolist())
        return [own.difference(others)]

    def backtest(self, data: Any, *, n_windows: int | None = None, step_size: int = 1) -> Backtest:
        """How good the forecasts of `cross_validation` are, beside those of the simple rules and
        with tests of the difference: `.metrics`, `.errors`, `.against`, and `.summary()` to print.

        Without `n_windows` a forecast is made after every step of the last tenth of each series.
        """
        self._check_trained()
        step_size = whole_number("step_size", step_size)
        if n_windows is not None:
            n_windows = whole_number("n_windows", n_windows)
        rolled = list(roll(self, self._panel(data), n_windows, step_size))
        return score(rolled, self.view.seasons[0], step_size)

    def cross_validation(
        self,
        data: Any,
        *,
        n_windows: int = 1,
        step_size: int | None = None,
        level: Sequence[float] = (80, 95),
    ) -> Any:
        """Forecasts from rolling origins at the end of some histories, beside simple rules.

        A task that is not trained is trained first, on what comes before all windows; one that is
        trained forecasts as it is. Each forecast sees what was known at its cutoff alone, the
        intervals' widths too.

        **Arguments:**

        - `n_windows`: forecasts of each series.
        - `step_size`: steps from one cutoff to the next, the horizon if None.
        - `level`: percents of the central intervals, up to 95.

        **Returns:** a table of the kind that came: the series, `ds`, `cutoff`, `y`, `elman` (the
        median), `elman-lo-80`, `elman-hi-80`, ..., and a column for each simple rule.
        """
        step_size = self.settings.horizon if step_size is None else step_size
        step_size, level = whole_number("step_size", step_size), percents(level)
        n_windows = whole_number("n_windows", n_windows)
        if self._model is None:
            settings = self.settings
            panel = read_panel(
                data, settings.columns, frequency=settings.frequency, **settings.text_file
            )
            before = panel.cut(settings.horizon + (n_windows - 1) * step_size)
            if not len(before):
                raise DataError(f"no series has steps before the windows: n_windows={n_windows}")
            self.fit(before, progress=False)
        panel = self._panel(data)
        rolled = list(roll(self, panel, n_windows, step_size))
        return panel.frame(frame(rolled, panel, level))

    def predictions(self, data: Any = None, **options: Any) -> list[Prediction]:
        """The forecasts of each series, in the order of the series; see `decode` for options.

        Without data they are of the series as they are known.
        """
        if data is not None:
            return super().predictions(data, **options)
        known = self.memory.known
        found = self.decode([*known.values()], self.preprocessing, options)
        return [replace(each, input=name) for name, each in zip(known, found, strict=True)]

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """The forecasts as a dict for each series and step."""
        self._check_trained()
        panel = None if data is None else self._panel(data)
        columns = self._table(panel, None, (80, 95), None)
        table = self._frame(columns, panel, in_memory=True)
        return [
            {name: plain(values[i]) for name, values in table.items()}
            for i in range(len(table[self.settings.time]))
        ]
