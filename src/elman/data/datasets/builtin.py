"""Real data that Python and the core dependencies carry: no download is needed for these."""

import ast
import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.arguments import check_number
from elman.data.examples import Examples
from elman.errors import DataError, SettingsError
from elman.messages import shown

_SHORTEST_LINE = 8


@dataclass(frozen=True)
class Series:
    """Several values over time.

    **Fields:**

    - `dates`: datetime64[D] (T,).
    - `names`: of the F columns.
    - `values`: float64 (T, F), NaN where there is none.
    """

    dates: NDArray[np.datetime64]
    names: tuple[str, ...]
    values: NDArray[np.float64]


def stocks() -> Series:
    """Monthly prices of ten stocks and indices, 1990 to 2022, from matplotlib's sample data.

    Rows of dividends, which hold no prices, are left out: (390, 10).

    >>> stocks().names[:3]
    ('IBM', 'AAPL', 'MSFT')
    """
    path = _sample("Stocks.csv")
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = [line.split(",") for line in lines]
    dates = np.array([row[0] for row in rows[1:]], "datetime64[D]")
    values = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[1:]])
    first_days = dates == dates.astype("datetime64[M]").astype("datetime64[D]")
    known = first_days & ~np.isnan(values).all(axis=1)
    return Series(dates[known], tuple(rows[0][1:]), values[known])


def goog() -> Series:
    """Daily prices and volume of Google, 2004 to 2008, from matplotlib's sample data.

    >>> goog().names
    ('open', 'high', 'low', 'close', 'volume', 'adj_close')
    """
    with np.load(_sample("goog.npz"), allow_pickle=False) as content:
        prices = content["price_data"]
    names = tuple(name for name in prices.dtype.names if name != "date")
    values = np.stack([prices[name].astype(np.float64) for name in names], axis=1)
    return Series(prices["date"].astype("datetime64[D]"), names, values)


def eeg() -> NDArray[np.float64]:
    """An electroencephalogram of four electrodes, ten seconds: (800, 4), matplotlib's sample data.

    >>> eeg().shape
    (800, 4)
    """
    return np.fromfile(_sample("eeg.dat"), np.float64).reshape(800, 4)


def topics_text() -> str:
    """Python's language reference as its `help` prints it: some 460,000 characters of English.

    >>> len(topics_text()) > 100_000
    True
    """
    from pydoc_data.topics import topics

    return "\n".join(topics[name].strip() + "\n" for name in sorted(topics))


def library_lines(per_class: int = 3000, seed: int = 0) -> Examples:
    """Lines of the standard library's sources, labelled "code", "comment" or "prose" (docstrings).

    **Arguments:**

    - `per_class`: how many different lines of each at most.
    - `seed`: of the choice of modules and lines; it depends on the version of Python too.
    """
    if not isinstance(per_class, int) or per_class < 1:
        raise SettingsError(f"per_class must be a whole number from 1 on, got {shown(per_class)}")
    check_number("seed", seed, 0, 2**63)
    found: dict[str, dict[str, str]] = {"code": {}, "comment": {}, "prose": {}}
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(folder.glob("*.py"))
    random = np.random.default_rng(seed)
    for i in random.permutation(len(files)).tolist():
        for number, label, line in _labelled_lines(files[i]):
            if not any(line in lines for lines in found.values()):
                found[label][line] = f"{files[i].name}:{number}"
        if all(len(lines) >= per_class for lines in found.values()):
            break
    if not all(found.values()):
        raise DataError(f"the sources of the standard library are not in {folder}")
    inputs: list[str] = []
    labels: list[str] = []
    names: list[str] = []
    for label, lines in found.items():
        texts = list(lines)
        for i in sorted(random.permutation(len(texts))[:per_class].tolist()):
            inputs.append(texts[i])
            labels.append(label)
            names.append(lines[texts[i]])
    return Examples(inputs, labels, names)


def _labelled_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    try:
        with tokenize.open(path) as file:
            source = file.read()
        tree = ast.parse(source)
    except (SyntaxError, UnicodeDecodeError, OSError):
        return
    prose, inside_strings = _string_lines(tree)
    in_doctest = False
    for number, line in enumerate(source.split("\n"), start=1):
        text = line.strip()
        in_doctest = bool(text) and (in_doctest or text.startswith(">>>"))
        if len(text) < _SHORTEST_LINE:
            continue
        if number in prose:
            text = text.strip("\"'").strip()
            if not in_doctest and not text.startswith("#") and len(text) >= _SHORTEST_LINE:
                yield number, "prose", text
        elif number not in inside_strings:
            yield number, "comment" if text.startswith("#") else "code", text


def _string_lines(tree: ast.AST) -> tuple[set[int], set[int]]:
    """The numbers of the lines of docstrings, and of all strings longer than a line."""
    prose: set[int] = set()
    strings: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node, clean=False) is not None:
                prose.update(_lines(node.body[0]))
        elif isinstance(node, (ast.Constant, ast.JoinedStr)) and len(_lines(node)) > 1:
            strings.update(_lines(node))
    return prose, strings


def _lines(node: ast.expr | ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _sample(name: str) -> Path:
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data" / name
    if not path.is_file():
        raise DataError(f"this matplotlib comes without its sample data: no such file: {path}")
    return path
