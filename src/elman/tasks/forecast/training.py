"""What a forecaster makes of its series before and after training."""

import warnings
from typing import TYPE_CHECKING, Any

import torch

from elman.data import read_panel
from elman.errors import DataError
from elman.tasks.forecast.bounds import check_values
from elman.tasks.forecast.build import held_out_loss
from elman.tasks.forecast.conformal import Calibration
from elman.tasks.forecast.copula import patterns_of
from elman.tasks.forecast.history import check_known, read, view_of
from elman.tasks.forecast.inference import Placed, read_known
from elman.tasks.forecast.settings import QUANTILES
from elman.tasks.forecast.validation import places, share_of_seasonal_naive
from elman.tasks.task import Prepared

if TYPE_CHECKING:
    from elman.tasks.forecast.task import Forecast


def prepare(task: "Forecast", data: Any) -> Prepared:
    """Read the series, hold out their ends, and make the network and its windows."""
    settings, start = task.settings, task._start
    panel = read_panel(
        data,
        settings.columns,
        frequency=settings.frequency if start is None else None,
        calendar=None if start is None else start.calendar,
        **settings.text_file,
    )
    check_values(panel, settings.head, settings.nonnegative)
    if start is not None:
        check_known(panel, start.view)
    longest = max(len(each) for each in panel.series)
    horizon = settings.horizon
    share = min(max(2 * horizon, longest // 10), longest // 4)
    held_out = max(horizon, share)
    if (given := settings.held_out) is not None:
        held_out = int(given) if given >= 1 else max(horizon, round(given * longest))
    train = panel.cut(held_out)
    seen = train if len(train) else panel
    task.view = (
        view_of(seen, horizon, settings.season, smoothing=settings.smoothing)
        if start is None
        else start.view
    )
    task.calendar, task.has_ids = panel.calendar, panel.has_ids
    task.kind, task.ids = panel.kind, dict(panel.ids)
    least = task.view.seasons[0] + horizon
    usable = [each for each in train.series if len(each) > least]
    if not usable:
        raise DataError(
            f"the longest series has {longest} steps: training on {horizon} steps ahead with a"
            f" season of {task.view.seasons[0]} and {held_out} held out needs"
            f" {least + held_out + 1}; choose a smaller horizon, season or held_out"
        )
    if panel.gaps:
        of = f"{sum(map(len, panel.series)):,} steps"
        text = f"{panel.gaps:,} of {of} have no row and are taken as missing"
        warnings.warn(f"{text} (the calendar has {panel.calendar})", UserWarning, stacklevel=4)
    histories = [read(train, each, task.view) for each in usable]
    task._model = task._network(histories)
    windows = task._windows(histories, settings.seed)
    whole = [read(panel, each, task.view) for each in panel.series]
    checked = places(whole, horizon, held_out, task.view.seasons[0])
    placed = Placed(whole, task.view, checked)
    task.since = {e.name: e.start + max(len(e) - held_out, 0) for e in panel.series}

    def evaluate(model: Any) -> dict[str, float]:
        return {"loss": held_out_loss(model, placed, windows.context)}

    def finish(model: Any) -> None:
        quantiles = placed.quantiles(model)
        both = quantiles.double().numpy(), placed.actual.double().numpy()
        task.calibration, task.patterns = Calibration.of(*both, QUANTILES), patterns_of(*both)
        task.known = read_known(model, task.view, panel, intervals=task.intervals)
        task.against_naive = share_of_seasonal_naive(
            quantiles, whole, checked, task.view.seasons[0]
        )

    return Prepared(
        windows,
        evaluate,
        {
            "series": len(panel),
            "steps": sum(map(len, panel.series)),
            "held_out_steps": held_out,
            "calendar": str(panel.calendar),
            "season": task.view.seasons[0],
            "notes": "; ".join(panel.notes) or "none",
            "training_sha256": panel.sha256,
        },
        "loss",
        finish=finish,
        precision=torch.float32,
    )
