"""Sound from the microphone."""

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import SettingsError

_BLOCK_SECONDS = 0.1


def blocks(rate: int) -> Iterator[NDArray[np.float32]]:
    """Tenths of a second, (N,) float32 at `rate`, from the microphone, without end.

    Raises `SettingsError` where sounddevice is not installed or finds no microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: it lacks its C library
        raise SettingsError(
            f"the microphone needs sounddevice ({error}): pip install sounddevice"
        ) from None
    heard: queue.SimpleQueue[NDArray[np.float32]] = queue.SimpleQueue()

    def hear(block: NDArray[np.float32], *_: Any) -> None:
        heard.put(block[:, 0].copy())

    try:
        stream = sounddevice.InputStream(
            samplerate=rate,
            channels=1,
            dtype="float32",
            blocksize=round(rate * _BLOCK_SECONDS),
            callback=hear,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise SettingsError(f"no microphone can be used: {error}") from None
    with stream:
        while True:
            yield heard.get()
