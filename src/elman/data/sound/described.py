"""How sound becomes features, as plain numbers for a program in another language."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.sound.features import AcousticFeatures

_PREEMPHASIS, _SMALLEST = 0.97, 1.1920928955078125e-07
_LIFTER = 22  # of HTK
_FRAMES = (
    "frame t takes `window_samples` samples from `first_sample` + t `shift_samples` on, mirrored"
    " beyond both ends (sample -1 is sample 0, -2 is 1); there are floor((N + floor(shift_samples /"
    " 2)) / shift_samples). Take off its mean, then `preemphasis` times the sample before (of the"
    " first sample itself); times `window`, filled up with zeros to `fft_samples`; the squared"
    " magnitudes of the FFT, summed by `filters` (weights of the bin `start` and those after); the"
    " natural logarithm of at least `smallest`; of mfcc the matrix `cosines` times that"
)


def described(features: AcousticFeatures) -> dict[str, Any]:
    """Frames, window and filters of log mel energies or cepstra.

    `frames` says how they are used.

    >>> found = described(AcousticFeatures(bins=40, rate=8000))
    >>> found["window_samples"], found["fft_samples"], len(found["filters"])
    (200, 256, 40)
    """
    rate = features.rate
    size, shift = int(rate * 0.025), int(rate * 0.01)
    padded = 1 << (size - 1).bit_length()
    turns = 2 * math.pi * np.arange(size) / (size - 1)
    found: dict[str, Any] = {
        "kind": features.kind,
        "rate": rate,
        "samples": "mono (the mean of all channels), floats from -1 to 1; at another rate resampled"
        " to this one, by elman with soxr, whose last digits other resamplers do not have",
        "frames": _FRAMES,
        "window_samples": size,
        "shift_samples": shift,
        "first_sample": shift // 2 - size // 2,
        "fft_samples": padded,
        "preemphasis": _PREEMPHASIS,
        "window": _short((0.5 - 0.5 * np.cos(turns)) ** 0.85),
        "filters": _filters(features, padded),
        "smallest": _SMALLEST,
    }
    if features.kind == "mfcc":
        found["cosines"] = [_short(row) for row in _cosines(features)]
    return found


def _filters(features: AcousticFeatures, padded: int) -> list[dict[str, Any]]:
    """Triangles on the mel scale over the bins of the FFT."""
    nyquist = features.rate / 2
    high = features.high if features.high > 0 else nyquist + features.high
    ends = _mel(np.array([features.low, high]))
    width = (ends[1] - ends[0]) / (features.bins + 1)
    places = _mel(np.arange(padded // 2) * features.rate / padded)
    found = []
    for i in range(features.bins):
        left, centre, right = (ends[0] + (i + k) * width for k in range(3))
        weights = np.minimum((places - left) / width, (right - places) / width).clip(min=0)
        inside = np.flatnonzero((places > left) & (places < right))
        start = int(inside[0]) if len(inside) else 0
        found.append({"start": start, "weights": _short(weights[inside])})
        assert centre > left
    return found


def _mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = 1127 * np.log(1 + frequency / 700)
    return found


def _cosines(features: AcousticFeatures) -> NDArray[np.float64]:
    """The orthogonal cosine transform, liftered."""
    bins, k = features.bins, np.arange(features.size)[:, None]
    rows = np.sqrt(2 / bins) * np.cos(np.pi / bins * (np.arange(bins) + 0.5) * k)
    rows[0] = np.sqrt(1 / bins)
    lift: NDArray[np.float64] = rows * (1 + 0.5 * _LIFTER * np.sin(np.pi * k / _LIFTER))
    return lift


def _short(values: NDArray[np.float64]) -> list[float]:
    """Numbers with as many digits as float32 has."""
    return [float(f"{value:.8g}") for value in values]
