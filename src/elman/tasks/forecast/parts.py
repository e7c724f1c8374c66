"""The parts of the task Forecast: its data, network, loss and what is found after training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from elman.cells import Cell, resolve
from elman.data import Panel, read_panel
from elman.data.series.calendar import Calendar
from elman.data.series.frequency import is_step_of
from elman.errors import SettingsError
from elman.nn.export_spec import ExportSpec
from elman.tasks.forecast import made
from elman.tasks.forecast.asked import percents
from elman.tasks.forecast.bounds import check_values
from elman.tasks.forecast.build import context_of, network_of, windows_of
from elman.tasks.forecast.conformal import Calibration, Intervals
from elman.tasks.forecast.copula import patterns_of
from elman.tasks.forecast.dataset import SeriesData
from elman.tasks.forecast.export import export_spec
from elman.tasks.forecast.flags import COMMANDS
from elman.tasks.forecast.history import View, check_known, read
from elman.tasks.forecast.inference import scaled_at_end
from elman.tasks.forecast.memory import HISTORY, SeriesMemory
from elman.tasks.forecast.placed import Placed
from elman.tasks.forecast.plan import plan
from elman.tasks.forecast.preprocessing import ForecastPreprocessing
from elman.tasks.forecast.quantiles import pinball
from elman.tasks.forecast.reading import ReadingBatch, Readings, read_known
from elman.tasks.forecast.run_report import ForecastRun
from elman.tasks.forecast.series_state import Known, padded
from elman.tasks.forecast.settings import QUANTILES, ForecastSettings
from elman.tasks.forecast.validation import NextValues, places, share_of_seasonal_naive
from elman.tasks.forecast.windows import TrainingWindows
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.storage import Saved
from elman.tasks.task import Task
from elman.tensor_files import read_tensors
from elman.train import Step


class ForecastParts(Task):
    """The parts that `elman.tasks.Task` puts together; `Forecast` is how they are used."""

    name = "forecast"
    unit = "windows"
    settings_type = ForecastSettings
    preprocessing_type = ForecastPreprocessing
    commands = COMMANDS
    asset_names = (HISTORY,)
    fixed = (
        *("horizon", "season", "frequency", "target", "past", "future", "static"),
        *("head", "smoothing", "attention", "dilations"),
    )
    against_naive = float("nan")  # held-out errors as a share of the seasonal naive rule's

    @property
    def view(self) -> View:
        """How series become numbers."""
        return cast("ForecastPreprocessing", self.preprocessing).view

    @property
    def calendar(self) -> Calendar:
        """Which time each step has."""
        return cast("ForecastPreprocessing", self.preprocessing).calendar

    @property
    def memory(self) -> SeriesMemory:
        """The series that were read, from whose ends it forecasts; SettingsError before `fit`."""
        self._check_trained()
        return cast("SeriesMemory", self._memory)

    @memory.setter
    def memory(self, memory: SeriesMemory) -> None:
        self._memory = memory

    @property
    def layer_cell(self) -> Cell:
        """The cell of the recurrent layers."""
        return self.cell or resolve(self.settings.cell)

    def read(self, data: Any, *, labelled: bool) -> SeriesData:  # noqa: ARG002
        """The series, on the model's calendar if there is a model."""
        known: ForecastPreprocessing | None = self._preprocessing
        if known is not None:
            return SeriesData(self._panel(data))
        settings = self.settings
        panel = read_panel(
            data, settings.columns, frequency=settings.frequency, **settings.text_file
        )
        check_values(panel, settings.head, settings.nonnegative)
        return SeriesData(panel)

    def split(self, data: SeriesData) -> tuple[SeriesData, SeriesData]:
        """The series without their last steps, and with them."""
        return data.split(self.settings.horizon, self.settings.held_out)

    def plan(self, train: SeriesData) -> Plan:
        """By the preset; season and smoothing are chosen with the preprocessing."""
        return plan(train, self.settings.preset)

    def fit_preprocessing(
        self, train: SeriesData, start: ForecastPreprocessing | None = None
    ) -> ForecastPreprocessing:
        """Calendar, seasons and scales; `SettingsError` for data without held-out steps."""
        if not train.held_out:
            raise SettingsError(
                "validation cannot be given: the last steps of each series are held out; see"
                " held_out"
            )
        if start is not None:
            check_known(train.whole or train.panel, start.view)
        known = (
            ForecastPreprocessing.learn(train, self.settings)
            if start is None
            else replace(start, reason="")
        )
        return known.fitted(train, self.settings)

    def found(self, name: str, value: Any) -> bool:
        """The season, the calendar's step, and whether to smooth."""
        match name:
            case "season":
                return bool(value == self.view.seasons[0])
            case "smoothing":
                return bool(value == (self.view.smoothed is not None))
            case "frequency":
                return is_step_of(value, self.calendar)
        return super().found(name, value)

    def precision(self, preprocessing: ForecastPreprocessing) -> torch.dtype:  # noqa: ARG002
        """Features are float32."""
        return torch.float32

    def build(self, preprocessing: ForecastPreprocessing) -> nn.Module:
        """Recurrent layers over the steps of a series, and a head for the steps to come."""
        return network_of(self.settings, self.cell, preprocessing.view, unit=preprocessing.unit)

    def batches(
        self, preprocessing: ForecastPreprocessing, data: SeriesData, *, training: bool
    ) -> TrainingWindows | Placed | NextValues | Readings:
        """Windows to train on; of data with held-out steps the forecasts that these judge; of all
        else the series from their beginning to their end."""
        settings, view, panel = self.settings, preprocessing.view, data.panel
        if training:
            histories = [read(panel, each, view) for each in preprocessing.trainable(panel)]
            return windows_of(settings, view, histories, settings.seed)
        if not data.held_out:
            return Readings(panel, view, {}, self.memory.intervals)
        whole = preprocessing.histories(panel)
        at = places(whole, view.horizon, data.held_out, view.seasons[0])
        if settings.head == "quantiles":
            return Placed(whole, view, at)
        return NextValues(whole, view, at, context_of(settings, view))

    def loss(self, model: Any, batch: Any, state: Any) -> Step:
        """The pinball loss of forecasts, or the negative log-likelihood of the next values."""
        return Step(model.loss(batch), batch.features.shape[1], state)

    def outputs(self, model: Any, batch: Any) -> list[Any]:
        """Where the reading of each series stands; of held-out steps what `metrics` compares: of
        each forecast quantiles and what came, or of each series its log-likelihood and the number
        of its values."""
        return batch.read(model) if isinstance(batch, ReadingBatch) else batch.compared(model)

    def decode(
        self,
        output: Sequence[Known],
        preprocessing: ForecastPreprocessing,  # noqa: ARG002
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The forecasts from where the reading of each series stands, as columns of its steps.

        The options are `h`, `level` and `future`, as in `predict`.
        """
        unknown = sorted(set(options) - {"h", "level", "future"})
        if unknown:
            raise SettingsError(f"{unknown[0]}: the options are h, level and future")
        known = {each.series.name: each for each in output}
        asked = made.asked(self, known, options.get("h"), options.get("future"))
        level, settings = percents(options.get("level", (80, 95))), self.settings
        table = made.forecasts(self, asked).table(level, id=None, time=settings.time)
        return [
            Prediction({name: values[i * asked.h :][: asked.h] for name, values in table.items()})
            for i in range(len(output))
        ]

    def metrics(
        self,
        output: Sequence[tuple[Tensor, Tensor]],
        preprocessing: ForecastPreprocessing,  # noqa: ARG002
        data: SeriesData,  # noqa: ARG002
    ) -> dict[str, float]:
        """The loss of held-out steps."""
        first, second = (torch.stack(part) for part in zip(*output, strict=True))
        if self.settings.head == "quantiles":
            return {"loss": float(pinball(first, second, torch.tensor(QUANTILES)))}
        return {"loss": -float(first.double().sum()) / max(int(second.sum()), 1)}

    def calibrate(self, model: Any, validation: SeriesData) -> None:
        """Read all series to their ends, and learn from the held-out steps how wide intervals must
        be and how steps follow each other; a warning where a simple rule is better there."""
        known: ForecastPreprocessing = self._preprocessing
        view, panel = known.view, validation.panel
        whole = known.histories(panel)
        at = places(whole, view.horizon, validation.held_out, view.seasons[0])
        placed = Placed(whole, view, at)
        quantiles = placed.quantiles(model)
        both = quantiles.double().numpy(), placed.actual.double().numpy()
        since = {e.name: e.start + max(len(e) - validation.held_out, 0) for e in panel.series}
        calibration = Calibration.of(*both, QUANTILES)
        self._memory = SeriesMemory(
            read_known(model, view, panel, intervals=Intervals(calibration, since)),
            dict(panel.ids),
            panel.has_ids,
            panel.kind,
            since,
            calibration,
            patterns_of(*both),
        )
        self.against_naive = share_of_seasonal_naive(quantiles, whole, at, view.seasons[0])

    def recall(self, saved: Saved) -> SeriesMemory:
        """The series that were read before the model was saved."""
        saved.tensors.pop("lowest", None)  # models had one floor for all series once
        tensors, _ = read_tensors(saved.asset(HISTORY))
        known = self._preprocessing
        return SeriesMemory.restored(saved.config, tensors, known, self.settings, self.layer_cell)

    def facts(self, train: SeriesData, validation: SeriesData) -> dict[str, Any]:  # noqa: ARG002
        """Numbers of series and steps, the calendar and the season."""
        panel, known = validation.panel, self._preprocessing
        return {
            "series": len(panel),
            "steps": sum(map(len, panel.series)),
            "held_out_steps": validation.held_out,
            "calendar": str(panel.calendar),
            "season": known.view.seasons[0],
            **({"chosen": known.reason} if known.reason else {}),
            "notes": "; ".join(panel.notes) or "none",
            "training_sha256": panel.sha256,
        }

    def report_parts(self, train: SeriesData, held_out: SeriesData) -> Own:
        """Forecasts of the held-out steps beside simple rules, and the data."""
        return ForecastRun(self, train, held_out).own()

    def _known(self, panel: Panel, known: Mapping[str, Known] | None = None) -> dict[str, Known]:
        return read_known(self.model, self.view, panel, known, self.memory.intervals)

    def _panel(self, data: Any, known: Mapping[str, int] | None = None) -> Panel:
        settings, calendar = self.settings, self._preprocessing.calendar
        panel = read_panel(
            data, settings.columns, calendar=calendar, known=known, **settings.text_file
        )
        check_values(panel, settings.head, settings.nonnegative)
        return panel

    def export_spec(self) -> ExportSpec:
        """Graphs from features to scaled quantiles; see `docs/export.md`."""
        return export_spec(self)

    def _example(self) -> Callable[[], object]:
        name, known = next(iter(self.memory.known.items()))
        model, columns = cast("Any", self._model), self.settings.columns
        one = {name: padded(known, self.view)}
        return lambda: scaled_at_end(model, self.view, one, {}, self.calendar, columns, 1)
