"""What a model states of itself to be exported: graphs, the model itself, what comes before it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Generator, Tensor

from elman.errors import ExportError
from elman.nn.graph import Graph

Draw = Callable[[list[int], Generator], Tensor]
Run = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]  # inputs and states to outputs, by name


@dataclass(frozen=True)
class ExportSpec:
    """Graphs by name with what computes the same now; targets need nothing else of a model.

    - `graphs`: by name: "sequence" and "step"; of an encoder-decoder "encode" and "step".
    - `native`: of each graph the model itself, from inputs and states by name to the same outputs.
    - `refused`: of a form that the model does not have, why, and what would do.
    - `preprocessing`: what a program has to do before and after, as JSON's types.
    - `metadata`: what a file says of itself, such as the task and its labels.
    - `batches`: from data as the model reads it to the inputs of the first graph.
    - `metrics`: from what computes the graphs, and labelled data, to the task's metrics.
    - `objective`: the metric that counts, and whether more of it is better.
    - `shortest`: steps that each sequence must have.
    - `notes`: what the graphs leave out of what the model does.
    - `draw`: of inputs that are not any numbers, what makes some of a shape.
    """

    graphs: Mapping[str, Graph]
    native: Mapping[str, Run]
    refused: Mapping[str, str] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    batches: Callable[[Any], Iterable[dict[str, Tensor]]] | None = None
    metrics: Callable[[Mapping[str, Run], Any], dict[str, float]] | None = None
    objective: tuple[str, bool] | None = None
    shortest: int = 0
    notes: tuple[str, ...] = ()
    draw: Mapping[str, Draw] = field(default_factory=dict)

    def graph(self, name: str) -> Graph:
        """A graph; ExportError where the model has no such form."""
        if name in self.graphs:
            return self.graphs[name]
        raise ExportError(
            self.refused.get(name) or f"{name}: the model has {' and '.join(self.graphs)}"
        )
