"""Which format a file of ink is in: by its suffix, else by how it begins."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from elman.data.ink.formats.arrays import read_arrays
from elman.data.ink.formats.iam import looks_like_iam, read_iam
from elman.data.ink.formats.inkml import looks_like_inkml, read_inkml
from elman.data.ink.formats.points import looks_like_points, read_points
from elman.data.ink.formats.signatures import read_mcyt, read_sigcomp
from elman.data.ink.formats.strokes_json import looks_like_json, read_json_strokes
from elman.data.ink.formats.svc2004 import looks_like_svc2004, read_svc2004
from elman.data.ink.formats.svg import looks_like_svg, read_svg
from elman.data.ink.formats.unipen import looks_like_unipen, read_unipen
from elman.data.ink.formats.xournal import looks_like_xournal, read_xournal
from elman.data.ink.sample import Sample
from elman.data.text.files import existing_file, opened, suffix_of
from elman.errors import DataError

_START = 1 << 14  # bytes looked at


class Format(NamedTuple):
    """A format of ink.

    **Fields:**

    - `name`: for messages.
    - `read`: what a file of it holds.
    - `suffixes`: of files that are always of this format.
    - `matches`: whether a text's beginning is of this format, for all other files.
    """

    name: str
    read: Callable[[Path], Iterator[Sample]]
    suffixes: tuple[str, ...] = ()
    matches: Callable[[str], bool] | None = None


FORMATS = (
    Format("InkML", read_inkml, (".inkml",), looks_like_inkml),
    Format("UNIPEN", read_unipen, (".unp", ".unipen"), looks_like_unipen),
    Format("IAM-OnDB", read_iam, (), looks_like_iam),
    Format("SVG", read_svg, (".svg",), looks_like_svg),
    Format("Xournal++", read_xournal, (".xopp", ".xoj"), looks_like_xournal),
    Format("JSON strokes", read_json_strokes, (".ndjson", ".excalidraw"), looks_like_json),
    Format("SVC2004", read_svc2004, (), looks_like_svc2004),
    Format("SigComp", read_sigcomp, (".hwr",)),
    Format("MCYT", read_mcyt, (".fpg",)),
    Format("stroke-3 (.npz)", read_arrays, (".npz",)),
    Format("points (CSV)", read_points, (), looks_like_points),
)
KNOWN = ", ".join(each.name for each in FORMATS)


def format_of(path: Path) -> Format | None:
    """The format of a file; None if it is of none that is known."""
    suffix = suffix_of(path)
    for each in FORMATS:
        if suffix in each.suffixes:
            return each
    start = _start(path)
    return next((each for each in FORMATS if each.matches and each.matches(start)), None)


def read_file(path: Path) -> Iterator[Sample]:
    """The ink of a file; `DataError` where there is none, or it is of no known format."""
    found = format_of(existing_file(path))
    if found is None:
        raise DataError(f"{path} is of no format of ink that is known: {KNOWN}")
    return found.read(path)


def _start(path: Path) -> str:
    """The beginning of a file as text; of UTF-16 and the like without what is not ASCII."""
    try:
        with opened(path) as file:
            content = file.read(_START)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}") from None
    return content.decode("latin-1").replace("\0", "").removeprefix("\xef\xbb\xbf")
