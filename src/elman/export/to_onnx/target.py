"""ONNX as a target: a model for each graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from elman.errors import ExportError
from elman.export.targets import Options
from elman.nn.export_spec import Run
from elman.nn.graph import Graph


@dataclass(frozen=True)
class Models:
    """ONNX models by the names of their graphs."""

    models: Mapping[str, Any]
    runs: Mapping[str, Run]
    unchecked: str | None = field(default=None)
    notes: tuple[str, ...] = ()
    has_padding: bool = True

    def files(self, about: Mapping[str, str]) -> Mapping[str, bytes]:
        """`step.onnx` and `sequence.onnx`, which say of themselves what `about` says."""
        from elman.export.to_onnx.model import with_metadata

        return {
            f"{name}.onnx": with_metadata(model, about).SerializeToString()
            for name, model in self.models.items()
        }


def build(graphs: Mapping[str, Graph], options: Options) -> Models:
    """A model for each graph, run by ONNX Runtime."""
    missing = [name for name in ("onnx", "onnxruntime") if not find_spec(name)]
    if missing:
        raise ExportError(f"{missing[0]} is not installed: pip install 'elman[export]'")
    if options.target is not None:
        raise ExportError(
            f"target={options.target}: ONNX is the same for all machines; leave it out"
        )
    if options.separate_weights:
        raise ExportError("separate_weights: ONNX models keep their weights inside; leave it out")
    from elman.export.to_onnx.model import to_model
    from elman.export.to_onnx.runtime import by_runtime

    if options.int8:
        from elman.export.to_onnx.int8 import DECOMPOSED, quantised

        models = {
            name: quantised(to_model(graph, name, DECOMPOSED[graph.form]))
            for name, graph in graphs.items()
        }
    else:
        models = {name: to_model(graph, name) for name, graph in graphs.items()}
    return Models(models, {name: by_runtime(model) for name, model in models.items()})
