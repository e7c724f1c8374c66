"""What the command line prints of speech."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from elman.errors import DataError
from elman.tasks import Speech
from elman.tasks.speech import SpeechReport, Transcript, formats
from elman.tasks.speech.microphone import blocks

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
