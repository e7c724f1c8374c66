"""Predictions as files: JSON lines, subtitles (SRT, WebVTT) and NIST's CTM."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from elman.decode.hypothesis import Hypothesis, Word
from elman.errors import SettingsError
from elman.files import json_text
from elman.messages import shown

if TYPE_CHECKING:
    from elman.tasks.prediction import Prediction

Format: TypeAlias = Literal["json", "srt", "vtt", "ctm"]
_LONGEST_LINE = 84  # characters of a subtitle, two lines of 42
_LONGEST_SECONDS = 7.0
_PAUSE = 1.0  # seconds without a word, after which another subtitle begins
_DECIMALS = 4  # of times, scores and confidences in JSON


def formatted(predictions: "Sequence[Prediction]", form: str) -> str:
    """Predictions in one of the formats; `Prediction.to` says what each is.

    Raises `SettingsError` for a format that does not suit: srt, vtt and ctm need words with times,
    and subtitles a single recording, as their times do not continue from one to the next.
    """
    if not isinstance(form, str) or form not in get_args(Format):
        known = ", ".join(get_args(Format))
        raise SettingsError(f"the format {shown(form)} is not one of {known}")
    if form == "json":
        return "".join(_json(each) for each in predictions)
    timed = [(each.input, _words(each, form)) for each in predictions]
    if form == "ctm":
        return "".join(
            f"{_token(name)} 1 {word.start:.2f} {word.end - word.start:.2f} {word.text}"
            f" {word.confidence:.2f}\n"
            for name, words in timed
            for word in words
        )
    if len(timed) > 1:
        raise SettingsError(f"{form} is for one recording, these are {len(timed)}")
    made = _srt if form == "srt" else _vtt
    return "".join(made(words) for _, words in timed)


def json_line(row: Mapping[str, Any]) -> str:
    """A row as a line of JSON; arrays become lists, dataclasses objects, NaN and infinity null.

    >>> json_line({"text": "go", "words": [Word("go", 0.2, 0.46, 0.98765)]})
    '{"text": "go", "words": [{"text": "go", "start": 0.2, "end": 0.46, "confidence": 0.9877}]}\\n'
    """
    return json_text(dict(row), ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """What JSON can hold of a value that it does not know."""
    if isinstance(value, Word | Hypothesis):
        fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
        return {n: round(v, _DECIMALS) if isinstance(v, float) else v for n, v in fields.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    to_list = getattr(value, "tolist", None)
    return str(value) if to_list is None else to_list()


def _json(prediction: "Prediction") -> str:
    row = prediction.row()
    if isinstance(row.get("score"), float):
        row["score"] = round(row["score"], _DECIMALS)
    if prediction.error is not None:
        row["error"] = prediction.error
    return json_line(row)


def _words(prediction: "Prediction", form: str) -> Sequence[Word]:
    """The words of a prediction, with their times."""
    if prediction.error is not None:
        raise SettingsError(f"{form} has no place for what cannot be read: {prediction.error}")
    words = prediction.details.get("words")
    if not isinstance(words, list | tuple) or not all(isinstance(word, Word) for word in words):
        raise SettingsError(
            f"{form} is for words with times, as the task speech finds them, and this prediction"
            " has none: choose json"
        )
    return list(words)


def _token(name: str) -> str:
    """A name without the white space that parts the fields of a line."""
    return "_".join(name.split()) or "-"


def _srt(words: Sequence[Word]) -> str:
    blocks = []
    for number, group in enumerate(subtitles(words), 1):
        text = " ".join(word.text for word in group)
        blocks.append(f"{number}\n{_clock(group[0].start)} --> {_clock(group[-1].end)}\n{text}\n")
    return "\n".join(blocks)


def _vtt(words: Sequence[Word]) -> str:
    blocks = ["WEBVTT\n"]
    for group in subtitles(words):
        text = " ".join(word.text for word in group)
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        times = [_clock(each, ".") for each in (group[0].start, group[-1].end)]
        blocks.append(f"{' --> '.join(times)}\n{text}\n")
    return "\n".join(blocks)


def subtitles(words: Sequence[Word]) -> list[list[Word]]:
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


def _clock(seconds: float, point: str = ",") -> str:
    """Seconds as subtitles write them.

    >>> _clock(3725.0716)
    '01:02:05,072'
    """
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
