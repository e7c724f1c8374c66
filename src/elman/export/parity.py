"""The parity gate: what differs from the model is not written."""

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from elman.errors import ExportError
from elman.export.cases import Inputs, cases, drawn, initial
from elman.export.report import Checked
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.graph import Graph
from elman.nn.graph_run import run as interpreted
from elman.nn.lengths import mask_of

LIMIT = 1e-5
_LEAST = 1e-3  # outputs are compared as if the largest were at least this
_LAST_DIGIT, _DRAWS = 2.0**-23, 4
_MARGIN = 8  # times what rounding changes, as runtimes round more than once
_WALK = 16
_STEPS = 12  # of a sequence that is run whole and step by step


def check(
    spec: ExportSpec,
    names: Iterable[str],
    runs: Mapping[str, Run],
    real: Iterable[Inputs] = (),
    *,
    padding: bool = False,
) -> tuple[Checked, ...]:
    """Compare runs of graphs with the model on generated and on real inputs of the first graph.

    Where float32 itself is less exact, as in a chaotic network, the limit is not 1e-5 but eight
    times what rounding changes: float32 instead of float64, or the last digit of the inputs.

    **Arguments:** `padding`: compare outputs of steps beyond a sequence's length, too, which what
    runs one sequence at a time does not have.

    Raises `ExportError` where a number differs by more.
    """
    names, found = list(names), []
    for name in names:
        given = [*cases(spec, name), *_walk(spec, name)]
        if name == next(iter(spec.graphs)):
            given += [(f"batch {i + 1} of the data", each) for i, each in enumerate(real)]
        compared = [_compared(spec, name, runs[name], *case, padding=padding) for case in given]
        worst = max(compared, key=lambda each: each.error)
        found.append(Checked(name, worst.error, worst.where, len(given), worst.limit))
    if {"sequence", "step"} <= set(spec.graphs) and "step" in names:
        found.append(_stepped(spec, runs["step"]))
    return tuple(found)


def _compared(
    spec: ExportSpec, name: str, run: Run, case: str, inputs: Inputs, *, padding: bool
) -> Checked:
    with torch.inference_mode():
        expected = spec.native[name](inputs)
    graph = spec.graph(name)
    actual = run(inputs)
    if not padding:
        actual, expected = (_real(graph, inputs, each) for each in (actual, expected))
    return _judged(graph, name, actual, expected, case, inputs)


def _real(graph: Graph, inputs: Inputs, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Outputs with 0 on padding."""
    found = dict(outputs)
    for value in graph.outputs:
        if value.shape[:2] == ("T", "B") and "lengths" in inputs and value.name in found:
            output = found[value.name]
            padding = ~mask_of(inputs["lengths"], len(output))
            padding = padding.view(*padding.shape, *(1,) * (output.dim() - 2))
            found[value.name] = output.masked_fill(padding, 0)
    return found


def _walk(spec: ExportSpec, name: str) -> Iterator[tuple[str, Inputs]]:
    """Steps of the model one after the other, so that states are met as they arrive."""
    graph = spec.graph(name)
    if graph.form != "step" or not graph.states:
        return
    generator = torch.Generator().manual_seed(2)
    states = initial(graph, 2)
    for t in range(_WALK):
        inputs = {v.name: drawn(spec, graph, v, {"B": 2}, generator) for v in graph.inputs}
        inputs |= states
        yield f"step {t + 1} of a sequence", inputs
        with torch.inference_mode():
            found = spec.native[name](inputs)
        states = {before.name: found[after.name] for before, after in graph.states}


def _stepped(spec: ExportSpec, run: Run) -> Checked:
    """A whole sequence of the model beside the target's steps, each from the state before."""
    sequence, step = spec.graph("sequence"), spec.graph("step")
    whole = next(
        inputs
        for _, inputs in cases(spec, "sequence", seed=1)
        if len(inputs["lengths"]) == 1 and int(inputs["lengths"][0]) > _STEPS
    )
    whole = {
        value.name: whole[value.name][:_STEPS] if "T" in value.shape else whole[value.name]
        for value in sequence.inputs
    }
    whole["lengths"] = torch.tensor([_STEPS])
    in_time = {value.name for value in sequence.inputs if "T" in value.shape}

    def at(name: str, t: int) -> Tensor:
        return whole[name][t] if name in in_time else whole[name]

    states = initial(step, 1)
    with torch.inference_mode():
        given = {**whole, **initial(sequence, 1)}
        expected = spec.native["sequence"](given)
    outputs: dict[str, Tensor] = {}
    for t in range(_STEPS):
        outputs = run({**{each.name: at(each.name, t) for each in step.inputs}, **states})
        states = {before.name: outputs[after.name] for before, after in step.states}
    last = {
        value.name: expected[value.name][-1] if "T" in value.shape else expected[value.name]
        for value in sequence.outputs
    }
    both = {name: value for name, value in outputs.items() if name in last}
    case = f"{_STEPS} steps against a sequence"
    return _judged(sequence, "steps", both, last, case, given)


def _judged(
    graph: Graph,
    name: str,
    actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    case: str,
    inputs: Inputs,
) -> Checked:
    errors = {output: _error(actual[output], expected[output]) for output in actual}
    worst = max(errors, key=lambda output: errors[output])
    error, limit = errors[worst], LIMIT
    if error > limit:
        limit = max(limit, _MARGIN * _rounding(graph, inputs))
    if not error <= limit:
        raise ExportError(
            f"{name}: {worst} differs from the model's by {error:.1e} of its largest value, more"
            f" than {limit:.0e}, for {case}: nothing is written"
        )
    return Checked(name, error, case, 1, limit)


def _error(actual: Tensor, expected: Tensor) -> float:
    if actual.shape != expected.shape:
        raise ExportError(
            f"an output has shape {tuple(actual.shape)}, the model's {tuple(expected.shape)}:"
            " nothing is written"
        )
    if not expected.numel():
        return 0.0
    if not expected.dtype.is_floating_point:
        return float((actual != expected).any())
    if not bool(expected.isfinite().all()):
        raise ExportError("the model gives NaN or infinity for finite inputs: nothing is written")
    if not bool(actual.isfinite().all()):
        return float("inf")
    expected, actual = expected.double(), actual.double()
    return float((actual - expected).abs().max() / expected.abs().max().clamp(min=_LEAST))


def _rounding(graph: Graph, inputs: Inputs) -> float:
    """How much the outputs depend on rounding: of the computation in float32 instead of float64,
    and of inputs that differ in their last digit."""
    exact = interpreted(graph, inputs, torch.float64)
    others = [interpreted(graph, inputs, torch.float32)]
    generator = torch.Generator().manual_seed(0)
    wide = {n: v.double() if v.is_floating_point() else v for n, v in inputs.items()}
    for _ in range(_DRAWS):
        moved = {
            name: value + value * _LAST_DIGIT * torch.randn(value.shape, generator=generator).sign()
            if value.is_floating_point()
            else value
            for name, value in wide.items()
        }
        others.append(interpreted(graph, moved, torch.float64))
    return max(_error(other[name], exact[name]) for other in others for name in exact)
