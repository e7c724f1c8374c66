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
from elman.tasks.forecast.adaptive import MOST, RATE, lags
from elman.tasks.forecast.bounds import NOTHING, SMALLEST
from elman.tasks.forecast.graph import origin_inputs, quantiles
from elman.tasks.forecast.history import View
from elman.tasks.forecast.network import Forecaster, Origins, QuantileHead
from elman.tasks.forecast.settings import QUANTILES
from elman.tasks.forecast.smoothing_graph import split
from elman.tasks.forecast.stored import reading_config

if TYPE_CHECKING:
    from elman.tasks.forecast.parts import ForecastParts

_SERIES = (
    "the rows of an id in the order of their times, a step of the calendar apart from the first"
    " one's on; steps without a row, and values that are missing, are unknown. mean and size are"
    " running, decayed by `decay` a known value: s = decay s + (1 - decay) x, from 0, of x ="
    " value, |value| and 1; the first two divided by the third (at least 1e-12). size is at least"
    " `smallest` times the largest |value| so far, and at least `least`. An unknown value is taken"
    " to be the one a season (seasons[0]) before, else the one before, else the mean, whichever is"
    " known or taken first"
)
_FEATURES = (
    "of each step, with all of it known up to it alone: of the targets (value - mean) / size; 1"
    " where it is known; of each season the value one season before the next step, scaled alike (0"
    " if there is none); ln(size / size one season (seasons[0]) ago) (0 if that is `least` or"
    " none). Then past covariates, standardised by view.mean and view.deviation (missing: 0); of"
    " the step the calendar and future covariates, see `ahead`; static ones: numbers standardised"
    " by view.static_scale, of names 1 for its place in view.categories. With smoothing then, of"
    " the targets: the size of the step before in units of this one's (1 if that is `least` or"
    " none); the mean of the step before less this one's in units of this one's size (else 0)"
)
_CALENDAR = (
    "of each of `turns` [what, count] the sine, then of each the cosine, of 2 pi * count * the"
    " place in the day, in the week from Monday on (whole days) or in the year (whole days /"
    " 365.25); in the time zone if there is one"
)
_GIVEN = {
    "memory": "the last `memory` values of each target, (value - mean) / size, oldest first, where"
    " there is none the last one",
    "bases": "for each step to come and target, scaled alike: the last value, the mean, of each"
    " season the value of the same step of its last one (else the last value)",
    "ahead": "of each step to come: calendar features; future covariates, standardised by what"
    " follows the past ones in view.mean and view.deviation (missing: 0); 1 where they are known",
    "quantiles": "of each step and target at `levels`, scaled alike: pair i of levels is moved"
    " apart by widening[i] (step, target), none beyond the median, then sorted; value = mean +"
    " size * quantile; then the distances of pair i from the median times exp(f_i) of its target,"
    " sorted; at last no lower than 0 if `nonnegative`, or if it is null and no value so far was"
    " below 0",
}
_INTERVALS = (
    "f is 0 at first and learns along a series. Forecasts are made after each step (by the graph"
    " `step`), the first where a value one season (seasons[0]) before the next step is known, but"
    " not before the last step ahead of `since`, the position of a series of training; with"
    " widening, without f; of steps up to the first one whose future covariates are unknown. Where"
    " a value is known, with forecasts of it from any of `lags` steps before: m is the share of"
    " these with |value - median| / (half width of pair i on its side) above exp(f_i); f_i grows"
    " by rate * (m - (1 - (upper level - lower level))), within -largest to largest"
)


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
            "columns": asdict(task.settings.columns),
            "view": {**asdict(view), "memory": view.memory, "decay": view.decay},
            "calendar": {
                "steps": str(task.calendar),
                **reading_config(view, task.calendar)["calendar"],
                "turns": task.calendar.turns,
                "features": _CALENDAR,
            },
            "values": _SERIES,
            "smallest": SMALLEST,
            "least": NOTHING,
            "features": _FEATURES,
            **_GIVEN,
            "series": "with smoothing: the number of a series, from 1, as in view.smoothed; 0: new",
            "levels": list(QUANTILES),
            "widening": None if calibration is None else calibration.widening.tolist(),
            "nonnegative": task.settings.nonnegative,
            "intervals": {
                "of": _INTERVALS,
                "since": dict(task.memory.since),
                "lags": lags(view.horizon),
                "rate": RATE,
                "largest": MOST,
            },
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
