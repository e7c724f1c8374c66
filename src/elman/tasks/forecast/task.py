"""Forecast series: sales, weather, prices, loads."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from elman.cells import Cell, resolve
from elman.data import Panel, read_panel
from elman.data.series.calendar import Calendar
from elman.data.series.panel import frame_of
from elman.data.series.table_kind import TableKind
from elman.errors import DataError, SettingsError
from elman.tasks.forecast import backtest, made
from elman.tasks.forecast.asked import percents, steps_ahead, whole_number
from elman.tasks.forecast.backtest import Backtest, frame, roll, score
from elman.tasks.forecast.bounds import check_values
from elman.tasks.forecast.build import network_of, windows_of
from elman.tasks.forecast.conformal import Calibration, Intervals
from elman.tasks.forecast.flags import COMMANDS
from elman.tasks.forecast.forecasts import Forecasts
from elman.tasks.forecast.history import History, View, read
from elman.tasks.forecast.inference import read_known, scaled_at_end
from elman.tasks.forecast.made import Asked
from elman.tasks.forecast.series_state import (
    Known,
    from_tensors,
    padded,
    read_future,
    to_tensors,
    warn_of_holes,
)
from elman.tasks.forecast.session import ForecastSession
from elman.tasks.forecast.settings import ForecastSettings
from elman.tasks.forecast.stored import PATTERNS, check_tensors, plain, restored, to_config
from elman.tasks.forecast.training import prepare
from elman.tasks.forecast.windows import TrainingWindows
from elman.tasks.storage import Saved
from elman.tasks.task import Prepared, Task
from elman.tensor_files import read_tensors, write_tensors
from elman.train import Step

HISTORY = "history.safetensors"


class Forecast(Task):
    """Forecast all steps of a horizon, with intervals, by one network for all series.

    Data is whatever `elman.data.read_panel` reads: a row for each series and time. The network
    reads each series step by step from its beginning, with its seasons' values, the calendar and
    the covariates, in units of the series' own running level; its head gives quantiles for all
    steps of the horizon. Intervals are calibrated on held-out steps (Romano et al. 2019), and a
    warning is given if the seasonal naive rule did better there.

    >>> days = np.arange("2024-01-01", "2024-07-01", dtype="datetime64[D]")
    >>> sold = 20 + 8 * (np.arange(len(days)) % 7 == 5) + np.arange(len(days)) % 3
    >>> sales = {"ds": days, "y": sold}
    >>> task = Forecast(horizon=7, epochs=1, hidden_size=16).fit(sales, progress=False)
    >>> list(task.predict(level=[80]))
    ['ds', 'mean', 'median', 'lo-80', 'hi-80']
    """

    name = "forecast"
    unit = "windows"
    settings_type = ForecastSettings
    commands = COMMANDS
    asset_names = (HISTORY,)
    fixed = (
        *("horizon", "season", "frequency", "target", "past", "future", "static"),
        *("head", "smoothing", "attention", "dilations"),
    )
    view: View
    calendar: Calendar
    known: dict[str, Known]
    ids: dict[str, Any]  # the series' names as they stand in the table
    calibration: Calibration | None = None
    patterns: NDArray[np.float64]  # (m, h, K), how steps follow each other; see `patterns_of`
    since: dict[str, int]  # of each series of training the position of its first held-out step
    has_ids: bool = False
    kind: TableKind
    against_naive: float  # held-out errors as a share of the seasonal naive rule's

    # training

    def _prepare(self, data: Any, validation: Any) -> Prepared:
        if validation is not None:
            raise SettingsError(
                "validation cannot be given: the last steps of each series are held out; see"
                " held_out"
            )
        return prepare(self, data)

    def _loss(self, model: Any, batch: Any, state: Any) -> Step:
        return Step(model.loss(batch), batch.features.shape[1], state)

    def _network(self, histories: Sequence[History] = ()) -> Any:
        return network_of(self.settings, self.cell, self.view, histories=histories)

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
        """The series to go on from, what is given of their future, and how far."""
        settings = self.settings
        h = steps_ahead(h, settings.horizon, any_length=settings.head != "quantiles")
        known = self.known if panel is None else self._read(panel)
        ahead = {}
        if future is not None:
            if not settings.future:
                raise SettingsError("future is given, and the model has no such columns")
            ahead = read_future(
                future, settings.columns, self.calendar, known, **settings.text_file
            )
        warn_of_holes(known, ahead, self.view, self.calendar, settings.columns, h)
        return Asked(known, ahead, h)

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

        - `data`: histories to go on from, also of series that training has not seen.
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

    def _frame(
        self, columns: Mapping[str, Any], panel: Panel | None, *, in_memory: bool = False
    ) -> Any:
        """Columns as a table of the kind that came, or that training had; or as a dict."""
        of: Any = panel or self
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
        """A session that reads rows as they come and forecasts after them, as `update` and
        `predict` would; it does not change the task, so that any number of them run side by side.

        **Arguments:**

        - `series`: names of the model's known series to go on from; all if None, none if empty.
        - `h`, `level`: as in `predict`.
        - `state`: of an earlier session of this model, to go on from there.
        """
        self._check_trained()
        return ForecastSession(self, series=series, h=h, level=level, state=state)

    def update(self, data: Any) -> None:
        """Read new rows, which follow those that are known, from where the reading stood; a new
        series is read from its beginning."""
        self._read_on(data)

    def _read_on(self, data: Any) -> Panel:
        self._check_trained()
        phases = {name: each.series.phase for name, each in self.known.items()}
        panel = self._panel(data, phases)
        if self.known and panel.has_ids != self.has_ids:
            there = "has" if panel.has_ids else "has no"
            raise DataError(f"data {there} column {self.settings.id}, other than that of training")
        if self.known and not any(each.name in self.known for each in panel.series):
            some = ", ".join(repr(name) for name in [*self.known][:3])
            warnings.warn(
                f"none of the {len(panel)} series of data is known, and all are read as new ones:"
                f" {panel.series[0].name!r} is none of {some}, ...",
                UserWarning,
                stacklevel=3,
            )
        if not self.known:
            self.has_ids = panel.has_ids
        self.known = {**self.known, **self._read(panel, self.known)}
        self.ids = {**panel.ids, **self.ids}
        return panel

    def anomalies(self, data: Any) -> Any:
        """How unusual each value of some histories is, as a table with `score` and `expected`.

        The score is the distance from the forecast one step before, in half widths of its interval
        of 95 %: above 1 a value lies outside. NaN before the first forecast.
        """
        self._check_trained()
        panel = self._panel(data)
        return panel.frame(backtest.table(self.model, self.view, self.calibration, panel))

    # evaluation

    def evaluate(self, data: Any) -> dict[str, float]:
        """Metrics of forecasts after every step of the last tenth of some histories, beside the
        rules'; see `backtest`."""
        return self.backtest(data).metrics["model"]

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

    # the rest of a task

    def _read(self, panel: Panel, known: Mapping[str, Known] | None = None) -> dict[str, Known]:
        model = cast("Any", self._model)
        return read_known(model, self.view, panel, known, self.intervals)

    @property
    def layer_cell(self) -> Cell:
        """The cell of the recurrent layers."""
        return self.cell or resolve(self.settings.cell)

    @property
    def intervals(self) -> Intervals | None:
        """How the network's quantiles become intervals; None before training."""
        return None if self.calibration is None else Intervals(self.calibration, self.since)

    def _panel(self, data: Any, known: Mapping[str, int] | None = None) -> Panel:
        settings = self.settings
        panel = read_panel(
            data, settings.columns, calendar=self.calendar, known=known, **settings.text_file
        )
        check_values(panel, settings.head, settings.nonnegative)
        return panel

    def _batch(self, data: Any) -> Any:
        panel = self._panel(data)
        histories = [read(panel, each, self.view) for each in panel.series]
        return next(self._windows(histories, seed=0).epoch(0))

    def _windows(self, histories: Sequence[History], seed: int) -> TrainingWindows:
        return windows_of(self.settings, self.view, histories, seed)

    def _config(self) -> dict[str, Any]:
        series = {name: each.series for name, each in self.known.items()}
        return {
            **to_config(self.view, self.calendar, self.kind, series, self.ids),
            "has_ids": self.has_ids,
            "calibration": None if self.calibration is None else self.calibration.widening.tolist(),
            "since": [[name, position] for name, position in self.since.items()],
        }

    def _assets(self) -> Mapping[str, Callable[[Path], None]]:
        tensors = to_tensors(self.known) | {PATTERNS: torch.from_numpy(self.patterns)}
        return {HISTORY: lambda path: write_tensors(path, tensors)}

    def _restore(self, saved: Saved) -> Any:
        found = restored(saved.config, self.settings)
        self.view, self.calendar, self.kind = found.view, found.calendar, found.kind
        self.has_ids, self.ids, self.since = found.has_ids, found.ids, found.since
        self.calibration = None if found.widening is None else Calibration(found.widening)
        tensors, _ = read_tensors(saved.asset(HISTORY))
        check_tensors(tensors, len(found.series), self.view, self.settings, self.layer_cell)
        self.patterns = tensors.pop(PATTERNS).numpy()
        self.known = from_tensors(found.series, tensors, found.positive)
        saved.tensors.pop("lowest", None)  # models had one floor for all series once
        return self._network()

    def _example(self) -> Callable[[], object]:
        name, known = next(iter(self.known.items()))
        model, columns = cast("Any", self._model), self.settings.columns
        one = {name: padded(known, self.view)}
        return lambda: scaled_at_end(model, self.view, one, {}, self.calendar, columns, 1)
