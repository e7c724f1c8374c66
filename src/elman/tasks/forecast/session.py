"""A session of a forecaster: series of its own, which grow by the rows that it is given."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from elman.data.arguments import listed
from elman.errors import SettingsError
from elman.tasks.forecast.asked import percents, steps_ahead
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
            memory = task.memory
            if unknown := [name for name in names if name not in memory.known]:
                some = ", ".join(repr(name) for name in [*memory.known][:3])
                raise SettingsError(
                    f"series: the model does not know {unknown[0]!r}; it knows {some}, ..."
                )
            self._own.memory = memory.of(names)

    def accept(self, chunk: Any, *, future: Any = None) -> Update:
        """Read new rows, which follow those that are known, or begin a new series.

        **Arguments:** `chunk`: a table, as `Forecast.update` takes it; `future`: a table with the
        covariates known beforehand of the steps to come, if the rows do not have them.

        **Returns:** the forecasts of all series of the session, as `Forecast.predict` has them, in
        a table of the kind of the rows. If it raises, the session is as before.
        """
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        own = copy(self._own)
        kind = own._read_on(chunk).kind
        own.memory = replace(own.memory, kind=kind)
        value = own.predict(future=future, **self._asked)
        self._own = own
        return Update(value)

    def finish(self, *, future: Any = None) -> Prediction:
        """The forecasts after all rows; the session takes no more."""
        if not self._own.memory.known:
            raise SettingsError("the session has no series yet: accept rows first")
        value = self._own.predict(future=future, **self._asked)
        self._finished = True
        return Prediction(value, input=", ".join([*self._own.memory.known][:3]))

    @property
    def state(self) -> dict[str, Any]:
        """Where the reading of each series stands, tensors and plain values by name: given to
        `Forecast.session(state=...)` of the same model it continues from there."""
        memory = self._own.memory
        tensors = {name: tensor.clone() for name, tensor in memory.tensors().items()}
        return {**origin(self._own), **memory.series_config(), **tensors}

    def _restore(self, state: Mapping[str, Any]) -> None:
        own = self._own
        tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
        config = {name: value for name, value in state.items() if name not in tensors}
        given = own.preprocessing, own.settings, own.layer_cell
        own.memory = own.memory.with_series(config, tensors, *given)
