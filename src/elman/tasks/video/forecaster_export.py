"""A forecaster of frames to export: a graph that reads a frame, and one that writes the next."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from elman.errors import ExportError
from elman.nn import graph_ops as ops
from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.tasks.ensemble import only_network
from elman.tasks.video.forecaster import Forecaster, frames_of, patches_of

if TYPE_CHECKING:
    from elman.tasks.video.settings import VideoSettings
    from elman.tasks.video.task import Video

_REFUSED = "frames are read and written one by one: leave the form away"
_USE = (
    "pixels / 255, channels first, with zeros to the right and below up to padded_height and"
    " padded_width. Run `read` over the last `inputs` frames, from states of zeros, then `step`"
    " `horizon` times, from the states that reading left, each time with the last frame that was"
    " read; cut off what was padded, limit what comes to 0 to 1, round 255 times that"
)


def export_spec(task: "Video") -> ExportSpec:
    """The graphs `read`, from a frame to states, and `step`, to the next frame."""
    model, known, settings = only_network(task), task.preprocessing, task.settings
    _check(settings)
    pixels, scale = known.pixels, settings.residual_scale
    height, width = (
        -(-side // model.patch) * model.patch for side in (pixels.height, pixels.width)
    )
    shape = (pixels.channels, height, width)
    return ExportSpec(
        {"read": _read(model, shape), "step": _step(model, shape, scale)},
        {
            "read": lambda inputs: _native_read(model, inputs),
            "step": lambda inputs: _native_step(model, inputs, scale),
        },
        {"sequence": _REFUSED},
        preprocessing={
            "task": task.name,
            "frames": known.described(_USE),
            "padded_height": height,
            "padded_width": width,
            "inputs": settings.inputs,
            "horizon": settings.horizon,
        },
        metadata={"task": task.name},
    )


def _check(settings: "VideoSettings") -> None:
    """Raise `ExportError` for what is done to frames that no graph of layers expresses."""
    for name, what in (
        ("flow", "moves frames along their optical flow"),
        ("matching", "gives frames the brightness of the last one"),
    ):
        if getattr(settings, name):
            raise ExportError(
                f"a forecaster that {what} cannot be exported, as no graph expresses that: train"
                f" with {name}=False"
            )


def _read(model: Forecaster, shape: tuple[int, int, int]) -> Graph:
    graph = Graph("step")
    patches = _patches(graph, graph.input("frames", ("B", *shape)), model.patch)
    states = model.encoder.graph_states(graph, _size(patches))
    _, after = model.encoder.to_graph(graph, patches, states)
    for before, new in zip(states, after, strict=True):
        graph.update(before, new)
    return graph


def _step(model: Forecaster, shape: tuple[int, int, int], scale: float) -> Graph:
    graph, patch = Graph("step"), model.patch
    last = _patches(graph, graph.input("frames", ("B", *shape)), patch)
    states = model.forecaster.graph_states(graph, _size(last))
    hidden, after = model.forecaster.to_graph(graph, last, states)
    found: Value = describe(graph, model.output, hidden)
    if model.persistence:
        found = ops.apply(graph, "add", ops.apply(graph, "mul", found, scale), last)
    channels, rows, columns = (shape[0], shape[1] // patch, shape[2] // patch)
    parts = ops.reshape(graph, found, "B", channels, patch, patch, rows, columns)
    turned = ops.transpose(graph, parts, 0, 1, 4, 2, 5, 3)
    graph.output("next", ops.reshape(graph, turned, "B", *shape))
    for before, new in zip(states, after, strict=True):
        graph.update(before, new)
    return graph


def _patches(graph: Graph, frames: Value, patch: int) -> Value:
    """As `patches_of`, of one step, (B, C, H, W)."""
    channels, height, width = (int(size) for size in frames.shape[1:])
    rows, columns = height // patch, width // patch
    parts = ops.reshape(graph, frames, "B", channels, rows, patch, columns, patch)
    turned = ops.transpose(graph, parts, 0, 1, 3, 5, 2, 4)
    return ops.reshape(graph, turned, "B", channels * patch**2, rows, columns)


def _size(patches: Value) -> tuple[int, int]:
    return int(patches.shape[2]), int(patches.shape[3])


def _native_read(model: Forecaster, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    patches = patches_of(inputs["frames"].unsqueeze(0), model.patch)
    return _named(model, model.encoder(patches, _states(model, inputs))[1])


def _native_step(
    model: Forecaster, inputs: Mapping[str, Tensor], scale: float
) -> dict[str, Tensor]:
    last = patches_of(inputs["frames"].unsqueeze(0), model.patch)
    hidden, after = model.forecaster(last, _states(model, inputs))
    found = model.output(hidden[0]).unsqueeze(0)
    frames = frames_of(scale * found + last if model.persistence else found, model.patch)
    return {"next": frames[0], **_named(model, after)}


def _states(model: Forecaster, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    return tuple(inputs[name] for name in model.encoder.cell.state)


def _named(model: Forecaster, after: Any) -> dict[str, Tensor]:
    parts = after if isinstance(after, tuple) else (after,)
    names = model.encoder.cell.state
    return {f"new_{name}": part for name, part in zip(names, parts, strict=True)}
