"""How the encoder of frames is described in a graph to export."""

from typing import TYPE_CHECKING

from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.tasks.previous_step import previous

if TYPE_CHECKING:
    from elman.tasks.video.encoder import FrameEncoder


def frames_input(graph: Graph, encoder: "FrameEncoder") -> tuple[Value, ...]:
    """`frames`, pixels from 0 to 255, (T, B, H, W, C), or (B, H, W, C) in a graph of one step."""
    pixels = encoder.pixels
    lead = ("B",) if graph.form == "step" else ("T", "B")
    return (graph.input("frames", (*lead, pixels.height, pixels.width, pixels.channels)),)


def features(graph: Graph, encoder: "FrameEncoder", frames: Value) -> Value:
    """The features of each frame, (T, B, F) or (B, F)."""
    pixels, lead = encoder.pixels, frames.shape[:-3]
    count = "*".join(str(size) for size in lead)
    values = ops.apply(graph, "sub", ops.apply(graph, "div", frames, 255.0), pixels.mean)
    values = ops.apply(graph, "div", values, pixels.deviation)
    if encoder.differences:
        change = ops.apply(graph, "sub", values, previous(graph, values, "last_frame"))
        change = ops.apply(graph, "mul", change, pixels.deviation / pixels.motion)
        values = ops.concat(graph, -1, values, change)
    flat = ops.reshape(graph, values, count, *values.shape[-3:])
    maps = ops.transpose(graph, flat, 0, 3, 1, 2)
    found: Value = describe(graph, encoder.layers, maps)
    return ops.reshape(graph, found, *lead, encoder.output_size)
