"""Frames to features: strided and depthwise-separable convolutions, frame by frame."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.nn import LockedDropout, Ragged
from elman.nn.graph import Graph, Value
from elman.tasks.video.graph import features, frames_input

_SMALLEST = 8  # places a side, from which on maps are not halved any more
_CODES = 16  # channels of the last maps
_AT_ONCE = 512  # frames, where no gradient is needed


class Pixels(NamedTuple):
    """The pixels of a task: height and width, channels, their mean and deviation, and the deviation
    of the differences of successive frames."""

    height: int
    width: int
    channels: int
    mean: float
    deviation: float
    motion: float


class FrameEncoder(nn.Module):
    """Frames (N, H, W, C) uint8 of B clips, one after the other, and the number of each, (B,), to
    features (T, B, output_size), 0 beyond the end of a clip.

    Convolutions halve the maps until they are of 8 places a side or less: one of 3 x 3, then
    depthwise-separable ones (Howard et al. 2017, arXiv:1704.04861), each with a group norm of the
    frame alone (Wu & He 2018). A linear layer reads the places of the last maps: where something
    is, is kept. With `differences` a frame comes with its difference to the one before.
    """

    def __init__(
        self, pixels: Pixels, *, channels: int, features: int, differences: bool, dropout: float
    ) -> None:
        super().__init__()
        self.pixels, self.differences = pixels, differences
        inputs = pixels.channels * (2 if differences else 1)
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, channels, 3, stride=2, padding=1),
            *_normed(channels),
        ]
        height, width = -(-pixels.height // 2), -(-pixels.width // 2)
        while max(height, width) > _SMALLEST:
            layers += _separable(channels, 2 * channels, stride=2)
            channels, height, width = 2 * channels, -(-height // 2), -(-width // 2)
        layers += _separable(channels, channels, stride=1)
        layers += [nn.Conv2d(channels, _CODES, 1), nn.Flatten()]
        layers += [nn.Linear(_CODES * height * width, features), nn.LayerNorm(features), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        self.dropout = LockedDropout(dropout)
        self.output_size = features

    def forward(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """The features of all frames at once."""
        frames, lengths = inputs
        values = self.scaled(frames)
        before = values.roll(1, 0)
        starts = lengths.cumsum(0) - lengths
        before[starts] = values[starts]
        padded, _ = Ragged(self.features(values, before), lengths).pad()
        dropped: Tensor = self.dropout(padded)
        return dropped

    def graph_inputs(self, graph: Graph) -> tuple[Value, ...]:
        """`frames`, (T, B, H, W, C), or (B, H, W, C) in a graph of one step."""
        return frames_input(graph, self)

    def to_graph(self, graph: Graph, frames: Value) -> Value:
        """The features in a graph to export."""
        return features(graph, self, frames)

    def from_named(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The inputs of a graph as `forward` takes them, all frames real."""
        frames = inputs["frames"].transpose(0, 1)
        count, steps = frames.shape[:2]
        return frames.flatten(0, 1), torch.full((count,), steps)

    def to_named(self, inputs: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """The inverse of `from_named`; there is 0 beyond a clip's end."""
        return {"frames": Ragged(*inputs).pad()[0].float()}

    def stepped(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The features of one frame after others, (B, F), as a graph of one step has it: with the
        frame before as the state `last_frame`, once `begun` is 1."""
        values = self.scaled(inputs["frames"])
        if "last_frame" not in inputs:
            return self.features(values, values), {}
        before = inputs["last_frame"][0].permute(0, 3, 1, 2)
        begun = inputs["begun"][0].permute(0, 3, 1, 2)
        found = self.features(values, torch.where(begun > 0, before, values))
        last = values.permute(0, 2, 3, 1).unsqueeze(0)
        return found, {"new_last_frame": last, "new_begun": inputs["begun"].clamp(min=1)}

    def scaled(self, frames: Tensor) -> Tensor:
        """Frames (N, H, W, C) uint8 as numbers of mean 0 and deviation 1, (N, C, H, W)."""
        dtype = next(self.parameters()).dtype
        values = frames.permute(0, 3, 1, 2).to(dtype) / 255
        return (values - self.pixels.mean) / self.pixels.deviation

    def features(self, values: Tensor, before: Tensor) -> Tensor:
        """Features (N, output_size) of scaled frames and those before them, (N, C, H, W) both."""
        if self.differences:
            change = (values - before) * (self.pixels.deviation / self.pixels.motion)
            values = torch.cat([values, change], 1)
        if torch.is_grad_enabled() or len(values) <= _AT_ONCE:
            found: Tensor = self.layers(values)
            return found
        parts = (values[i : i + _AT_ONCE] for i in range(0, len(values), _AT_ONCE))
        return torch.cat([self.layers(part) for part in parts])


def _normed(channels: int) -> list[nn.Module]:
    return [nn.GroupNorm(4, channels), nn.SiLU()]


def _separable(inputs: int, outputs: int, *, stride: int) -> list[nn.Module]:
    depthwise = nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False)
    return [depthwise, nn.Conv2d(inputs, outputs, 1), *_normed(outputs)]
