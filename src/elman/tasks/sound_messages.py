"""Sound that a client sends whole: samples with their rate, or a file."""

import io
from collections.abc import Mapping
from typing import Any

from elman.data import Audio
from elman.data.sound.audio import read_audio
from elman.errors import DataError
from elman.tasks.messages import numbers


def sound(value: Any, rate: int) -> Audio:
    """Samples (N,) at the model's `rate`, `{"samples": ..., "rate": ...}`, or the bytes of a file.

    >>> sound({"samples": [0.0, 0.5], "rate": 16000}, 8000).rate
    16000
    """
    if isinstance(value, bytes):
        return read_audio(io.BytesIO(value))
    if isinstance(value, Mapping):
        if set(value) - {"samples", "rate"} or "samples" not in value:
            raise DataError('sound is {"samples": [...], "rate": samples a second}')
        rate, value = value.get("rate", rate), value["samples"]
    return Audio(numbers(value), rate)
