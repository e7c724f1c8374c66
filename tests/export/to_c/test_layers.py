"""Layers in C against the equations in float64."""

import copy
from typing import Any

import pytest
import torch
from oracle import reachable
from own_cells import OWN
from torch import Tensor

import elman
from elman.cells import BUILTIN
from elman.export.to_c.native import Native
from elman.export.to_c.source import source

STRICT = ("-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror")
CELLS: tuple[Any, ...] = (*BUILTIN, *OWN)


def name_of(cell: Any) -> str:
    return cell if isinstance(cell, str) else cell.__name__


def layer_of(cell: Any, *sizes: int, **options: Any) -> Any:
    torch.manual_seed(0)
    layer = elman.layer(cell, *sizes, **options).eval()
    with torch.no_grad():
        for name, value in layer.named_parameters():
            if name.startswith("initial_"):
                value.normal_(0, 0.5)
    return layer


def native(layer: Any, form: str, cc: str, **options: Any) -> Native:
    graph = layer.export_spec().graphs[form]
    return Native(graph, source(graph, "net", **options), cc, STRICT)


def states_of(layer: Any, batch: int) -> dict[str, Tensor]:
    shapes = layer._state_shapes(batch)
    found = {n: torch.randn(shape) for n, shape in zip(layer.cell.state, shapes, strict=True)}
    return reachable(found)


def reference(layer: Any, x: Tensor, states: dict[str, Tensor], lengths: Tensor) -> Any:
    exact = layer_copy(layer)
    given = tuple(each.double() for each in states.values())
    with torch.no_grad():
        y, last = exact(x.double(), given, lengths=lengths)
    return y, last if isinstance(last, tuple) else (last,)


def layer_copy(layer: Any) -> Any:
    """The layer in float64, by its equations."""
    exact = copy.deepcopy(layer).double()
    exact.backend = "reference"
    return exact


def compare(layer: Any, form: str, cc: str, lengths: list[int], limit: float = 2e-6) -> None:
    steps, batch = max(lengths), len(lengths)
    x, states = torch.randn(steps, batch, layer.input_size), states_of(layer, batch)
    run = native(layer, form, cc)
    expected, last = reference(layer, x, states, torch.tensor(lengths))
    if form == "sequence":
        found = run({"x": x, "lengths": torch.tensor(lengths), **states})
        actual = found["y"]
        after = [found[f"new_{name}"] for name in states]
    else:
        rows = []
        for x_t in x:
            found = run({"x": x_t, **states})
            rows.append(found["y"])
            states = {name: found[f"new_{name}"] for name in states}
        actual, after = torch.stack(rows) if rows else expected.float(), list(states.values())
    assert float((actual - expected).abs().max() if actual.numel() else 0) < limit
    for one, other in zip(after, last, strict=True):
        assert float((one - other).abs().max()) < limit


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_steps_of_every_cell(cell: Any, cc: str) -> None:
    options = {"num_layers": 2, "residual": True, "learn_initial_state": True}
    compare(layer_of(cell, 5, 5, **options), "step", cc, [6, 6])


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_both_directions_of_every_cell(cell: Any, cc: str) -> None:
    compare(layer_of(cell, 3, 7, bidirectional=True), "sequence", cc, [9, 0, 1, 4])


@pytest.mark.parametrize("cell", ["lstm", "gru", *OWN], ids=name_of)
def test_layer_norm_and_zoneout(cell: Any, cc: str) -> None:
    layer = layer_of(cell, 6, 9, layer_norm=True, zoneout=0.3)
    compare(layer, "sequence", cc, [5, 2], 5e-6)
    compare(layer, "step", cc, [3], 5e-6)


def test_projection(cc: str) -> None:
    layer = layer_of("lstm", 4, 9, proj_size=3, num_layers=2)
    compare(layer, "sequence", cc, [5, 2])
    compare(layer, "step", cc, [4])


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (33, 31), (64, 32), (7, 65)])
def test_sizes(sizes: tuple[int, int], cc: str) -> None:
    """Around the 32 rows of a panel and the four columns that are added at once."""
    compare(layer_of("gru", *sizes, bias=False), "sequence", cc, [4, 3])


def test_no_inputs(cc: str) -> None:
    compare(layer_of("gru", 0, 5), "sequence", cc, [3, 1])


@pytest.mark.parametrize("steps", [0, 1, 2000])
def test_lengths(steps: int, cc: str) -> None:
    compare(layer_of("lstm", 3, 8, bidirectional=True), "sequence", cc, [steps])


def test_a_sequence_goes_on_from_its_state(cc: str) -> None:
    layer = layer_of("lstm", 3, 5)
    run, x, states = native(layer, "sequence", cc), torch.randn(9, 1, 3), states_of(layer, 1)
    whole = run({"x": x, "lengths": torch.tensor([9]), **states})
    first = run({"x": x[:4], "lengths": torch.tensor([4]), **states})
    between = {name: first[f"new_{name}"] for name in states}
    rest = run({"x": x[4:], "lengths": torch.tensor([5]), **between})
    assert torch.equal(torch.cat([first["y"], rest["y"]]), whole["y"])
