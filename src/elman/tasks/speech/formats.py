"""Hypotheses as files: plain text, JSON, subtitles (SRT) and NIST's CTM."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal, TypeAlias, get_args

from elman.decode.hypothesis import Hypothesis, Word
from elman.errors import SettingsError

Format: TypeAlias = Literal["text", "json", "srt", "ctm"]
_LONGEST_LINE = 84  # characters of a subtitle, two lines of 42
_LONGEST_SECONDS = 7.0
_PAUSE = 1.0  # seconds without a word, after which another subtitle begins


def formatted(named: Sequence[tuple[str, Sequence[Hypothesis]]], form: Format) -> str:
    """The recognised texts of recordings in one of the formats.

    **Arguments:** `named`: each recording's name and its hypotheses, the best first.

    - `text`: the best text, a line a recording.
    - `json`: a line a recording with name, text, score, words, and the other hypotheses.
    - `srt`: subtitles of the best text; times go on from recording to recording only if there is
      one, so several are a SettingsError.
    - `ctm`: a line a word: name, channel, start, duration, word, confidence.

    >>> heard = Hypothesis("go on", -1.5, (Word("go", 0.2, 0.4, 0.9), Word("on", 0.5, 0.8, 1.0)))
    >>> print(formatted([("a.wav", [heard])], "ctm"), end="")
    a.wav 1 0.20 0.20 go 0.90
    a.wav 1 0.50 0.30 on 1.00
    """
    if form == "text":
        return "".join(f"{best.text}\n" for best in _best(named))
    if form == "json":
        return "".join(_json(name, hypotheses) for name, hypotheses in named)
    if form == "ctm":
        return "".join(
            f"{_token(name)} 1 {word.start:.2f} {word.end - word.start:.2f} {word.text}"
            f" {word.confidence:.2f}\n"
            for (name, _), best in zip(named, _best(named), strict=True)
            for word in best.words
        )
    if form == "srt":
        if len(named) > 1:
            raise SettingsError(f"srt is for one recording, these are {len(named)}")
        return "".join(_srt(best) for best in _best(named))
    raise SettingsError(f"the format {form!r} is not one of {', '.join(get_args(Format))}")


def _best(named: Sequence[tuple[str, Sequence[Hypothesis]]]) -> list[Hypothesis]:
    return [hypotheses[0] for _, hypotheses in named]


def _token(name: str) -> str:
    """A name without the white space that parts the fields of a line."""
    return "_".join(name.split()) or "-"


def _json(name: str, hypotheses: Sequence[Hypothesis]) -> str:
    best, *others = hypotheses
    content: dict[str, Any] = {"name": name, **_rounded(best)}
    if others:
        content["others"] = [_rounded(each) for each in others]
    return json.dumps(content, ensure_ascii=False) + "\n"


def _rounded(hypothesis: Hypothesis) -> dict[str, Any]:
    content = asdict(hypothesis)
    content["score"] = round(hypothesis.score, 4)
    for word in content["words"]:
        for field in ("start", "end", "confidence"):
            word[field] = round(word[field], 4)
    return content


def _srt(best: Hypothesis) -> str:
    blocks = []
    for number, words in enumerate(_subtitles(best.words), 1):
        text = " ".join(word.text for word in words)
        blocks.append(f"{number}\n{_clock(words[0].start)} --> {_clock(words[-1].end)}\n{text}\n")
    return "\n".join(blocks)


def _subtitles(words: Sequence[Word]) -> list[list[Word]]:
    """Words in groups that can be read at once."""
    groups: list[list[Word]] = []
    length = 0
    for word in words:
        if (
            not groups
            or length + 1 + len(word.text) > _LONGEST_LINE
            or word.end - groups[-1][0].start > _LONGEST_SECONDS
            or word.start - groups[-1][-1].end > _PAUSE
        ):
            groups.append([])
            length = -1
        groups[-1].append(word)
        length += 1 + len(word.text)
    return groups


def _clock(seconds: float) -> str:
    """Seconds as subtitles write them.

    >>> _clock(3725.0716)
    '01:02:05,072'
    """
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02},{rest % 1000:03}"
