"""A forecaster's graphs to export, and what a program has to do before and after."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elman.errors import ExportError
from elman.nn import graph_ops as ops
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.graph import Form, Graph
from elman.nn.lengths import last_step
from elman.tasks.ensemble import only_network
from elman.tasks.forecast.graph import origin_inputs, quantiles
from elman.tasks.forecast.history import View
from elman.tasks.forecast.network import Forecaster, Origins, QuantileHead
from elman.tasks.forecast.settings import QUANTILES
from elman.tasks.forecast.smoothing_graph import split

if TYPE_CHECKING:
    from elman.tasks.forecast.parts import ForecastParts

_FEATURES = (
    "of each target (value - mean) / size and 1 where it is known; of each season its value one"
    " season before the next step, scaled alike (0 if none); ln(size / size one season ago) (0 if"
    " none); past covariates, standardised; calendar and future covariates of the step;"
    " static ones. mean and size are running, decayed by `decay` a step: sums of value, |value|"
    " and 1, the first two divided by the third; with smoothing then the size of the step before"
    " in units of this one's (1 if nothing came before) and the mean of the step before less this"
    " one's in units of this one's size"
)
_GIVEN = {
    "memory": "the last `memory` values of each target, (value - mean) / size, oldest first",
    "bases": "for each step to come, scaled alike: the last value, the mean, the value of the same"
    " step of each last season",
    "ahead": "calendar and future covariates of each step to come",
    "quantiles": "of each step and target at `levels`, scaled alike: value = mean + size *"
    " quantile; pair i of levels is moved apart by `widening`[i], none beyond the median, then"
    " sorted",
}


def export_spec(task: "ForecastParts") -> ExportSpec:
    """Graphs from features of a series' steps, and what is known at its end, to scaled quantiles
    of all steps to come, (B, h, K, Q)."""
    model, view = only_network(task), task.view
    calibration = task.memory.calibration
    _check(model)
    native: dict[str, Run] = {
        "sequence": lambda inputs: _native(model, inputs),
        "step": lambda inputs: _native_step(model, inputs),
    }
    graphs: dict[str, Graph] = {}
    refused: dict[str, str] = {}
    forms: tuple[Form, ...] = ("sequence", "step")
    for form in forms:
        try:
            graphs[form] = _graph(model, form, view)
        except ExportError as error:
            refused[form] = str(error)
    return ExportSpec(
        graphs,
        native,
        refused,
        preprocessing={
            "task": task.name,
            "view": {**asdict(view), "memory": view.memory, "decay": view.decay},
            "calendar": str(task.calendar),
            "features": _FEATURES,
            **_GIVEN,
            "series": "with smoothing: the number of a series, from 1, as in view.smoothed; 0: new",
            "levels": list(QUANTILES),
            "widening": None if calibration is None else calibration.widening.tolist(),
        },
        metadata={"task": task.name, "horizon": str(view.horizon)},
        shortest=1,
    )


def _check(model: Any) -> None:
    if not isinstance(model, Forecaster):
        raise ExportError(
            "a head that gives distributions cannot be exported, as its forecasts are drawn in a"
            ' loop: train with head="quantiles"'
        )
    if not isinstance(model.head, QuantileHead):
        raise ExportError("a decoder with attention cannot be exported: train with attention=False")


def _graph(model: Forecaster, form: Form, view: View) -> Graph:
    graph, head, smoothing = Graph(form), model.head, model.smoothing
    layer: Any = model.recurrent
    assert isinstance(head, QuantileHead)
    lead = ("B",) if form == "step" else ("T", "B")
    width = view.features + (0 if smoothing is None else 2 * view.targets)
    x = graph.input("x", (*lead, width))
    lengths = None if form == "step" else graph.input("lengths", ("B",), "int64")
    memory, bases, ahead = origin_inputs(graph, head, view.memory * view.targets, view.ahead)
    if smoothing is not None:
        if form == "sequence":
            raise ExportError(
                "learnt smoothing has no sequence form, as each step needs the one before: export"
                " the step, or train with smoothing=False"
            )
        series = graph.input("series", ("B",), "int64", below=len(smoothing.own))
        x, own = split(graph, smoothing, x, series)
        bases = ops.concat(graph, -1, bases, ops.reshape(graph, own, *own.shape, 1))
    states = layer.graph_states(graph)
    output, after = layer.to_graph(graph, x, states, lengths)
    if lengths is not None:
        output = ops.last_step(graph, output, lengths)
    graph.output("quantiles", quantiles(graph, head, output, memory, bases, ahead))
    for before, new in zip(states, after, strict=True):
        graph.update(before, new)
    return graph


def _native(model: Forecaster, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    lengths = inputs["lengths"]
    output, after = model.read(inputs["x"], _states(model, inputs), lengths=lengths)
    picked = last_step(output, lengths, output.new_zeros(output.shape[1:]))
    return {"quantiles": _head(model, picked, inputs), **_named(model, after)}


def _native_step(model: Forecaster, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    x, state = inputs["x"], _states(model, inputs)
    if model.smoothing is not None:
        x = torch.cat([x, inputs["series"].to(x).unsqueeze(-1)], -1)
        state = (*state, inputs["smoothing"])
    output, after = model.read(x.unsqueeze(0), state)
    found = {"quantiles": _head(model, output[0], inputs), **_named(model, after)}
    return found if model.smoothing is None else {**found, "new_smoothing": after[-1]}


def _head(model: Forecaster, output: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
    at = torch.zeros(1, len(output), dtype=torch.int64)
    given = Origins(at, *(inputs[name].unsqueeze(0) for name in ("memory", "bases", "ahead")))
    found: Tensor = model.head(output.unsqueeze(0), given)[0]
    return found


def _states(model: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    return tuple(inputs[name] for name in model.recurrent.cell.state)


def _named(model: Any, after: tuple[Tensor, ...]) -> dict[str, Tensor]:
    names = model.recurrent.cell.state
    return {f"new_{name}": part for name, part in zip(names, after, strict=False)}
