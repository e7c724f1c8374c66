"""Translation memories, TMX 1.4: units of a text in several languages."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from elman.data.pairs.languages import canonical, matches, primary
from elman.data.pairs.rows import Rows, Wanted
from elman.data.tables import is_position
from elman.data.text.files import counted
from elman.data.values import shown
from elman.data.xml_files import parse_file
from elman.errors import DataError, SettingsError

_CODE = frozenset(("bpt", "ept", "ph", "it", "ut"))  # formatting codes within a text
_LINE_BREAK = re.compile(r"[ \t]*[\r\n]\s*")


def rows_of_tmx(path: Path, wanted: Wanted) -> Rows:
    """The pairs of two languages of a file; units without one of them are left out with a warning.

    **Arguments:**

    - `path`: the file, also compressed by gzip.
    - `wanted`: `source` and `target` are languages; `en` is any of `en`, `en-US`, ...; None to
      take those of a file of two languages, the header's `srclang` as the source. A unit with
      several texts of one language gives a pair of each.

    A document type may be named and is not loaded; a file that declares entities is refused.
    """
    for argument, language in (("source", wanted.source), ("target", wanted.target)):
        if language is not None and is_position(language):
            raise SettingsError(f"{argument}={language}: {path} has languages, not positions")
    memory = _read(path, wanted)
    if not memory.tags:
        raise DataError(f"{path} has no units")
    sources, targets = _languages(path, memory, wanted)
    texts: list[str] = []
    translations: list[str] = []
    names: list[str] = []
    left_out: dict[int, str] = {}
    for line, segments in memory.units:
        firsts = [text for tag, text in segments if matches(sources, tag)]
        seconds = [text for tag, text in segments if matches(targets, tag)]
        if not wanted.labelled:
            seconds = [""]
        for source in firsts:
            for target in seconds:
                texts.append(source)
                translations.append(target)
                names.append(f"{path}:{line}")
        if not firsts or not seconds:
            lacking = sources if not firsts else targets
            place = len(texts) + len(left_out)
            left_out[place] = f"{path}:{line}: no text in {shown(lacking)}"
    if left_out:
        what = counted(len(left_out), "unit without one of the languages")
        first = next(iter(left_out.values()))
        warnings.warn(f"{path}: left out: {what}; {first}", stacklevel=2)
    return Rows(texts, translations if wanted.labelled else None, names, left_out)


class _Unit(NamedTuple):
    line: int
    segments: list[tuple[str, str]]  # language and text


class _Memory(NamedTuple):
    units: list[_Unit]
    tags: dict[str, str]  # canonical -> as it is first written
    source: str | None  # the header's


def _languages(path: Path, memory: _Memory, wanted: Wanted) -> tuple[str, str]:
    source, target = wanted.source, wanted.target
    there = ", ".join(memory.tags.values())
    for argument, language in (("source", source), ("target", target)):
        if argument == "target" and not wanted.labelled:
            continue
        if language is not None and not any(matches(str(language), tag) for tag in memory.tags):
            raise DataError(
                f"{path} has no texts in the language {shown(language)}: it has {there}; choose"
                f" with {argument}=... (--{argument})"
            )
    if source is not None and target is not None:
        if wanted.labelled and canonical(str(source)) == canonical(str(target)):
            raise SettingsError(f"source and target are the same language, {shown(source)}")
        return str(source), str(target)
    if source is not None and not wanted.labelled:
        return str(source), ""
    kinds = list(dict.fromkeys(primary(tag) for tag in memory.tags))
    if memory.source in kinds:
        kinds.sort(key=lambda kind: kind != memory.source)
    given = [primary(str(language)) for language in (source, target) if language is not None]
    others = [kind for kind in kinds if kind not in given]
    if len(kinds) != 2 or len(others) != 2 - len(given):
        raise DataError(
            f"{path} has texts in {there}: choose with source=... and target=..."
            " (--source, --target)"
        )
    found = str(source or others[0]), str(target or others[-1])
    warnings.warn(
        f"{path}: source={found[0]!r} and target={found[1]!r} are guessed from its languages"
        f" {there}",
        stacklevel=2,
    )
    return found


def _read(path: Path, wanted: Wanted) -> _Memory:
    parser = expat.ParserCreate(wanted.encoding)
    reader = _Reader(path, parser, _filter(wanted))
    parse_file(path, parser)
    return _Memory(reader.units, reader.tags, reader.source)


def _filter(wanted: Wanted) -> Callable[[str], bool]:
    """Whether the texts of a language need to be kept."""
    languages = [wanted.source, wanted.target]
    if None in languages[: 2 if wanted.labelled else 1]:
        return lambda _: True
    return lambda tag: any(matches(str(each), tag) for each in languages if each is not None)


class _Reader:
    """Collects the units of a file while it is parsed."""

    def __init__(
        self, path: Path, parser: expat.XMLParserType, keep: Callable[[str], bool]
    ) -> None:
        self.path = path
        self.parser = parser
        self.keep = keep
        self.units: list[_Unit] = []
        self.tags: dict[str, str] = {}
        self.source: str | None = None
        self.is_tmx = False
        self.unit = _Unit(0, [])
        self.language = ""
        self.text: list[str] | None = None  # of the segment that is open
        self.in_code = 0
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.is_tmx and name != "tmx":
            raise DataError(f"{self.path} is not TMX: it begins with <{name}>")
        self.is_tmx = True
        if name == "header":
            self.source = primary(attributes.get("srclang", ""))
        elif name == "tu":
            self.unit = _Unit(self.parser.CurrentLineNumber, [])
        elif name == "tuv":
            self.language = attributes.get("xml:lang") or attributes.get("lang", "")
            if not self.language:
                raise DataError(
                    f"{self.path}:{self.parser.CurrentLineNumber}: <tuv> without xml:lang"
                )
        elif name == "seg":
            self.text, self.in_code = [], 0
        elif name in _CODE and self.text is not None:
            self.in_code += 1

    def characters(self, text: str) -> None:
        if self.text is not None and not self.in_code:
            self.text.append(text)

    def end(self, name: str) -> None:
        if name == "seg" and self.text is not None:
            tag = canonical(self.language)
            self.tags.setdefault(tag, self.language)
            if self.keep(tag):
                self.unit.segments.append((tag, _on_one_line("".join(self.text))))
            self.text = None
        elif name in _CODE and self.text is not None:
            self.in_code -= 1
        elif name == "tu":
            self.units.append(self.unit)


def _on_one_line(text: str) -> str:
    """The text without the line breaks that a file may be laid out with."""
    if "\n" not in text and "\r" not in text:
        return text
    return _LINE_BREAK.sub(" ", text).strip()
