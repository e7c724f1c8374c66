"""ONNX's backend node tests for RNN, LSTM and GRU, run on elman's layers."""

import importlib
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.backend.test.case import node as onnx_nodes
from onnx.backend.test.case.test_case import TestCase
from onnx.reference import ReferenceEvaluator
from torch import Tensor

import elman

CANNOT = {
    "test_gru_seq_length": "linear_before_reset=0, the reset gate before the recurrent product: a"
    " second matrix product a step, which a cell's elementwise equations do not have",
}
# the order of the gates here, as their places in ONNX's: LSTM i o f c, GRU z r h
ORDER = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
KNOWN = {"direction", "hidden_size", "layout", "linear_before_reset"}


def all_cases() -> dict[str, TestCase]:
    for module in ("rnn", "lstm", "gru"):
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    return {
        case.name: case
        for case in onnx_nodes._NodeTestCases
        if case.model.graph.node[0].op_type in ORDER
    }


CASES = all_cases()


def as_tensor(value: Any) -> Tensor:
    return torch.from_numpy(np.array(value, dtype=np.float64))


def gates(stacked: Tensor, op: str) -> Tensor:
    """ONNX's stack of gates, the first dimension, in elman's order."""
    blocks = stacked.chunk(len(ORDER[op]))
    return torch.cat([blocks[i] for i in ORDER[op]])


def reset_can_move_behind(weights: dict[str, Tensor]) -> bool:
    """Whether linear_before_reset=0 can be written with the reset behind the product.

    It can when all units have the same reset gate r: then R (r * h) is r * (R h).
    """
    return all(
        bool((block == block[0]).all())
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for block in weights[name].chunk(3)[:1]
    )


def build(node: onnx.NodeProto, given: dict[str, Tensor]) -> elman.nn.Recurrent:
    """An elman layer with the node's weights; a reverse node is the second half of two."""
    op = node.op_type
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    assert set(attributes) <= KNOWN, attributes
    direction = attributes.get("direction", b"forward").decode()
    hidden = attributes["hidden_size"]
    names = {"RNN": "rnn", "LSTM": "peephole_lstm" if "P" in given else "lstm", "GRU": "gru"}
    layer = elman.layer(
        names[op],
        given["W"].shape[-1],
        hidden,
        bidirectional=direction != "forward",
        batch_first=bool(attributes.get("layout", 0)),
        dtype=torch.float64,
    )
    suffixes = {
        "forward": ("_l0",),
        "reverse": ("_l0_reverse",),
        "bidirectional": ("_l0", "_l0_reverse"),
    }
    weights = {name: torch.zeros_like(value) for name, value in layer.state_dict().items()}
    for at, suffix in enumerate(suffixes[direction]):
        bias_ih, bias_hh = given["B"][at].chunk(2) if "B" in given else (None, None)
        part = {
            "weight_ih": gates(given["W"][at], op),
            "weight_hh": gates(given["R"][at], op),
            "bias_ih": weights["bias_ih" + suffix] if bias_ih is None else gates(bias_ih, op),
            "bias_hh": weights["bias_hh" + suffix] if bias_hh is None else gates(bias_hh, op),
        }
        if "P" in given:
            part["p_i"], part["p_o"], part["p_f"] = given["P"][at].chunk(3)
        if op == "GRU" and not attributes.get("linear_before_reset", 0):
            assert reset_can_move_behind(part), "the reset gate differs from unit to unit"
            part["bias_ih"][2 * hidden :] += part["bias_hh"][2 * hidden :]
            part["bias_hh"][2 * hidden :] = 0
        weights |= {name + suffix: value for name, value in part.items()}
    layer.load_state_dict(weights, strict=True)
    return layer


def run(node: onnx.NodeProto, inputs: list[Any]) -> dict[str, Tensor]:
    """What the node would give: Y, Y_h and, of an LSTM, Y_c."""
    given = dict(zip((n for n in node.input if n), map(as_tensor, inputs), strict=True))
    layer = build(node, given)
    directions = len(given["W"])
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    reverse = attributes.get("direction") == b"reverse"
    batch_first = layer.batch_first
    batch = given["X"].shape[0 if batch_first else 1]

    def state(name: str) -> Tensor:
        if name not in given:
            return torch.zeros(2 if layer.bidirectional else 1, batch, layer.hidden_size).double()
        value = given[name].transpose(0, 1) if batch_first else given[name]
        return torch.cat([torch.zeros_like(value), value]) if reverse else value

    first = tuple(state(f"initial_{name}") for name in layer.cell.state)
    lengths = given["sequence_lens"].long() if "sequence_lens" in given else None
    output, last = layer(given["X"], first, lengths=lengths)
    last = (last,) if isinstance(last, Tensor) else last
    y = output.unflatten(-1, (-1, layer.hidden_size))[..., -directions:, :]
    last = tuple(part[-directions:] for part in last)
    y = y if batch_first else y.transpose(1, 2)
    last = tuple(part.transpose(0, 1) for part in last) if batch_first else last
    return dict(zip(("Y", "Y_h", "Y_c"), (y, *last), strict=False))


def check(node: onnx.NodeProto, inputs: list[Any], outputs: list[Any]) -> None:
    got = run(node, inputs)
    wanted = [place for place, name in zip(("Y", "Y_h", "Y_c"), node.output, strict=False) if name]
    assert wanted
    for place, expected in zip(wanted, outputs, strict=True):
        assert got[place].shape == expected.shape
        np.testing.assert_allclose(got[place].detach(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(CASES) - set(CANNOT)))
def test_node(name: str) -> None:
    case = CASES[name]
    for inputs, outputs in case.data_sets:
        check(case.model.graph.node[0], inputs, outputs)


def test_what_is_listed_as_inexpressible_exists_and_is_so() -> None:
    assert set(CANNOT) <= set(CASES)
    for name in CANNOT:
        case = CASES[name]
        with pytest.raises(AssertionError, match="reset gate differs"):
            run(case.model.graph.node[0], case.data_sets[0][0])


def test_there_are_cases_of_each_operator() -> None:
    counts = dict.fromkeys(ORDER, 0)
    for case in CASES.values():
        counts[case.model.graph.node[0].op_type] += 1
    assert min(counts.values()) >= 6


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", ["RNN", "LSTM", "GRU", "peepholes"])
def test_random_weights_against_the_reference_evaluator(op: str, direction: str) -> None:
    """The node tests have mostly constant weights, which forgive a wrong gate order."""
    rng = np.random.default_rng(0)
    T, B, features, H = 4, 3, 2, 5
    peepholes, op = op == "peepholes", "LSTM" if op == "peepholes" else op
    D, G = 2 if direction == "bidirectional" else 1, len(ORDER[op])

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    inputs = {
        "X": draw(T, B, features),
        "W": draw(D, G * H, features),
        "R": draw(D, G * H, H),
        "B": draw(D, 2 * G * H),
        "": None,
        "initial_h": draw(D, B, H),
    }
    if op == "LSTM":
        inputs["initial_c"] = draw(D, B, H)
    if peepholes:
        inputs["P"] = draw(D, 3 * H)
    attributes: dict[str, Any] = {"hidden_size": H, "direction": direction}
    if op == "GRU":
        attributes["linear_before_reset"] = 1
    places = ["Y", "Y_h", "Y_c"][: 3 if op == "LSTM" else 2]
    node = onnx.helper.make_node(op, list(inputs), places, **attributes)
    present = {name: value for name, value in inputs.items() if name}
    expected = ReferenceEvaluator(node).run(None, present)
    check(node, list(present.values()), expected)
