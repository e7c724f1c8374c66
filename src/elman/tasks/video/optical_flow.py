"""Optical flow of a few frames, and frames moved along it."""

import torch
import torch.nn.functional as F
from torch import Tensor

_SIGMA = 10.0  # pixels of a level, of the Gaussian window in which motion is one
_SMALLEST = 12  # pixels of a side of the coarsest level
_ITERATIONS = 2
_LONGEST = 1.5  # pixels of a level, by which one iteration changes the motion
_DAMPING = 0.1  # of the mean gradient: where there is less to see, coarser levels decide
_WHOLE = 0.99  # share of a pixel that must hold data


def optical_flow(frames: Tensor, valid: Tensor) -> Tensor:
    """The motion that successive frames have in common, in pixels a frame, (B, 2, H, W), y first.

    Lucas and Kanade's (1981) least squares on a pyramid (Bouguet 2001), of all pairs of neighbours
    together: frames move as if along one steady field.

    **Arguments:** `frames`: (n, B, H, W) of 0 to 1; `valid`: 1 where they hold data, else 0.

    >>> import torch
    >>> spot = torch.exp(-((torch.arange(24.0) - 9) ** 2) / 8)
    >>> frames = torch.stack([torch.outer(spot, spot.roll(t)) for t in range(3)])[:, None]
    >>> optical_flow(frames, torch.ones_like(frames))[0, 1, 9, 11].round()
    tensor(1.)
    """
    levels = [(frames * valid, valid)]
    while min(levels[-1][0].shape[2:]) >= 2 * _SMALLEST:
        coarser, share = (F.avg_pool2d(each, 2, ceil_mode=True) for each in levels[-1])
        levels.append((coarser, (share > _WHOLE).to(frames)))
    flow = torch.zeros_like(frames[:2]).transpose(0, 1)[..., :1, :1]
    for maps, known in reversed(levels):
        flow = of_size(flow, maps.shape[2:])
        inner = -F.max_pool2d(-known, 3, 1, 1)  # gradients at the edge of data are none of motion
        for _ in range(_ITERATIONS):
            flow = flow + _step(maps, inner, flow)
    return flow


def of_size(flow: Tensor, size: torch.Size) -> Tensor:
    """A flow for frames of another size (height, width)."""
    scale = [new / old for new, old in zip(size, flow.shape[2:], strict=True)]
    moved = F.interpolate(flow, tuple(size), mode="bilinear", align_corners=False)
    return moved * moved.new_tensor(scale).reshape(2, 1, 1)


def _step(maps: Tensor, known: Tensor, flow: Tensor) -> Tensor:
    """The change of the flow that explains best how frames differ from those before, moved."""
    places = grid(maps.shape[2:], maps) - flow
    earlier, there = (sampled(each[:-1].transpose(0, 1), places) for each in (maps, known))
    now = maps[1:].transpose(0, 1)
    weight = (there > _WHOLE) * known[1:].transpose(0, 1)
    middle = (earlier + now) / 2
    y, x = torch.zeros_like(middle), torch.zeros_like(middle)
    y[..., 1:-1, :] = (middle[..., 2:, :] - middle[..., :-2, :]) / 2
    x[..., 1:-1] = (middle[..., 2:] - middle[..., :-2]) / 2
    t = now - earlier
    products = torch.stack([(weight * each).sum(1) for each in (y * y, x * x, y * x, y * t, x * t)])
    yy, xx, yx, yt, xt = _blurred(products)
    damping = _DAMPING * (yy + xx).mean((1, 2), keepdim=True) / 2 + 1e-9
    yy, xx = yy + damping, xx + damping
    change = torch.stack([yx * xt - xx * yt, yx * yt - yy * xt], 1)
    found: Tensor = change / (yy * xx - yx * yx).unsqueeze(1)
    return found.clamp(-_LONGEST, _LONGEST)


def _blurred(maps: Tensor) -> Tensor:
    """Gaussian means of maps (..., H, W)."""
    reach = round(2.5 * _SIGMA)
    at = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-((at / _SIGMA) ** 2) / 2)
    kernel = (kernel / kernel.sum()).reshape(1, 1, -1, 1)
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    flat = F.conv2d(flat, kernel, padding=(reach, 0))
    return F.conv2d(flat, kernel.transpose(2, 3), padding=(0, reach)).reshape(maps.shape)


def grid(size: torch.Size, like: Tensor, corner: tuple[int, int] = (0, 0)) -> Tensor:
    """The places of the pixels of a window of a size, (2, height, width)."""
    axes = (
        torch.arange(begin, begin + side, device=like.device, dtype=like.dtype)
        for begin, side in zip(corner, size, strict=True)
    )
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def paths(flow: Tensor, steps: int, places: Tensor) -> Tensor:
    """Where what is at `places`, (B or 1, 2, h, w), is after 1 to `steps` frames; (steps, B, 2, h,
    w). Of negative `steps`, where it was before so many frames."""
    sign = 1 if steps > 0 else -1
    places = places.expand(len(flow), -1, -1, -1)
    found = []
    for _ in range(abs(steps)):
        places = places + sign * sampled(flow, places, outside="border")
        found.append(places)
    return torch.stack(found) if found else places.new_zeros(0, *places.shape)


def timeline(flow: Tensor, before: int, after: int, places: Tensor) -> Tensor:
    """Where what is at `places` in the last of `before` frames is in all of them and in `after`
    more, (before + after, B, 2, h, w)."""
    earlier, later = paths(flow, 1 - before, places), paths(flow, after, places)
    now = places.expand(len(flow), -1, -1, -1).unsqueeze(0)
    return torch.cat([earlier.flip(0), now, later])


def sampled(maps: Tensor, places: Tensor, *, outside: str = "zeros") -> Tensor:
    """Maps (B, C, H, W) at places (B, 2, h, w), linear between pixels: (B, C, h, w)."""
    height, width = maps.shape[2:]
    y = 2 * places[:, 0] / max(1, height - 1) - 1
    x = 2 * places[:, 1] / max(1, width - 1) - 1
    at = torch.stack([x, y], -1)
    return F.grid_sample(maps, at, padding_mode=outside, align_corners=True)


def extrapolated(frames: Tensor, flow: Tensor) -> Tensor:
    """Frames (m, B, C, H, W), as they are in coordinates that moved with the flow for 1 to m
    frames, in those at rest (semi-Lagrangian). What comes in is like the edge that it comes over.
    """
    size = frames.shape[3:]
    places = paths(flow, -len(frames), grid(size, frames).unsqueeze(0))
    found = sampled(frames.flatten(0, 1), places.flatten(0, 1), outside="border")
    return found.reshape(frames.shape)
