"""ONNX models run on tensors, by ONNX Runtime or by ONNX's own reference."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from elman.nn.export_spec import Run


def by_runtime(model: Any, threads: int = 1) -> Run:
    """What runs a model by ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return _run(session, [each.name for each in session.get_outputs()])


def by_reference(model: Any) -> Run:
    """What runs a model by `onnx.reference`, slowly."""
    from onnx.reference import ReferenceEvaluator

    return _run(ReferenceEvaluator(model), [each.name for each in model.graph.output])


def _run(session: Any, names: list[str]) -> Run:
    def run(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        given = {name: value.detach().contiguous().numpy() for name, value in inputs.items()}
        found = session.run(None, given)
        return {
            name: torch.from_numpy(each.copy()) for name, each in zip(names, found, strict=True)
        }

    return run
