"""How near predicted frames come to the actual ones."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

_WINDOW = 7  # pixels of a side, over which structures are compared
_ROUNDING = 1e-3  # of a grade of brightness
_MOST_DECIBELS = 100.0


def frame_metrics(
    predicted: Tensor, actual: Tensor, weight: Tensor, thresholds: Sequence[float] = ()
) -> dict[str, float]:
    """Metrics of frames, (m, N, C, H, W) of 0 to 1, where `weight`, (m, N, 1, H, W), is 1.

    **Returns:** `mse` and `mae`, summed over the pixels of a frame as the field does, a mean of all
    frames; `mse_1`, ... of each lead; `pixel_mse`, the mean of all pixels; `psnr` in dB and `ssim`
    (Wang et al. 2004), means of frames; `csi_20_1`, ... the critical success index of each lead at
    a threshold, of 0 to 255: hits to hits, misses and false alarms; `csi_20`, the mean of leads.
    A lead without any of these counts as 1.
    """
    error = (predicted - actual) * weight
    squared, absolute = (each.sum((2, 3, 4)) for each in (error**2, error.abs()))
    found = {"mse": float(squared.mean()), "mae": float(absolute.mean())}
    found |= {f"mse_{i}": float(each) for i, each in enumerate(squared.mean(1), 1)}
    count = (weight.sum((2, 3, 4)) * actual.shape[2]).clamp(min=1)
    decibels = -10 * (squared / count).clamp(min=1e-10).log10()
    found["psnr"] = float(decibels.clamp(max=_MOST_DECIBELS).mean())
    one, other = ((each * weight).flatten(0, 1) for each in (predicted, actual))
    found["ssim"] = ssim(one, other, weight.flatten(0, 1))
    found["pixel_mse"] = float(squared.sum() / count.sum())
    for threshold in thresholds:
        a, p = (each * 255 >= threshold - _ROUNDING for each in (actual, predicted))
        hits, either = ((each & (weight > 0)).sum((1, 2, 3, 4)) for each in (a & p, a | p))
        csi = torch.where(either > 0, hits / either.clamp(min=1), 1.0)
        found[f"csi_{threshold:g}"] = float(csi.mean())
        found |= {f"csi_{threshold:g}_{i}": float(each) for i, each in enumerate(csi, 1)}
    return found


def ssim(one: Tensor, other: Tensor, weight: Tensor | None = None) -> float:
    """Structural similarity of pictures (N, C, H, W) of 0 to 1, over squares of 7 pixels.

    With `weight`, (N, 1, H, W), over those squares where it is 1; NaN where none is.

    >>> import torch
    >>> picture = torch.rand(1, 1, 16, 16)
    >>> round(ssim(picture, picture), 4)
    1.0
    """
    side = min(_WINDOW, *one.shape[2:])
    a, b = (F.avg_pool2d(each, side, 1) for each in (one, other))
    unbiased = side**2 / max(1, side**2 - 1)
    pairs = ((one, one, a, a), (other, other, b, b), (one, other, a, b))
    xx, yy, xy = (unbiased * (F.avg_pool2d(x * y, side, 1) - m * n) for x, y, m, n in pairs)
    low, high = 0.01**2, 0.03**2
    top = (2 * a * b + low) * (2 * xy + high)
    values: Tensor = top / ((a**2 + b**2 + low) * (xx + yy + high))
    if weight is None:
        return float(values.mean())
    whole = (F.avg_pool2d(weight, side, 1) > 1 - 0.5 / side**2).expand_as(values)
    return float(values[whole].mean())
