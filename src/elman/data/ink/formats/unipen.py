"""UNIPEN 1.0: pen coordinates as text, with segments that say what was written."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Ink
from elman.data.ink.rows import ink_of_rows
from elman.data.ink.sample import Sample
from elman.data.text.files import read_lines
from elman.errors import DataError

_LABEL = re.compile(r'"(.*)"\s*$')
_ESCAPED = re.compile(r"\\(.)")
_CHANNELS = {"X": "x", "Y": "y", "T": "time", "P": "pressure"}


def looks_like_unipen(start: str) -> bool:
    """Whether a text's beginning is that of a UNIPEN file."""
    return re.search(r"^\.[A-Z][A-Z_]+\b", start, re.MULTILINE) is not None


def read_unipen(path: Path) -> Iterator[Sample]:
    """The segments of a file: of several levels the highest of which all are labelled.

    x and y are the pen's, y upwards in the file; `.X_POINTS_PER_MM` gives the unit,
    `.POINTS_PER_SECOND` the time where `.COORD` has no T (milliseconds). A file without segments
    is one piece of ink. `.INCLUDE` is not followed.
    """
    content = parse_unipen(path)
    if not content.segments:
        everything = Segment(1, "", "", None, list(range(len(content.components))), "")
        yield sample_of(content, everything, path)
        return
    for segment in content.segments:
        yield sample_of(content, segment, path)


class Segment(NamedTuple):
    """What a `.SEGMENT` says.

    **Fields:**

    - `line`: its number in the file.
    - `level`: as CHARACTER or WORD.
    - `delineation`: the components as they are written.
    - `text`: the label; None if it has none.
    - `components`: their numbers.
    - `writer`: by the `.WRITER_ID` before it; "" if there is none.
    - `comment`: the `.COMMENT` right after it.
    """

    line: int
    level: str
    delineation: str
    text: str | None
    components: list[int]
    writer: str
    comment: str = ""


@dataclass
class Unipen:
    """A file's content.

    **Fields:**

    - `components`: the lines of coordinates of each, pen down and pen up in turn.
    - `are_down`, `lines`: whether each is pen down; where it begins.
    - `settings`: keyword -> its arguments.
    """

    components: list[list[str]] = field(default_factory=list)
    are_down: list[bool] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    def strokes(self, segment: Segment, path: Path) -> list[NDArray[np.float64]]:
        """The coordinates of each pen-down component, (n, columns)."""
        names = self.columns
        found = []
        for i in segment.components:
            if not 0 <= i < len(self.components):
                raise DataError(f"{path}:{segment.line}: {_missing(i, self)}")
            if self.are_down[i] and self.components[i]:
                found.append(_numbers(self.components[i], len(names), path, self.lines[i]))
        return found

    @property
    def columns(self) -> list[str]:
        """The names in `.COORD`; X and Y without one."""
        return self.settings.get("COORD", "X Y").upper().split()

    def number(self, keyword: str) -> float | None:
        """A setting that is a number above 0."""
        try:
            value = float(self.settings[keyword].split()[0])
        except (KeyError, IndexError, ValueError):
            return None
        return value if 0 < value < float("inf") else None


def parse_unipen(path: Path) -> Unipen:
    """The components and segments of a file."""
    content = Unipen()
    raw: list[Segment] = []
    before: list[int] = []  # components that stand before each segment
    keyword = ""
    for number, line in read_lines(path):
        if not line.startswith("."):
            if keyword in ("PEN_DOWN", "PEN_UP") and line.strip():
                content.components[-1].append(line)
            continue
        keyword, _, rest = line[1:].strip().replace("\t", " ").partition(" ")
        keyword = keyword.upper()
        rest = rest.strip()
        if keyword in ("PEN_DOWN", "PEN_UP"):
            content.components.append([rest] if rest else [])
            content.are_down.append(keyword == "PEN_DOWN")
            content.lines.append(number)
        elif keyword == "SEGMENT":
            level, delineation = [*rest.split(maxsplit=2), "", ""][:2]
            label = _LABEL.search(rest)
            writer = content.settings.get("WRITER_ID", "")
            text = _ESCAPED.sub(r"\1", label[1]) if label else None
            raw.append(Segment(number, level, delineation, text, [], writer))
            before.append(len(content.components))
        elif keyword == "COMMENT" and raw and before[-1] == len(content.components):
            raw[-1] = raw[-1]._replace(comment=rest)
        else:
            content.settings[keyword] = rest
    if raw:
        content.segments = _with_components(raw, before, content, path)
    return content


