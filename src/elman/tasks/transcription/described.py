"""How a program without elman finds the text of a network's scores, and what elman does beyond."""

from typing import Any

from elman.decode.ctc_greedy import CTCGreedy
from elman.tasks.transcription.decoding import DecodeOptions, Decoding, Known, SearchSettings

CTC = "take the likeliest id of each step; write it where it is not the blank and not that before"

_SPACES = "; leave out spaces at the ends, and all but one of several in a row"


def described_search(
    settings: SearchSettings, known: Known, greedy: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The alphabet and the `greedy` search for `preprocess.json`; and a note where elman's own
    search is another one, whose texts the files do not give."""
    found = {
        "alphabet": {"blank": 0, "first_id": 1, "characters": known.alphabet.characters},
        "search": greedy + _SPACES,
    }
    if isinstance(Decoding(settings, known).best(DecodeOptions()), CTCGreedy):
        return found, ()
    beside = "" if known.words is None else " and a model of words"
    note = f"without elman's search, a beam of {settings.beam}{beside}: texts may differ"
    return {**found, "elman_search": note}, (note,)
