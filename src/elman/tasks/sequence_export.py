"""The graphs of a `SequenceModel` to export: whole sequences, and one step with its state."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn

from elman.errors import ExportError
from elman.nn import Recurrent
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.graph import Graph, Value
from elman.nn.graph_layers import declare_states
from elman.nn.graph_modules import describe
from elman.nn.graph_ops import apply, softmax
from elman.nn.state import as_tuple
from elman.tasks.model import SequenceModel
from elman.train.inference import infer

if TYPE_CHECKING:
    from elman.tasks.task import Task


@dataclass(frozen=True)
class Ending:
    """What is made of the head's output, in the graph and by the model itself.

    - `graph`: the outputs by name; it may add inputs to the graph.
    - `native`: the same of inputs by name and the head's output.
    """

    graph: Callable[[Graph, Value], dict[str, Value]]
    native: Callable[[Mapping[str, Tensor], Tensor], dict[str, Tensor]]


def named(name: str) -> Ending:
    """The head's output alone."""
    return Ending(lambda _, y: {name: y}, lambda _, y: {name: y})


def probabilities(*, several: bool = False) -> Ending:
    """`scores` as the head gives them, and `probabilities`, of several labels each its own."""

    def graph_of(graph: Graph, scores: Value) -> dict[str, Value]:
        both = apply(graph, "sigmoid", scores) if several else softmax(graph, scores, -1)
        return {"scores": scores, "probabilities": both}

    def native(_: Mapping[str, Tensor], scores: Tensor) -> dict[str, Tensor]:
        both = scores.sigmoid() if several else scores.softmax(-1)
        return {"scores": scores, "probabilities": both}

    return Ending(graph_of, native)


def sequence_spec(
    model: SequenceModel, ending: Ending | None = None, *, states: bool = True
) -> ExportSpec:
    """Graphs of encoder, layer and head.

    **Arguments:** `states`: whether the sequence form takes states and gives them back, so that
    one may go on; without them each sequence begins with the layer's first state.

    The encoder has methods `graph_inputs(graph)`, which declares inputs, and `from_named(inputs)`,
    what its `forward` takes; an `Embedding` or `Linear` of torch needs none.
    """
    ending = ending or named("y")
    layer = model.recurrent
    if not isinstance(layer, Recurrent) or layer.batch_first:
        raise ExportError(
            f"recurrent is a {type(layer).__name__}: an elman layer with time first is exported"
        )
    graphs = {"sequence": _sequence(model, ending, states=states)}
    native: dict[str, Run] = {"sequence": lambda x: _run(model, ending, x, states=states)}
    refused = {}
    try:
        graphs["step"] = _step(model, ending)
        native["step"] = lambda inputs: _run_step(model, ending, inputs, graphs["step"])
    except ExportError as error:
        refused["step"] = str(error)
    return ExportSpec(graphs, native, refused)


def refuse_step(spec: ExportSpec, reason: str) -> ExportSpec:
    """The same without its step form."""
    return replace(
        spec,
        graphs={"sequence": spec.graphs["sequence"]},
        refused={"step": reason},
    )


def _sequence(model: SequenceModel, ending: Ending, *, states: bool) -> Graph:
    graph = Graph("sequence")
    inputs = graph_inputs(graph, model.encoder)
    lengths = graph.input("lengths", ("B",), "int64")
    encoded = describe(graph, model.encoder, *inputs)
    before = declare_states(graph, model.recurrent) if states else ()
    output, after = model.recurrent.to_graph(graph, encoded, before, lengths)
    _end(graph, ending, _head(graph, model.head, output, lengths))
    for old, new in zip(before, after if states else (), strict=True):
        graph.update(old, new)
    return graph


def _step(model: SequenceModel, ending: Ending) -> Graph:
    graph = Graph("step")
    encoded = describe(graph, model.encoder, *graph_inputs(graph, model.encoder))
    before = declare_states(graph, model.recurrent)
    output, after = model.recurrent.to_graph(graph, encoded, before)
    for old, new in zip(before, after, strict=True):
        graph.update(old, new)
    _end(graph, ending, _head(graph, model.head, output, None))
    return graph


