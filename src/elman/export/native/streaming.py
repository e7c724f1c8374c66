"""Whether a sequence can be computed some steps at a time, each from the states before."""

from elman.compiler.expression import ARITY
from elman.export.code.interface import LENGTHS
from elman.nn.graph import Graph, Operation, Shape, Value

_ANY = (*ARITY, "identity", "cast", "linear", "embedding", "layer_norm", "step_mask")
_ALONG_AN_AXIS = ("softmax", "masked_softmax", "log_softmax", "concat", "slice")
_STEPS = ("T", "T*B")


def streams(sequence: Graph, step: Graph) -> bool:
    """Whether the sequence's outputs and states are those of its steps, one after the other."""
    given = [value for value in sequence.inputs if value.name != LENGTHS]
    return (
        _of_each_step(given, step.inputs)
        and _of_each_step(sequence.outputs, step.outputs)
        and [before for before, _ in sequence.states] == [before for before, _ in step.states]
        and all(map(_is_of_single_steps, sequence.operations))
    )


def _of_each_step(whole: list[Value], one: list[Value]) -> bool:
    """Whether these are those, of every step."""
    pairs = [(value.name, value.shape, value.dtype) for value in whole]
    return pairs == [(value.name, ("T", *value.shape), value.dtype) for value in one]


def _is_of_single_steps(operation: Operation) -> bool:
    """Whether no step depends on another but by a layer's states."""
    kind, attributes = operation.kind, operation.attributes
    if not all(_begins_with_steps(v.shape) for v in (*operation.inputs, *operation.outputs)):
        return False
    if kind in _ANY:
        return True
    if kind in _ALONG_AN_AXIS:
        return bool(attributes["axis"] != 0)
    if kind in ("sum", "mean", "max"):
        return 0 not in attributes["axes"]
    if kind == "transpose":
        return bool(attributes["order"][0] == 0)
    if kind == "reshape":
        return all(v.shape[0] in _STEPS for v in (*operation.inputs, *operation.outputs))
    return kind == "recurrent" and not any(each.reverse for each in attributes["directions"])


def _begins_with_steps(shape: Shape) -> bool:
    """Whether the number of steps is no size but the first."""
    return not any(isinstance(size, str) and "T" in size for size in shape[1:])
