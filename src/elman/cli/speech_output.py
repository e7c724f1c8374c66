"""What the command line prints of speech."""

import queue
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError, SettingsError
from elman.tasks import Speech
from elman.tasks.speech import SpeechReport, Transcript, formats

MOST_SHOWN = 20  # utterances with errors


def transcripts(found: Sequence[Transcript], form: formats.Format) -> None:
    """Print transcripts; DataError after the last names the utterances that are broken.

    As text a line each, which begins with the name where there are several.
    """
    heard = [(each.name, each.hypotheses) for each in found if each.error is None]
    if form == "text" and len(found) > 1:
        for name, hypotheses in heard:
            print(f"{name}\t{hypotheses[0].text}")
    elif heard:
        sys.stdout.write(formats.formatted(heard, form))
    if broken := [each.error for each in found if each.error is not None]:
        raise DataError("; ".join(broken))


def report(found: SpeechReport) -> None:
    """Print the alignment of utterances with errors, and the rates."""
    wrong = found.alignment().split("\n\n")
    for lines in wrong[:MOST_SHOWN]:
        print(f"{lines}\n" if lines else "", end="\n" if lines else "")
    if len(wrong) > MOST_SHOWN:
        print(f"(and {len(wrong) - MOST_SHOWN} more utterances with errors)")
    for each in found.broken:
        print(f"not heard: {each.error}")
    print(f"word error rate       {found.wer}")
    print(f"character error rate  {found.cer}")
    print(f"real-time factor      {found.real_time_factor:.4f}")


def listen(task: Speech, wishes: Mapping[str, Any]) -> None:
    """Print what is said into the microphone, a line for each sentence, until Ctrl-C.

    `wishes`: keywords of `Speech.stream`.
    """
    rate = 16000 if task.acoustic is None else task.acoustic.rate
    session = task.stream(pause=0.8, **wishes)
    print("listening; Ctrl-C ends", file=sys.stderr)
    printed = 0
    try:
        for sound in blocks(rate):
            text = session.accept(sound)
            for each in session.segments[printed:]:
                print(f"\r\033[K{each.text}")
            printed = len(session.segments)
            sys.stdout.write(f"\r\033[K{text}")
            sys.stdout.flush()
    except KeyboardInterrupt:
        session.finish()
        for each in session.segments[printed:]:
            print(f"\r\033[K{each.text}")


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
