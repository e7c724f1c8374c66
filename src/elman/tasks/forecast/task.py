"""Forecast series: sales, weather, prices, loads."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from elman.data import Panel, PanelSeries, read_panel
from elman.data.calendar import Calendar
from elman.errors import DataError, ModelError, SettingsError
from elman.files import write_atomic
from elman.tasks.forecast import baselines, metrics
from elman.tasks.forecast.conformal import Calibration
from elman.tasks.forecast.forecasts import Forecasts
from elman.tasks.forecast.history import History, Level, Tail, View, ahead_of, read, view_of
from elman.tasks.forecast.network import Forecaster, Origins, QuantileHead, pinball
from elman.tasks.forecast.settings import QUANTILES, ForecastSettings
from elman.tasks.forecast.windows import (
    TrainingWindows,
    Windows,
    bases,
    origin,
    origins_of,
    scaled_target,
)
from elman.tasks.saved import Saved
from elman.tasks.task import Prepared, Task
from elman.train import Step

HISTORY = "history.safetensors"
_AT_ONCE = 64  # series read side by side
_ORIGINS = 24  # forecasts of a training window
_LEVELS = torch.tensor(QUANTILES)


class Known(NamedTuple):
    """Where the reading of a series stands: all that a forecast and further rows need."""

    series: PanelSeries  # its static values and its covariates to come, without rows
    tail: Tail
    output: Tensor  # (H,)
    state: tuple[Tensor, ...]  # (layers, H) each


class Forecast(Task):
    """Forecast all steps of a horizon, with intervals, by one network for all series.

    Data is whatever `elman.data.read_panel` reads: a row for each series and time. The network reads
    each series step by step from its beginning, with its seasons' values, the calendar and the
    covariates, each series in units of its own running level; its head gives quantiles for all
    steps of the horizon. Intervals are calibrated on held-out steps (Romano et al. 2019), and a
    warning is given if the seasonal naive rule did better there.

    >>> days = np.arange("2024-01-01", "2024-07-01", dtype="datetime64[D]")
    >>> sales = {"ds": days, "y": 20 + 8 * (np.arange(len(days)) % 7 == 5) + np.arange(len(days)) % 3}
    >>> task = Forecast(horizon=7, epochs=1, hidden_size=16).fit(sales, progress=False)
    >>> list(task.predict(level=[80]))
    ['ds', 'mean', 'median', 'lo-80', 'hi-80']
    """

    name = "forecast"
    unit = "windows"
    settings_type = ForecastSettings
    view: View
    calendar: Calendar
    known: dict[Any, Known]
    calibration: Calibration | None = None
    positive: bool = False
    has_ids: bool = False
    native: Any = None

    # training

    def _prepare(self, data: Any, validation: Any) -> Prepared:
        if validation is not None:
            raise SettingsError(
                "validation cannot be given: the last steps of each series are held out; see"
                " held_out"
            )
        settings = self.settings
        panel = read_panel(data, settings.columns, frequency=settings.frequency)
        longest = max(len(each) for each in panel.series)
        horizon = settings.horizon
        held_out = settings.held_out or min(max(horizon, longest // 10), max(horizon, longest // 4))
        train = panel.cut(held_out)
        self.view = view_of(train if len(train) else panel, horizon, settings.season)
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
        context = settings.context or 2 * self.view.memory
        self._model = self._network()
        windows = TrainingWindows(
            histories,
            self.view,
            context=max(context, 2),
            batch_size=settings.batch_size,
            origins=_ORIGINS,
            seed=settings.seed,
        )
        whole = [read(panel, each, self.view) for each in panel.series]
        checked = _held_out(whole, horizon, held_out, self.view.seasons[0])

        def evaluate(model: Any) -> dict[str, float]:
            quantiles, actual = self._at(model, whole, checked)
            return {"loss": float(pinball(quantiles, actual, _LEVELS))}

        def finish(model: Any) -> None:
            quantiles, actual = self._at(model, whole, checked)
            self.calibration = Calibration.of(
                quantiles.double().numpy(), actual.double().numpy(), QUANTILES
            )
            self.known = self._read(panel)
            self._compare(quantiles, whole, checked)

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
        )

    def _compare(self, quantiles: Tensor, histories: Sequence[History], at: list[list[int]]) -> None:
        """Warn if the seasonal naive rule had smaller errors on the held-out steps."""
        season, horizon = self.view.seasons[0], self.settings.horizon
        ours, rule, row = 0.0, 0.0, 0
        for history, steps in zip(histories, at, strict=True):
            for step in steps:
                now = history.before + step
                actual = history.y[step + 1 : step + 1 + horizon]
                known = np.isfinite(actual)
                median = quantiles[row, :, :, len(QUANTILES) // 2].double().numpy()[: len(actual)]
                scale = history.scale[now]
                ours += float(np.abs(median - (actual - history.mean[now]) / scale)[known].sum())
                filled = history.filled[history.before : now + 1]
                for key in range(actual.shape[1]):
                    simple = baselines.seasonal_naive(filled[:, key], len(actual), season)
                    off = np.abs(simple - actual[:, key])[known[:, key]]
                    rule += float((off / scale[key]).sum())
                row += 1
        self.against_naive = ours / rule if rule else float("nan")
        if ours > rule:
            warnings.warn(
                f"on the held-out steps the errors are {self.against_naive:.2f} times those of the"
                " seasonal naive rule: this model is of no use there",
                UserWarning,
                stacklevel=2,
            )

    def _loss(self, model: Any, batch: Windows, state: Any) -> Step:
        quantiles, _ = model(batch.features, batch.origins)
        loss = pinball(quantiles, batch.targets, _LEVELS.to(quantiles.device))
        return Step(loss, batch.features.shape[1], state)

    def _network(self) -> Any:
        settings, view = self.settings, self.view
        recurrent = settings.layers(self.cell or settings.cell, view.features)
        head = QuantileHead(
            settings.hidden_size,
            memory=view.memory,
            targets=view.targets,
            bases=bases(view),
            ahead=view.ahead,
            horizon=view.horizon,
            quantiles=len(QUANTILES),
            dropout=settings.output_dropout,
        )
        return Forecaster(recurrent, head)

    @torch.inference_mode()
    def _at(
        self, model: Any, histories: Sequence[History], at: list[list[int]]
    ) -> tuple[Tensor, Tensor]:
        """Scaled quantiles (n, h, K, Q) and what came, (n, h, K), of forecasts after some steps of
        each history, history by history."""
        found, actual = [], []
        was_training = model.training
        model.eval()
        for history, steps in zip(histories, at, strict=True):
            features = torch.from_numpy(history.features).unsqueeze(1).to(_device(model))
            output, _ = model.recurrent(features)
            for first in range(0, len(steps), 512):
                some = steps[first : first + 512]
                given = origins_of([history], self.view, [some], [0])
                given = Origins(*(part.to(_device(model)) for part in given))
                found.append(model.head(output[some], given)[:, 0].cpu())
                actual.append(np.stack([scaled_target(history, self.view, a) for a in some]))
        model.train(was_training)
        return torch.cat(found), torch.from_numpy(np.concatenate(actual).astype(np.float32))

    # what is known, and forecasts from there

    @torch.inference_mode()
    def _read(
        self, panel: Panel, known: Mapping[Any, Known] | None = None
    ) -> dict[Any, Known]:
        """Read series from their beginning, or on from what is known of them."""
        view, model = self.view, cast("Any", self._model)
        device = _device(model)
        found: dict[Any, Known] = {}
        for begin in range(0, len(panel), _AT_ONCE):
            some = panel.series[begin : begin + _AT_ONCE]
            before = [(known or {}).get(each.name) for each in some]
            histories = [
                read(panel, each, view, old.tail if old else None)
                for each, old in zip(some, before, strict=True)
            ]
            lengths = torch.tensor([len(each) for each in histories])
            steps = int(lengths.max())
            features = torch.zeros(steps, len(some), view.features)
            for i, history in enumerate(histories):
                features[: len(history), i] = torch.from_numpy(history.features)
            states = len(model.recurrent.cell.state)
            layers, size = model.recurrent.num_layers, model.recurrent.hidden_size
            zero = torch.zeros(layers, size)
            state = tuple(
                torch.stack([old.state[s] if old else zero for old in before], 1).to(device)
                for s in range(states)
            )
            output, last = model.recurrent(
                features.to(device), state if states > 1 else state[0], lengths=lengths
            )
            last = last if isinstance(last, tuple) else (last,)
            for i, (series, history) in enumerate(zip(some, histories, strict=True)):
                rest = series.future[len(series) :]
                found[series.name] = Known(
                    PanelSeries(
                        series.name,
                        history.start + len(history),
                        series.y[:0],
                        series.past[:0],
                        rest,
                        series.static,
                    ),
                    history.tail(view.memory + 1),
                    output[len(history) - 1, i].cpu(),
                    tuple(part[:, i].cpu() for part in last),
                )
        return found

    def forecasts(
        self, data: Any = None, *, h: int | None = None, future: Any = None
    ) -> Forecasts:
        """As `predict`, as an object with the quantiles."""
        self._check_trained()
        horizon = self.settings.horizon
        if h is not None and not 1 <= h <= horizon:
            raise SettingsError(f"h={h}: this model was trained for 1 to {horizon} steps")
        known = self.known if data is None else self._read(self._panel(data))
        ahead = {} if future is None else self._future(future)
        rows = [self._ahead(each, ahead.get(name), h or horizon) for name, each in known.items()]
        given = Origins(
            torch.zeros(1, len(known), dtype=torch.int64),
            *(torch.from_numpy(np.stack(part)[None].astype(np.float32)) for part in zip(*rows, strict=True)),
        )
        model = cast("Any", self._model)
        with torch.inference_mode():
            output = torch.stack([each.output for each in known.values()])[None]
            device = _device(model)
            scaled = model.head(output.to(device), Origins(*(p.to(device) for p in given)))
        quantiles = scaled[0].double().cpu().numpy()
        if self.calibration is not None:
            quantiles = self.calibration.apply(quantiles)
        mean = np.stack([each.tail.mean[-1] for each in known.values()])[:, None, :, None]
        scale = np.stack([each.tail.scale[-1] for each in known.values()])[:, None, :, None]
        quantiles = (mean + scale * quantiles)[:, : h or horizon]
        if self.positive:
            quantiles = np.maximum(quantiles, 0)
        steps = np.arange(h or horizon)
        times = [self.calendar.times(each.tail.position + steps) for each in known.values()]
        names = tuple(known)
        return Forecasts(names, np.stack(times), quantiles, QUANTILES, self.settings.target)

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
        columns = found.table(
            level, id=self.settings.id if self.has_ids else None, time=self.settings.time
        )
        if self.native is None:
            return columns
        import narwhals as nw

        return nw.from_dict(columns, backend=self.native).to_native()

    def update(self, data: Any) -> None:
        """Read new rows, which follow those that are known, from where the reading stood; a new
        series is read from its beginning."""
        self._check_trained()
        self.known = {**self.known, **self._read(self._panel(data), self.known)}

    def anomalies(self, data: Any) -> Any:
        """How unusual each value of some histories is, as a table with `score` and `expected`.

        The score is the distance from the forecast one step before, in half widths of its interval
        of 95 %: above 1 a value lies outside. NaN before the first forecast.
        """
        self._check_trained()
        panel, settings = self._panel(data), self.settings
        columns: dict[str, list[Any]] = {name: [] for name in (settings.id, settings.time)}
        scores: dict[str, list[Any]] = {"expected": [], "score": []}
        for series in panel.series:
            history = read(panel, series, self.view)
            at = list(range(self.view.seasons[0] - 1, len(history) - 1))
            score = np.full(history.y.shape, np.nan)
            expected = score.copy()
            if at:
                quantiles = self._at(self.model, [history], [at])[0].double().numpy()
                if self.calibration is not None:
                    quantiles = self.calibration.apply(quantiles)
                now = history.before + np.array(at)
                place, size = history.mean[now], history.scale[now]
                low, middle, high = (
                    place + size * quantiles[:, 0, :, q] for q in (0, len(QUANTILES) // 2, -1)
                )
                came = history.y[np.array(at) + 1]
                half = np.where(came > middle, high - middle, middle - low)
                score[np.array(at) + 1] = np.abs(came - middle) / np.maximum(half, 1e-12)
                expected[np.array(at) + 1] = middle
            columns[settings.id] += [series.name] * len(history)
            columns[settings.time] += list(panel.times(series, 0, len(history)))
            scores["expected"] += expected[:, 0].tolist()
            scores["score"] += score.max(1).tolist()
        if not self.has_ids:
            del columns[settings.id]
        return panel.frame({**columns, **scores})

    # evaluation

    def evaluate(self, data: Any) -> dict[str, float]:
        """Metrics of forecasts after every step of the last tenth of some histories, beside the
        rules'; see `backtest`."""
        return self.backtest(data).metrics["model"]

    def backtest(self, data: Any, *, steps: int | None = None, stride: int = 1) -> "Backtest":
        """Forecasts from rolling origins, without training again, beside simple rules.

        **Arguments:** `steps`: how many at the end of each series are forecast, a tenth or the
        horizon if None; `stride`: steps from one origin to the next.
        """
        from elman.tasks.forecast.backtest import run

        self._check_trained()
        return run(self, self._panel(data), steps, stride)

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """The forecasts as a dict for each series and step."""
        found = self.forecasts(data)
        columns = found.table(
            (80, 95), id=self.settings.id if self.has_ids else None, time=self.settings.time
        )
        return [
            {name: _plain(values[i]) for name, values in columns.items()}
            for i in range(found.times.size)
        ]

    # the rest of a task

    def _panel(self, data: Any) -> Panel:
        settings = self.settings
        panel = read_panel(data, settings.columns, frequency=settings.frequency)
        return _on_calendar(panel, self.calendar)

    def _future(self, future: Any) -> dict[Any, PanelSeries]:
        settings = self.settings
        columns = settings.columns
        table = read_panel(
            _with_target(future, columns.target), columns, frequency=settings.frequency
        )
        return {each.name: each for each in _on_calendar(table, self.calendar).series}

    def _ahead(self, known: Known, future: PanelSeries | None, h: int) -> tuple[Any, ...]:
        """Memory, bases and what is known beforehand of a forecast from the end of a series."""
        view, tail = self.view, known.tail
        series = known.series
        if future is not None:
            offset = future.start - tail.position
            if offset > 0:
                raise DataError(
                    f"the future of {series.name} begins {offset} steps after its last known one"
                )
            series = PanelSeries(
                series.name, tail.position, series.y, series.past, future.future[-offset:], ()
            )
        if view.future and len(series.future) < h:
            names = ", ".join(self.settings.future)
            raise DataError(
                f"{names} of {h} steps to come are needed of the series {known.series.name}, and"
                f" {len(series.future)} are known: give them as rows without"
                f" {self.settings.target[0]}, or as future=..."
            )
        history = History(
            series.name,
            np.zeros((0, view.targets)),
            len(tail.filled),
            tail.filled,
            tail.mean,
            tail.scale,
            np.zeros((0, 0), np.float32),
            ahead_of(self.calendar, series, view, tail.position, view.horizon),
            tail.level,
            tail.position,
        )
        return origin(history, view, -1)

    def _batch(self, data: Any) -> Windows:
        panel = self._panel(data)
        histories = [read(panel, each, self.view) for each in panel.series]
        context = self.settings.context or 2 * self.view.memory
        batch_size = self.settings.batch_size
        windows = TrainingWindows(
            histories, self.view, context=context, batch_size=batch_size, origins=_ORIGINS, seed=0
        )
        return next(windows.epoch(0))

    def _config(self) -> dict[str, Any]:
        view, calendar = self.view, self.calendar
        origin = calendar.origin
        return {
            "view": {name: getattr(view, name) for name in View.__dataclass_fields__},
            "calendar": {
                "kind": calendar.kind,
                "step": calendar.step,
                "origin": str(origin) if calendar.kind != "number" else int(origin),
                "at_end": calendar.at_end,
            },
            "positive": self.positive,
            "has_ids": self.has_ids,
            "calibration": None
            if self.calibration is None
            else self.calibration.widening.tolist(),
            "series": [
                [_plain(name), each.tail.position, [_plain(v) for v in each.series.static]]
                for name, each in self.known.items()
            ],
        }

    def _assets(self) -> Mapping[str, Callable[[Path], None]]:
        tensors: dict[str, Tensor] = {}
        for i, each in enumerate(self.known.values()):
            for name in ("filled", "mean", "scale"):
                values = np.ascontiguousarray(getattr(each.tail, name))
                tensors[f"{i}.{name}"] = torch.from_numpy(values)
            tensors[f"{i}.level"] = torch.from_numpy(np.stack(each.tail.level))
            tensors[f"{i}.future"] = torch.from_numpy(np.ascontiguousarray(each.series.future))
            tensors[f"{i}.output"] = each.output.contiguous()
            for s, part in enumerate(each.state):
                tensors[f"{i}.state{s}"] = part.contiguous()
        return {HISTORY: lambda path: write_atomic(path, lambda file: save_file(tensors, file))}

    def _restore(self, saved: Saved) -> Any:
        config = saved.config
        raw = {k: v for k, v in config["view"].items() if k in View.__dataclass_fields__}
        raw["categories"] = tuple(None if c is None else tuple(c) for c in raw["categories"])
        raw["static_scale"] = tuple(tuple(c) for c in raw["static_scale"])
        self.view = View(**{k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()})
        calendar = config["calendar"]
        origin = calendar["origin"]
        if calendar["kind"] != "number":
            origin = np.datetime64(origin, "s")
        self.calendar = Calendar(calendar["kind"], calendar["step"], origin, calendar["at_end"])
        self.positive, self.has_ids = bool(config["positive"]), bool(config["has_ids"])
        widening = config["calibration"]
        self.calibration = None if widening is None else Calibration(np.array(widening))
        tensors = load_file(saved.asset(HISTORY))
        self.known = {}
        states = sum(1 for name in tensors if name.startswith("0.state"))
        for i, (name, position, static) in enumerate(config["series"]):
            filled, mean, scale = (
                tensors[f"{i}.{part}"].numpy() for part in ("filled", "mean", "scale")
            )
            level = Level(*tensors[f"{i}.level"].numpy())
            future = tensors[f"{i}.future"].numpy()
            keys = np.zeros((0, self.view.targets))
            past = np.zeros((0, self.view.past))
            self.known[name] = Known(
                PanelSeries(name, position, keys, past, future, tuple(static)),
                Tail(position, filled, mean, scale, level),
                tensors[f"{i}.output"],
                tuple(tensors[f"{i}.state{s}"] for s in range(states)),
            )
        if not self.known:
            raise ModelError("it holds no series")
        return self._network()

    def _example(self) -> Callable[[], object]:
        known = next(iter(self.known.values()))
        row = self._ahead(_padded(known, self.view), None, 1)
        output = known.output[None, None]
        given = Origins(
            torch.zeros(1, 1, dtype=torch.int64),
            *(torch.from_numpy(part[None, None].astype(np.float32)) for part in row),
        )
        model = cast("Any", self._model)
        device = _device(model)
        moved = Origins(*(part.to(device) for part in given))
        return lambda: model.head(output.to(device), moved)


