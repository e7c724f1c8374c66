"""A session of a forecaster: series of its own, which grow by the rows that it is given."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import torch

from elman.data.arguments import listed
from elman.errors import SettingsError
from elman.tasks.forecast.asked import percents, steps_ahead
from elman.tasks.forecast.series_state import from_tensors, to_tensors
from elman.tasks.forecast.stored import PATTERNS, check_tensors, restored, to_config
from elman.tasks.prediction import Prediction
from elman.tasks.session import Update
from elman.tasks.session_state import origin, restoring

if TYPE_CHECKING:
    from elman.tasks.forecast.task import Forecast


class ForecastSession:
    """Forecasts of series while their rows come in; `Forecast.session` makes it.

    It shares the network with the task, and has the series for itself: neither the task nor other
    sessions see its rows.
    """

    def __init__(
        self,
        task: "Forecast",
        *,
        series: Sequence[str] | None = None,
        h: int | None = None,
        level: Sequence[float] = (80, 95),
        state: Mapping[str, Any] | None = None,
    ) -> None:
        settings = task.settings
        steps_ahead(h, settings.horizon, any_length=settings.head != "quantiles")
        self._asked: dict[str, Any] = {"h": h, "level": percents(level)}
        self._own = copy(task)  # the same network and preprocessing, with series of its own
        self._finished = False
        if state is not None:
            if series is not None:
                raise SettingsError("series: a state has its own series; give only one of them")
            with restoring(task, state):
                self._restore(state)
        elif series is not None:
            names = listed(series, "series", str, "names")
            if unknown := [name for name in names if name not in task.known]:
                some = ", ".join(repr(name) for name in [*task.known][:3])
                raise SettingsError(
                    f"series: the model does not know {unknown[0]!r}; it knows {some}, ..."
                )
            self._own.known = {name: task.known[name] for name in names}
            self._own.ids = {name: task.ids[name] for name in names if name in task.ids}

    def accept(self, chunk: Any, *, future: Any = None) -> Update:
        """Read new rows, which follow those that are known, or begin a new series.

        **Arguments:** `chunk`: a table, as `Forecast.update` takes it; `future`: a table with the
        covariates known beforehand of the steps to come, if the rows do not have them.

        **Returns:** the forecasts of all series of the session, as `Forecast.predict` has them, in
        a table of the kind of the rows. If it raises, the session is as before.
        """
        if self._finished:
            raise SettingsError("this session is finished: make another one by session()")
        own = copy(self._own)
        own.kind = own._read_on(chunk).kind
        value = own.predict(future=future, **self._asked)
        self._own = own
        return Update(value)

    def finish(self, *, future: Any = None) -> Prediction:
        """The forecasts after all rows; the session takes no more."""
        if not self._own.known:
            raise SettingsError("the session has no series yet: accept rows first")
        value = self._own.predict(future=future, **self._asked)
        self._finished = True
        return Prediction(value, input=", ".join([*self._own.known][:3]))

    @property
    def state(self) -> dict[str, Any]:
        """Where the reading of each series stands, tensors and plain values by name: given to
        `Forecast.session(state=...)` of the same model it goes on from there."""
        own = self._own
        series = {name: each.series for name, each in own.known.items()}
        config = to_config(own.view, own.calendar, own.kind, series, own.ids)
        return {
            **origin(own),
            "has_ids": own.has_ids,
            **{name: config[name] for name in ("series", "phases", "table")},
            **{name: tensor.clone() for name, tensor in to_tensors(own.known).items()},
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        own = self._own
        tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
        plain = {name: value for name, value in state.items() if name not in tensors}
        if not plain["series"]:
            own.known, own.ids = {}, {}
            return
        found = restored({**own._config(), **plain}, own.settings)
        check_tensors(
            {**tensors, PATTERNS: torch.from_numpy(own.patterns)},
            len(found.series),
            own.view,
            own.settings,
            own.layer_cell,
        )
        own.known = from_tensors(found.series, tensors, found.positive)
        own.ids, own.has_ids, own.kind = found.ids, found.has_ids, found.kind
