"""ARPA files: the text form of n-gram models that all toolkits read and write."""

import io
import math
import re
from collections.abc import Iterator
from pathlib import Path

from elman.data.sound.manifests import read_gzip
from elman.data.text.files import read_text
from elman.data.values import shown
from elman.decode.ngram import BEGIN, END, UNKNOWN, Entry, NGram, Words
from elman.errors import DataError
from elman.files import write_atomic

_LN10 = math.log(10)
_SECTION = re.compile(r"\\(\d{1,3})-grams:")
_COUNT = re.compile(r"ngram\s+(\d{1,3})\s*=\s*(\d{1,15})")
_GAP = re.compile(r"[ \t\v\f]+")  # a word may hold a no-break space
_SPECIAL = {name.upper(): name for name in (BEGIN, END, UNKNOWN)}


def read_arpa(path: Path | str) -> NGram:
    r"""Read an ARPA file; `<UNK>` and `<S>` in capitals are taken for what they mean.

    A file whose name ends in `.gz` is unpacked. Fields are separated by any white space.

    Raises DataError with the line's number for what is not in the format: a count that differs
    from the header's, a probability above 1, a number that is none.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.arpa"
    >>> _ = path.write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-0.3 a\n-0.3 </s>\n\n\\end\\\n")
    >>> round(math.exp(read_arpa(path).score("a")), 3)
    0.501
    """
    try:
        path = Path(path)
        is_packed = path.name.lower().endswith(".gz")
        text = read_gzip(path) if is_packed else read_text(path)
    except (OSError, ValueError, TypeError) as error:  # a name that is too long, or is none
        raise DataError(f"no ARPA file can be read from {shown(path)}: {error}") from None
    return NGram(_Reader(path, text).tables())


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.number = 0
        self.lines = self._numbered(text)

    def _numbered(self, text: str) -> Iterator[str]:
        for self.number, line in enumerate(io.StringIO(text, newline=None), 1):
            if stripped := line.strip("\ufeff").strip():
                yield stripped

    def fail(self, what: str) -> DataError:
        return DataError(f"{self.path}:{self.number}: {what}")

    def tables(self) -> list[dict[Words, Entry]]:
        if not any(line == "\\data\\" for line in self.lines):
            raise DataError(f"{self.path} is not an ARPA file: it has no \\data\\ line")
        counts: list[int] = []
        line = next(self.lines, "")
        while found := _COUNT.fullmatch(line):
            if int(found[1]) != len(counts) + 1:
                raise self.fail(f"ngram {len(counts) + 1}=... is missing")
            counts.append(int(found[2]))
            line = next(self.lines, "")
        if not counts:
            raise self.fail("the header does not say how many n-grams there are")
        tables: list[dict[Words, Entry]] = []
        for order, count in enumerate(counts, 1):
            section = _SECTION.fullmatch(line)
            if not section or int(section[1]) != order:
                raise self.fail(f"\\{order}-grams: is expected, not {line!r:.40}")
            table: dict[Words, Entry] = {}
            while not (line := next(self.lines, "")).startswith("\\") and line:
                words, entry = self._entry(line, order)
                table[words] = entry
            if len(table) != count:
                raise self.fail(f"{len(table)} different {order}-grams where {count} are announced")
            tables.append(table)
        if line != "\\end\\":
            raise self.fail(f"\\end\\ is expected, not {line!r:.40}: the file may be cut short")
        return tables

    def _entry(self, line: str, order: int) -> tuple[Words, Entry]:
        fields = _GAP.split(line)
        if len(fields) not in (order + 1, order + 2):
            fields = line.split()
        if len(fields) not in (order + 1, order + 2):
            raise self.fail(f"a log probability and {order} words are expected, not {line!r:.60}")
        try:
            log_prob = float(fields[0])
            backoff = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
        except ValueError:
            raise self.fail(f"numbers are expected around the words, not {line!r:.60}") from None
        if not log_prob <= 1e-4 or not math.isfinite(backoff):
            raise self.fail(f"{log_prob} and {backoff} are no log probability and back-off weight")
        words = tuple(_SPECIAL.get(word.upper(), word) for word in fields[1 : order + 1])
        return words, Entry(max(log_prob, -99.0) * _LN10, max(backoff, -99.0) * _LN10)


def write_arpa(model: NGram, path: Path | str) -> None:
    """Write a model as an ARPA file, atomically; probabilities keep seven decimals of log 10."""
    lines = ["\\data\\"]
    lines += [f"ngram {n}={len(table)}" for n, table in enumerate(model.tables, 1)]
    for n, table in enumerate(model.tables, 1):
        lines += ["", f"\\{n}-grams:"]
        for words, (log_prob, backoff) in sorted(table.items()):
            tail = f"\t{backoff / _LN10:.7f}" if n < model.order else ""
            lines.append(f"{log_prob / _LN10:.7f}\t{' '.join(words)}{tail}")
    write_atomic(path, "\n".join([*lines, "", "\\end\\", ""]))