def _padded(known: Known, view: View) -> Known:
    """With covariates to come, if made up, so that a forecast can be timed."""
    if len(known.series.future) or not view.future:
        return known
    future = np.zeros((view.horizon, view.future))
    series = known.series
    made = PanelSeries(series.name, series.start, series.y, series.past, future, series.static)
    return known._replace(series=made)


def _held_out(
    histories: Sequence[History], horizon: int, steps: int, least: int
) -> list[list[int]]:
    """Where forecasts begin whose targets are held out, at most 200 a series."""
    found = []
    for history in histories:
        first = max(len(history) - steps - 1, least - 1, 0)
        last = max(len(history) - horizon - 1, first)
        count = min(last - first + 1, max(1, 2000 // len(histories)), 200)
        places = np.linspace(first, last, count).round().astype(int)
        found.append([int(p) for p in places if p < len(history) - 1])
    return found


def _on_calendar(panel: Panel, calendar: Calendar) -> Panel:
    """The same series with positions on another calendar's origin."""
    moved = []
    for series in panel.series:
        first = panel.times(series, 0, 1)
        if (calendar.kind == "number") != (panel.calendar.kind == "number"):
            raise DataError("times must be of the kind that training had: dates or numbers")
        start = int(calendar.positions(first)[0])
        moved.append(
            PanelSeries(series.name, start, series.y, series.past, series.future, series.static)
        )
    return Panel(tuple(moved), calendar, panel.columns, panel.has_ids, panel.notes, panel.native)


def _with_target(data: Any, targets: Sequence[str]) -> Any:
    """A table of covariates alone as one with targets that are there only to be read."""
    from elman.data import read_table

    columns = dict(read_table(data).columns)
    count = len(next(iter(columns.values())))
    for name in targets:
        columns[name] = [0.0] * count
    return columns


def _plain(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def _device(model: Any) -> torch.device:
    return next(model.parameters()).device
