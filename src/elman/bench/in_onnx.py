"""The rival in ONNX Runtime: one LSTM, GRU or RNN node with the layer's weights."""

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.bench.workload import Run, Work
from elman.cells import BUILTIN, Cell

_OPSET, _FORMAT = 17, 8  # old enough for every runtime


class _Node(NamedTuple):
    operator: str
    order: tuple[int, ...]  # of ONNX's gates, as places among ours
    peepholes: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}


_NODES: dict[type[Cell], _Node] = {
    BUILTIN["lstm"]: _Node("LSTM", (0, 3, 1, 2)),  # i o f c
    BUILTIN["peephole_lstm"]: _Node("LSTM", (0, 3, 1, 2), ("p_i", "p_o", "p_f")),
    BUILTIN["gru"]: _Node("GRU", (1, 0, 2), (), {"linear_before_reset": 1}),  # z r h
    BUILTIN["rnn"]: _Node("RNN", (0,)),
    BUILTIN["rnn_relu"]: _Node("RNN", (0,), (), {"activations": ["Relu"]}),
}


def lack() -> str | None:
    """What this machine lacks for it, None if nothing."""
    missing = [name for name in ("onnx", "onnxruntime") if not find_spec(name)]
    return None if not missing else f"{missing[0]} is not installed: pip install {missing[0]}"


def can(job: Work) -> bool:
    """Whether there is a node for the cell; it does not train."""
    return job.upstream is None and type(job.layer.cell) in _NODES


def start(job: Work) -> Run:
    """Its run for a layer's inference or step."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model(job).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = ["X", *(f"initial_{name}" for name in job.layer.cell.state)]
    values = [value.detach().contiguous().numpy() for value in (job.x, *job.states)]
    given = dict(zip(names, values, strict=True))
    return lambda: [session.run(["Y"], given)[0][:, 0]]


def model(job: Work, *, states: bool = False) -> Any:
    """The onnx model of one node, from `X` (T, B, I) and states to `Y` (T, 1, B, H), and if
    `states` to the last ones, too, (1, B, H)."""
    from onnx import TensorProto, helper, numpy_helper

    layer, node = job.layer, _NODES[type(job.layer.cell)]
    weights = {name.removesuffix("_l0"): w.detach() for name, w in layer.named_parameters()}

    def arranged(name: str) -> Tensor:
        blocks = weights[name].chunk(len(node.order))
        return torch.cat([blocks[place] for place in node.order])

    constants = {
        "W": arranged("weight_ih"),
        "R": arranged("weight_hh"),
        "B": torch.cat([arranged("bias_ih"), arranged("bias_hh")]),
    }
    initial = [f"initial_{name}" for name in layer.cell.state]
    last = [f"last_{name}" for name in layer.cell.state] if states else []
    inputs = ["X", "W", "R", "B", "", *initial]
    if node.peepholes:
        constants["P"] = torch.cat([weights[name] for name in node.peepholes])
        inputs.append("P")
    one = helper.make_node(
        node.operator, inputs, ["Y", *last], hidden_size=layer.hidden_size, **node.attributes
    )

    def described(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    steps, batch, features = job.x.shape
    size = layer.hidden_size
    graph = helper.make_graph(
        [one],
        "layer",
        [described("X", steps, batch, features), *(described(n, 1, batch, size) for n in initial)],
        [
            described("Y", steps, 1, batch, size),
            *(described(name, 1, batch, size) for name in last),
        ],
        [
            numpy_helper.from_array(np.expand_dims(value.numpy(), 0), name)
            for name, value in constants.items()
        ],
    )
    versions = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(graph, opset_imports=versions, ir_version=_FORMAT)
