"""Forecast series: sales, weather, prices, loads."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data import Panel, PanelSeries, read_panel
from elman.data.calendar import Calendar
from elman.data.panel import to_frame
from elman.errors import DataError, ModelError, SettingsError
from elman.tasks.forecast import anomalies
from elman.tasks.forecast.adaptive import widened
from elman.tasks.forecast.backtest import Backtest, score
from elman.tasks.forecast.conformal import Calibration, Intervals
from elman.tasks.forecast.forecasts import Forecasts
from elman.tasks.forecast.forms import check_targets, held_out_loss, network_of, windows_of
from elman.tasks.forecast.held_out import places, share_of_seasonal_naive
from elman.tasks.forecast.history import History, View, read, view_from, view_of
from elman.tasks.forecast.joint import paths_through, patterns_of
from elman.tasks.forecast.known import Known, from_tensors, padded, read_future, to_tensors
from elman.tasks.forecast.plain import calendar_config, calendar_from, plain
from elman.tasks.forecast.reader import Placed, history_at_end, read_known, scaled_at_end
from elman.tasks.forecast.rolling import frame, roll
from elman.tasks.forecast.sampled import applied, generator, paths_at_end, paths_table
from elman.tasks.forecast.saved import ForecastConfig, check_calendar, check_history, check_known
from elman.tasks.forecast.settings import QUANTILES, ForecastSettings
from elman.tasks.forecast.windows import TrainingWindows
from elman.tasks.saved import Saved
from elman.tasks.schema import checked
from elman.tasks.task import Prepared, Task
from elman.tensor_files import read_tensors, write_tensors
from elman.train import Step

HISTORY, PATTERNS = "history.safetensors", "patterns"


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
    saved_type = ForecastConfig
    asset_names = (HISTORY,)
    fixed = (
        *("horizon", "season", "frequency", "target", "past", "future", "static"),
        *("head", "smoothing", "attention", "dilations"),
    )
    view: View
    calendar: Calendar
    known: dict[Any, Known]
    calibration: Calibration | None = None
    patterns: NDArray[np.float64]  # (m, h, K), how steps follow each other; see `patterns_of`
    since: dict[Any, int]  # of each series of training the position of its first held-out step
    positive: bool = False
    has_ids: bool = False
    native: Any = None
    against_naive: float  # held-out errors as a share of the seasonal naive rule's

    # training

    def _prepare(self, data: Any, validation: Any) -> Prepared:
        if validation is not None:
            raise SettingsError(
                "validation cannot be given: the last steps of each series are held out; see"
                " held_out"
            )
        settings, start = self.settings, self._start
        panel = read_panel(
            data,
            settings.columns,
            frequency=settings.frequency if start is None else None,
            calendar=None if start is None else start.calendar,
            **settings.text_file,
        )
        if start is not None:
            check_known(panel, start.view)
        check_targets(settings, panel)
        longest = max(len(each) for each in panel.series)
        horizon = settings.horizon
        share = min(max(2 * horizon, longest // 10), longest // 4)
        held_out = settings.held_out or max(horizon, share)
        train = panel.cut(held_out)
        seen = train if len(train) else panel
        self.view = (
            view_of(seen, horizon, settings.season, smoothing=settings.smoothing)
            if start is None
            else start.view
        )
        self.calendar, self.has_ids, self.native = panel.calendar, panel.has_ids, panel.native
        least = self.view.seasons[0] + horizon
        usable = [each for each in train.series if len(each) > least]
        if not usable:
            raise DataError(
                f"the longest series has {longest} steps: training on {horizon} steps ahead with a"
                f" season of {self.view.seasons[0]} and {held_out} held out needs"
                f" {least + held_out + 1}; choose a smaller horizon, season or held_out"
            )
        with np.errstate(invalid="ignore"):
            self.positive = all(not (each.y < 0).any() for each in panel.series)
        histories = [read(train, each, self.view) for each in usable]
        self._model = self._network(histories)
        windows = self._windows(histories, settings.seed)
        whole = [read(panel, each, self.view) for each in panel.series]
        checked = places(whole, horizon, held_out, self.view.seasons[0])
        placed = Placed(whole, self.view, checked)
        self.since = {e.name: e.start + max(len(e) - held_out, 0) for e in panel.series}

        def evaluate(model: Any) -> dict[str, float]:
            return {"loss": held_out_loss(model, placed, windows.context)}

        def finish(model: Any) -> None:
            quantiles = placed.quantiles(model)
            both = quantiles.double().numpy(), placed.actual.double().numpy()
            self.calibration, self.patterns = Calibration.of(*both, QUANTILES), patterns_of(*both)
            self.known = read_known(model, self.view, panel, intervals=self.intervals)
            self.against_naive = share_of_seasonal_naive(
                quantiles, whole, checked, self.view.seasons[0]
            )

        return Prepared(
            windows,
            evaluate,
            {
                "series": len(panel),
                "steps": sum(map(len, panel.series)),
                "held_out_steps": held_out,
                "calendar": str(panel.calendar),
                "season": self.view.seasons[0],
                "notes": "; ".join(panel.notes) or "none",
                "training_sha256": panel.sha256,
            },
            "loss",
            finish=finish,
            precision=torch.float32,
        )

    def _loss(self, model: Any, batch: Any, state: Any) -> Step:
        return Step(model.loss(batch), batch.features.shape[1], state)

    def _network(self, histories: Sequence[History] = ()) -> Any:
        return network_of(
            self.settings, self.cell, self.view, positive=self.positive, histories=histories
        )

    # what is known, and forecasts from there

    def forecasts(self, data: Any = None, *, h: int | None = None, future: Any = None) -> Forecasts:
        """As `predict`, as an object with the quantiles."""
        return self._forecasts(*self._asked(data, h, future))

    def _forecasts(
        self, known: dict[Any, Known], ahead: dict[Any, PanelSeries], h: int
    ) -> Forecasts:
        model, view, columns = cast("Any", self._model), self.view, self.settings.columns
        scaled, average = scaled_at_end(model, view, known, ahead, self.calendar, columns, h)
        if self.calibration is not None:
            scaled = applied(self.calibration, scaled, view.horizon)
        mean = np.stack([each.tail.mean[-1] for each in known.values()])[:, None, :, None]
        scale = np.stack([each.tail.scale[-1] for each in known.values()])[:, None, :, None]
        log_factor = np.stack([each.track.log_factor for each in known.values()])
        quantiles = widened(mean + scale * scaled, log_factor)
        if self.positive:
            quantiles = np.maximum(quantiles, 0)
        back = np.arange(-view.memory, 0)
        past = tuple(
            (self.calendar.times(each.tail.position + back), each.tail.filled)
            for each in known.values()
        )
        times, targets = self._times(known, h), columns.target
        return Forecasts(tuple(known), times, quantiles, QUANTILES, targets, past, average)

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
        if paths < 1:
            raise SettingsError(f"paths={paths}: a number from 1 is needed")
        known, ahead, h = self._asked(data, h, future)
        model, columns = cast("Any", self._model), self.settings.columns
        if self.settings.head == "quantiles":
            found = self._forecasts(known, ahead, h).quantiles
            draws = [generator(seed, name, each.tail.position) for name, each in known.items()]
            drawn = paths_through(found, QUANTILES, self.patterns, draws, paths)
        else:
            histories = [
                history_at_end(each, ahead.get(name), self.view, self.calendar, columns, h)
                for name, each in known.items()
            ]
            kept = {"h": h, "paths": paths, "seed": seed}
            drawn = paths_at_end(model, self.view, known, histories, **kept).numpy()
        drawn = np.maximum(drawn, 0) if self.positive else drawn
        names = {columns.id: tuple(known)} if self.has_ids else {}
        times = {columns.time: self._times(known, h)}
        return to_frame(paths_table(drawn, names, times, columns.target), self.native)

    def _asked(
        self, data: Any, h: int | None, future: Any
    ) -> tuple[dict[Any, Known], dict[Any, PanelSeries], int]:
        """The series to go on from, what is given of their future, and how far."""
        self._check_trained()
        horizon = self.settings.horizon
        if h is not None and (h < 1 or (h > horizon and self.settings.head == "quantiles")):
            raise SettingsError(
                f"h={h}: this model was trained for 1 to {horizon} steps"
                if self.settings.head == "quantiles"
                else f"h={h}: a number from 1 is needed"
            )
        known = self.known if data is None else self._read(data)
        ahead = {}
        if future is not None:
            ahead = read_future(
                future, self.settings.columns, self.calendar, **self.settings.text_file
            )
        return known, ahead, h or horizon

    def _times(self, known: Mapping[Any, Known], h: int) -> Any:
        steps = np.arange(h)
        return np.stack(
            [self.calendar.times(each.tail.position + steps) for each in known.values()]
        )

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
        found = self.forecasts(data, h=h, future=future)
        return to_frame(self._table(found, level), self.native)

    def _table(self, found: Forecasts, level: Sequence[float]) -> dict[str, Any]:
        settings = self.settings
        return found.table(level, id=settings.id if self.has_ids else None, time=settings.time)

    def update(self, data: Any) -> None:
        """Read new rows, which follow those that are known, from where the reading stood; a new
        series is read from its beginning."""
        self._check_trained()
        self.known = {**self.known, **self._read(data, self.known)}

    def anomalies(self, data: Any) -> Any:
        """How unusual each value of some histories is, as a table with `score` and `expected`.

        The score is the distance from the forecast one step before, in half widths of its interval
        of 95 %: above 1 a value lies outside. NaN before the first forecast.
        """
        self._check_trained()
        panel = self._panel(data)
        return panel.frame(anomalies.table(self.model, self.view, self.calibration, panel))

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
        if self._model is None:
            settings = self.settings
            panel = read_panel(
                data, settings.columns, frequency=settings.frequency, **settings.text_file
            )
            self.fit(panel.cut(settings.horizon + (n_windows - 1) * step_size), progress=False)
        panel = self._panel(data)
        rolled = list(roll(self, panel, n_windows, step_size))
        return panel.frame(frame(rolled, panel, level))

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """The forecasts as a dict for each series and step."""
        found = self.forecasts(data)
        columns = self._table(found, (80, 95))
        return [
            {name: plain(values[i]) for name, values in columns.items()}
            for i in range(found.times.size)
        ]

    # the rest of a task

    def _read(self, data: Any, known: Mapping[Any, Known] | None = None) -> dict[Any, Known]:
        model = cast("Any", self._model)
        return read_known(model, self.view, self._panel(data), known, self.intervals)

    @property
    def intervals(self) -> Intervals | None:
        """How the network's quantiles become intervals; None before training."""
        return None if self.calibration is None else Intervals(self.calibration, self.since)

    def _panel(self, data: Any) -> Panel:
        return read_panel(
            data, self.settings.columns, calendar=self.calendar, **self.settings.text_file
        )

    def _batch(self, data: Any) -> Any:
        panel = self._panel(data)
        histories = [read(panel, each, self.view) for each in panel.series]
        return next(self._windows(histories, seed=0).epoch(0))

    def _windows(self, histories: Sequence[History], seed: int) -> TrainingWindows:
        return windows_of(self.settings, self.view, histories, seed)

    def _config(self) -> dict[str, Any]:
        view = self.view
        return {
            "view": {name: getattr(view, name) for name in View.__dataclass_fields__},
            "calendar": calendar_config(self.calendar),
            "positive": self.positive,
            "has_ids": self.has_ids,
            "calibration": None if self.calibration is None else self.calibration.widening.tolist(),
            "since": [[plain(name), position] for name, position in self.since.items()],
            "series": [
                [plain(name), each.tail.position, [plain(v) for v in each.series.static]]
                for name, each in self.known.items()
            ],
        }

    def _assets(self) -> Mapping[str, Callable[[Path], None]]:
        tensors = to_tensors(self.known) | {PATTERNS: torch.from_numpy(self.patterns)}
        return {HISTORY: lambda path: write_tensors(path, tensors)}

    def _restore(self, saved: Saved) -> Any:
        config = saved.config
        checked(ForecastConfig, config).check(self.settings)
        self.view = view_from(config["view"])
        self.calendar = calendar_from(config["calendar"])
        check_calendar(self.calendar, self.view)
        self.positive, self.has_ids = bool(config["positive"]), bool(config["has_ids"])
        widening = config["calibration"]
        self.calibration = None if widening is None else Calibration(np.array(widening))
        self.since = {name: int(position) for name, position in config["since"]}
        tensors, _ = read_tensors(saved.asset(HISTORY))
        self.patterns = tensors.pop(PATTERNS).numpy()
        check_history(tensors, self.view, len(config["series"]))
        self.known = from_tensors(config["series"], tensors, self.view)
        if not self.known:
            raise ModelError("it holds no series")
        return self._network()

    def _example(self) -> Callable[[], object]:
        name, known = next(iter(self.known.items()))
        model, columns = cast("Any", self._model), self.settings.columns
        one = {name: padded(known, self.view)}
        return lambda: scaled_at_end(model, self.view, one, {}, self.calendar, columns, 1)