def _head(graph: Graph, head: Any, output: Value, lengths: Value | None) -> Any:
    if hasattr(head, "to_graph"):
        return head.to_graph(graph, output, lengths)
    return describe(graph, head, output)


def _end(graph: Graph, ending: Ending, y: Value) -> None:
    for name, value in ending.graph(graph, y).items():
        graph.output(name, value)


def graph_inputs(graph: Graph, encoder: nn.Module) -> tuple[Value, ...]:
    """The inputs of an encoder, declared; of one of torch by its first module."""
    own = getattr(encoder, "graph_inputs", None)
    if own is not None:
        found: tuple[Value, ...] = own(graph)
        return found
    lead = leading(graph)
    first = encoder
    while isinstance(first, nn.Sequential) and len(first):
        first = first[0]
    if isinstance(first, nn.Embedding):
        return (graph.input("tokens", lead, "int64", below=first.num_embeddings),)
    if isinstance(first, nn.Linear):
        return (graph.input("x", (*lead, first.in_features)),)
    raise ExportError(
        f"the encoder {type(encoder).__name__} cannot be exported: give it graph_inputs(graph) and"
        " to_graph(graph, *values), or begin with an Embedding or a Linear"
    )


def leading(graph: Graph) -> tuple[str, ...]:
    """The first axes of an input: time and batch, or the batch."""
    return ("B",) if graph.form == "step" else ("T", "B")


def encoder_inputs(encoder: nn.Module, inputs: Mapping[str, Tensor]) -> Any:
    """What the encoder's `forward` takes."""
    own = getattr(encoder, "from_named", None)
    if own is not None:
        return own(inputs)
    return inputs["tokens"] if "tokens" in inputs else inputs["x"]


def _run(
    model: SequenceModel, ending: Ending, inputs: Mapping[str, Tensor], *, states: bool
) -> dict[str, Tensor]:
    given = tuple(inputs[name] for name in model.recurrent.cell.state) if states else None
    x = encoder_inputs(model.encoder, inputs)
    y, after = model(x, given, lengths=inputs["lengths"])
    return {**ending.native(inputs, y), **(_states(model, after) if states else {})}


def _run_step(
    model: SequenceModel, ending: Ending, inputs: Mapping[str, Tensor], graph: Graph
) -> dict[str, Tensor]:
    given = tuple(inputs[name] for name in model.recurrent.cell.state)
    own: dict[str, Tensor] = {}
    reads = cast("Any", getattr(model.encoder, "stepped", None))
    if reads is None:
        one = {value.name: inputs[value.name].unsqueeze(0) for value in graph.inputs}
        encoded = model.encoder(encoder_inputs(model.encoder, one)).squeeze(0)
    else:
        encoded, own = reads(inputs)
    output, after = model.recurrent.step(encoded, given)
    stepped = cast("Any", getattr(model.head, "stepped", None))
    if stepped is None:
        y = model.head(output.unsqueeze(0)).squeeze(0)
    else:
        y, pooled = stepped(output, inputs)
        own = {**own, **pooled}
    return {**ending.native(inputs, y), **_states(model, as_tuple(after)), **own}


def _states(model: SequenceModel, after: Iterable[Tensor]) -> dict[str, Tensor]:
    names = (f"new_{name}" for name in model.recurrent.cell.state)
    return dict(zip(names, after, strict=True))


def named_inputs(encoder: nn.Module, inputs: Any) -> dict[str, Tensor]:
    """What the encoder's `forward` takes as inputs of the graph by name."""
    own = getattr(encoder, "to_named", None)
    if own is not None:
        return dict(own(inputs))
    return {"x" if inputs.is_floating_point() else "tokens": inputs}


def measured(task: "Task", data: Any, outputs: Callable[[Any], Any]) -> dict[str, float]:
    """The task's metrics of labelled data whose batches another runs."""
    known = task.preprocessing
    dataset = task.read(data, labelled=True)
    batches = task.batches(known, dataset, training=False)
    found = infer(task.model, batches, lambda _, batch: outputs(batch))
    return task.metrics(found, known, dataset)
