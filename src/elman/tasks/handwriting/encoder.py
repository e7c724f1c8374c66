"""What the network reads at each step of the pen, and how it is varied while training."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import LockedDropout
from elman.nn.graph import Graph, Value
from elman.tasks.handwriting.graph import DOT, FAR, GRID, NEAR, REACH, features, steps_input
from elman.tasks.handwriting.settings import HandwritingSettings

_NOISE_STEPS = 4  # of the pen's path, over which a displacement is smooth


class InkEncoder(nn.Module):
    """Steps of ink, (T, B, 6) as `Steps.read` makes them, to features, (T, B, output_size).

    Features: the way from the step before, in steps; its direction, a unit vector; whether the pen
    was in the air; the height in the line or symbol and, of symbols, the place across; how much ink
    lies around the point, on a grid of 5 × 5 (a context bitmap; Jaeger et al. 2001, *Online
    handwriting recognition: the NPen++ recognizer*); of models that keep the size, too, the height
    on the page and the logarithms of width and height. While training each sample is turned,
    slanted, stretched and displaced a little.
    """

    def __init__(self, settings: HandwritingSettings, *, is_text: bool) -> None:
        super().__init__()
        self.is_text, self.keep_size = is_text, settings.keep_size
        self.resolution = settings.resolution
        self.rotation = math.radians(settings.rotation)
        self.shear, self.stretch = settings.shear, settings.stretch
        self.scale, self.noise = settings.scale, settings.noise
        self.dropout = LockedDropout(settings.input_dropout)
        self.output_size = (6 if is_text else 7) + GRID**2 + (4 if self.keep_size else 0)

    def forward(self, steps: Tensor) -> Tensor:
        """The features; those of padding are 0."""
        points, start, real = steps[..., :2], steps[..., 2:3], steps[..., 3:4]
        top, size = steps[:1, :, 4].sum(0), steps[:1, :, 5].sum(0)  # as in all other steps
        if self.training:
            points, size = self._varied(points, real, size)
        points = torch.where(real > 0, points, 0)
        padding = (1 - real) * FAR
        high, low = (points - padding).amax(0), (points + padding).amin(0)
        sides = (high - low).clamp(0, FAR / 2)
        if not self.is_text:  # turned and stretched, they are in a box of 1 again
            longest = sides.amax(-1).clamp(min=1e-2)
            longest = torch.where(sides.amax(-1) > 0, longest, 1)
            points = (points - (high + low) / 2) / longest[:, None]
            sides, size = sides / longest[:, None], size * longest
        way = F.pad(points[1:] - points[:-1], (0, 0, 0, 0, 1, 0))
        length = way.norm(dim=-1, keepdim=True)
        place = 2 * points
        features = [
            way * self.resolution,
            way / length.clamp(min=1e-6),
            start,
            place[..., 1:] if self.is_text else place,
            self._surroundings(points, real),
        ]
        if self.keep_size:
            shape = (sides * size[:, None] + DOT).log()
            own = torch.cat([top[:, None], shape, size[:, None].clamp(max=10)], -1)
            features.append(own.expand(len(steps), -1, -1))
        kept: Tensor = self.dropout(torch.cat(features, -1) * real)
        return kept

    def graph_inputs(self, graph: Graph) -> tuple[Value, ...]:
        """`x`, steps (T, B, 6)."""
        return steps_input(graph)

    def to_graph(self, graph: Graph, x: Value) -> Value:
        """The features in a graph to export."""
        return features(graph, self, x)

    def _surroundings(self, points: Tensor, real: Tensor) -> Tensor:
        """How much ink is around each point, from -0.6 to 0.6 of the size, (T, B, 25)."""
        every = 2 if self.is_text else 1
        reach = every * min(NEAR * self.resolution // every, len(points) - 1)
        near = F.pad(torch.cat([points, real], -1), (0, 0, 0, 0, reach, reach))
        near = near.unfold(0, 2 * reach + 1, 1)[..., ::every]  # (T, B, 3, steps around)
        away = (near[:, :, :2] - points.unsqueeze(-1)).unsqueeze(-1)
        centres = torch.linspace(-REACH, REACH, GRID, device=points.device)
        inside = (1 - (away - centres).abs() * (GRID - 1) / (2 * REACH)).clamp(min=0)
        across, down = inside[:, :, 0], inside[:, :, 1]  # (T, B, steps around, 5)
        across = across * near[:, :, 2].unsqueeze(-1)
        ink = torch.einsum("tbnx,tbny->tbxy", across, down) * every
        return torch.tanh(ink * (4 / self.resolution)).flatten(2)

    def _varied(self, points: Tensor, real: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        steps, count = points.shape[:2]
        angle, shear, stretch, scale = torch.randn(4, count, device=points.device)
        angle, shear = angle * self.rotation, shear * self.shear
        wide = (stretch * self.stretch).exp()
        one, zero = torch.ones_like(wide), torch.zeros_like(wide)
        turn = _matrices(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
        slant = _matrices(wide, shear, zero, one)
        points = torch.einsum("bij,tbj->tbi", turn @ slant, points)
        if self.noise:
            coarse = torch.randn(count, 2, steps // _NOISE_STEPS + 2, device=points.device)
            smooth = F.interpolate(coarse, size=steps, mode="linear", align_corners=True)
            points = points + self.noise * smooth.permute(2, 0, 1)
        return points * real, size * (scale * self.scale).exp()


def _matrices(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """(B, 2, 2) of the four entries, (B,) each."""
    return torch.stack([torch.stack([a, b], -1), torch.stack([c, d], -1)], -2)
