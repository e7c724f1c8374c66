"""More from the same recordings: masks on features, other speeds, noise."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.arguments import check_number
from elman.data.sound.audio import resampled
from elman.data.sound.samples import as_array, as_float
from elman.errors import SettingsError


def spec_augment(
    features: Tensor,
    lengths: Tensor | None = None,
    *,
    bin_masks: int = 2,
    widest: float = 0.2,
    step_masks: int = 2,
    longest: float = 0.1,
) -> Tensor:
    """Blank random bands of bins and stretches of time; the same shape.

    Park et al., SpecAugment: a simple data augmentation method for automatic speech recognition,
    2019 (arXiv:1904.08779), without the warping of time, which they found to matter least. Random
    numbers are torch's.

    **Arguments:**

    - `features`: (T, F), or (T, B, F) with masks of its own for each sequence. Masked values
      become 0, so they should have a mean of 0.
    - `lengths`: (B,) of padded sequences, all T by default.
    - `bin_masks`, `widest`: number of bands, each up to that share of F wide.
    - `step_masks`, `longest`: number of stretches, each up to that share of the length long.

    >>> masked = spec_augment(torch.ones(50, 3, 40))
    >>> masked.shape, bool(((masked == 0) | (masked == 1)).all())
    (torch.Size([50, 3, 40]), True)
    """
    if not isinstance(features, Tensor) or features.ndim not in (2, 3):
        form = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise SettingsError(f"features must be a tensor, (T, F) or (T, B, F), got {form}")
    for name, value in {"widest": widest, "longest": longest}.items():
        check_number(name, value, 0, 1)
    for name, value in {"bin_masks": bin_masks, "step_masks": step_masks}.items():
        check_number(name, value, 0, 1000)
    is_single = features.ndim == 2
    if is_single:
        features = features.unsqueeze(1)
    steps, batch, bins = features.shape
    if lengths is None:
        lengths = torch.full((batch,), steps)
    lengths = lengths.to(features.device)
    bands = _masks(torch.full_like(lengths, bins), bins, bin_masks, widest)
    stretches = _masks(lengths, steps, step_masks, longest)
    hidden = stretches.T.unsqueeze(2) | bands.unsqueeze(0)
    masked = features.masked_fill(hidden, 0.0)
    return masked.squeeze(1) if is_single else masked


def _masks(lengths: Tensor, size: int, count: int, share: float) -> Tensor:
    """(B, size) bool: for each length some stretches of up to a share of it."""
    widths = torch.rand(len(lengths), count, device=lengths.device) * share * lengths[:, None]
    widths = widths.round()
    starts = torch.rand_like(widths) * (lengths[:, None] - widths)
    starts = starts.round()
    places = torch.arange(size, device=lengths.device)
    inside = (places >= starts[..., None]) & (places < (starts + widths)[..., None])
    return inside.any(1)


def at_speed(samples: NDArray[np.float32], rate: int, factor: float) -> NDArray[np.float32]:
    """Spoken faster or slower, and so higher or lower: (about N / factor,) float32.

    Ko et al., Audio augmentation for speech recognition, 2015, with factors 0.9, 1 and 1.1.

    >>> at_speed(np.zeros(8800, np.float32), 8000, 1.1).shape
    (8000,)
    """
    check_number("factor", factor, 0.25, 4)
    check_number("rate", rate, 1, 10**7)
    samples = as_float(as_array(samples, "samples"), "samples")
    return resampled(samples, round(rate * factor), rate)


def with_noise(
    samples: NDArray[np.float32],
    decibels: float,
    random: np.random.Generator,
    noise: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Sound with noise under it, (N,) float32; samples stay within -1 and 1.

    **Arguments:**

    - `decibels`: of the sound's power above the noise's, both over the whole length.
    - `random`: of the noise, or of where in `noise` it begins.
    - `noise`: a recording of noise at the same rate, repeated if it is short; white by default.

    >>> tone = np.sin(np.arange(80000, dtype=np.float32)) / 4
    >>> added = with_noise(tone, 20, np.random.default_rng(0)) - tone
    >>> round(10 * float(np.log10((tone**2).mean() / (added**2).mean())), 1)
    20.0
    """
    samples = as_float(as_array(samples, "samples"), "samples")
    check_number("decibels", decibels)
    if not isinstance(random, np.random.Generator):
        raise SettingsError(f"random must be a numpy Generator, got {type(random).__name__}")
    if noise is not None:
        noise = as_float(as_array(noise, "noise"), "noise")
    if noise is None:
        drawn = random.standard_normal(len(samples)).astype(np.float32)
    else:
        begin = int(random.integers(len(noise)))
        drawn = np.resize(np.roll(noise, -begin), len(samples)).astype(np.float32)
    power = np.square(drawn, dtype=np.float64).mean() if len(drawn) else 0.0
    if power == 0:
        return samples
    wanted = np.square(samples, dtype=np.float64).mean() / 10 ** (decibels / 10)
    noisy = samples + drawn * np.float32(np.sqrt(wanted / power))
    return np.clip(noisy, -1, 1).astype(np.float32)