def _with_components(
    segments: list[Segment], before: list[int], content: Unipen, path: Path
) -> list[Segment]:
    """Each segment with what it delineates: the components that follow it, if every one has its
    own, else those it names."""
    ends = [*before[1:], len(content.components)]
    owned = [
        [i for i in range(begin, end) if content.are_down[i]]
        for begin, end in zip(before, ends, strict=True)
    ]
    if all(owned):
        return [
            segment._replace(components=numbers)
            for segment, numbers in zip(segments, owned, strict=True)
        ]
    levels = dict.fromkeys(segment.level for segment in segments)
    labelled = [
        level
        for level in levels
        if all(segment.text is not None for segment in segments if segment.level == level)
    ]
    chosen = labelled[0] if labelled else next(iter(levels))
    return [
        segment._replace(components=_delineated(segment, path))
        for segment in segments
        if segment.level == chosen
    ]


def _delineated(segment: Segment, path: Path) -> list[int]:
    """The components that `0-3,5` names."""
    numbers: list[int] = []
    for part in segment.delineation.split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise DataError(
                f"{path}:{segment.line}: segments of whole components are read, as 0-3, not"
                f" {part!r}"
            )
        if int(last or first) > 10**7:
            raise DataError(f"{path}:{segment.line}: there is no component {last or first}")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _missing(number: int, content: Unipen) -> str:
    words = f"there is no component {number}, the file has {len(content.components)}"
    if "INCLUDE" in content.settings:
        words += f"; .INCLUDE {content.settings['INCLUDE']} is not followed"
    return words


def sample_of(content: Unipen, segment: Segment, path: Path) -> Sample:
    """The ink of a segment with its text and writer."""
    name = f"{path}:{segment.line}"
    try:
        ink = _ink(content, segment, path)
    except DataError as error:
        return Sample(str(error), name, segment.text, segment.writer or None)
    return Sample(ink, name, segment.text, segment.writer or None)


def _ink(content: Unipen, segment: Segment, path: Path) -> Ink:
    strokes = content.strokes(segment, path)
    names = content.columns
    columns = {
        _CHANNELS[column]: np.concatenate([stroke[:, i] for stroke in strokes])
        for i, column in enumerate(names)
        if column in _CHANNELS and strokes
    }
    if not strokes:
        return Ink.of_strokes([])
    per_mm, rate = content.number("X_POINTS_PER_MM"), content.number("POINTS_PER_SECOND")
    if "time" in columns:
        columns["time"] = columns["time"] / 1000
    elif rate is not None:
        columns["time"] = np.arange(sum(map(len, strokes))) / rate
    return ink_of_rows(
        columns,
        np.cumsum([0, *(len(stroke) for stroke in strokes[:-1])]),
        upwards=True,
        unit=None if per_mm is None else 1 / per_mm,
    )


def _numbers(lines: Sequence[str], columns: int, path: Path, line: int) -> NDArray[np.float64]:
    try:
        return np.array(" ".join(lines).split(), np.float64).reshape(len(lines), columns)
    except ValueError:
        pass
    wrong = next(i for i, each in enumerate(lines) if not _is_row(each, columns))
    raise DataError(
        f"{path}:{line + wrong + 1}: {columns} numbers were expected: {lines[wrong]!r:.60}"
    )


def _is_row(line: str, columns: int) -> bool:
    try:
        return len([float(field) for field in line.split()]) == columns
    except ValueError:
        return False
