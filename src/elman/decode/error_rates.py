"""Where a recognised text differs from what was said: edits, word and character error rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.data.arguments import listed
from elman.errors import DataError

Kind: TypeAlias = Literal["=", "S", "I", "D"]
_GAP = "*"


class Edit(NamedTuple):
    """One step from reference to hypothesis: equal, substituted, inserted or deleted.

    `reference` is "" where something was inserted, `hypothesis` where something was deleted.
    """

    kind: Kind
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class ErrorRate:
    """Counts of errors; `length` is that of the references. Rates of several add up with `+`."""

    substitutions: int
    insertions: int
    deletions: int
    length: int

    @property
    def errors(self) -> int:
        """All errors."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float:
        """Errors a word (character) of the references; it may exceed 1, for insertions count.

        Infinite if the references are empty and the hypotheses are not.
        """
        if self.length:
            return self.errors / self.length
        return float("inf") if self.errors else 0.0

    def __add__(self, other: "ErrorRate") -> "ErrorRate":
        return ErrorRate(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.length + other.length,
        )

    def __str__(self) -> str:
        return (
            f"{100 * self.rate:.2f} % ({self.substitutions} substituted, {self.insertions}"
            f" inserted, {self.deletions} deleted of {self.length})"
        )


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Edit]:
    """The fewest edits (Levenshtein 1966) that make the hypothesis of the reference.

    **Arguments:** words or characters: lists of strings, or strings for their characters.

    Of several ways with as few, one with the most equal words or characters.

    >>> edits = align("a b c d".split(), "a x b c".split())
    >>> [edit.kind for edit in edits], edits[1]
    (['=', 'I', '=', '=', 'D'], Edit(kind='I', reference='', hypothesis='x'))
    """
    least = min(len(reference), len(hypothesis))
    begin = end = 0  # what both have at the beginning and at the end is aligned at once
    while begin < least and reference[begin] == hypothesis[begin]:
        begin += 1
    while end < least - begin and reference[-1 - end] == hypothesis[-1 - end]:
        end += 1
    middle = _edits(
        reference[begin : len(reference) - end], hypothesis[begin : len(hypothesis) - end]
    )
    return [
        *(Edit("=", token, token) for token in reference[:begin]),
        *middle,
        *(Edit("=", token, token) for token in reference[len(reference) - end :]),
    ]


def _edits(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Edit]:
    i, j = len(reference), len(hypothesis)
    edits: list[Edit] = []
    steps = _directions(reference, hypothesis)
    while i or j:
        step = steps[i, j]
        if step == _DIAGONAL:
            i, j = i - 1, j - 1
            a, b = reference[i], hypothesis[j]
            edits.append(Edit("=" if a == b else "S", a, b))
        elif step == _DOWN:
            i -= 1
            edits.append(Edit("D", reference[i], ""))
        else:
            j -= 1
            edits.append(Edit("I", "", hypothesis[j]))
    return edits[::-1]


_DIAGONAL, _DOWN, _RIGHT = 0, 1, 2


def _directions(reference: Sequence[str], hypothesis: Sequence[str]) -> NDArray[np.uint8]:
    """The last step of the cheapest way to each cell, (R + 1, H + 1), a row at a time."""
    numbers = {token: n for n, token in enumerate({*reference, *hypothesis})}
    wanted = [numbers[token] for token in reference]
    found = np.array([numbers[token] for token in hypothesis], np.int64)
    one = len(wanted) + len(found) + 1  # an edit's cost; a substitution has 1 more, to be rarer
    along = one * np.arange(len(found) + 1)
    steps = np.full((len(wanted) + 1, len(found) + 1), _RIGHT, np.uint8)
    steps[1:, 0] = _DOWN
    cost = along.copy()
    for i, token in enumerate(wanted, 1):
        diagonal, down = cost[:-1] + (one + 1) * (found != token), cost[1:] + one
        best = np.concatenate([[i * one], np.minimum(diagonal, down)])
        new = np.minimum.accumulate(best - along) + along  # insertions: min over all cells left
        steps[i, 1:] = np.where(
            new[1:] == diagonal, _DIAGONAL, np.where(new[1:] == down, _DOWN, _RIGHT)
        )
        cost = new
    return steps


def count(edits: Sequence[Edit]) -> ErrorRate:
    """The errors among edits, and the length of the reference."""
    kinds = [edit.kind for edit in edits]
    inserted = kinds.count("I")
    return ErrorRate(kinds.count("S"), inserted, kinds.count("D"), len(kinds) - inserted)


def wer(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRate:
    """The word error rate of texts; words are what white space parts.

    >>> wer(["go", "three nine"], ["go", "tree nine"]).rate
    0.3333333333333333
    """
    return _total(references, hypotheses, words=True)


def cer(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRate:
    """The character error rate of texts; runs of white space are one space, none at the ends.

    >>> print(cer(["three nine"], ["tree nine"]))
    10.00 % (0 substituted, 0 inserted, 1 deleted of 10)
    """
    return _total(references, hypotheses, words=False)


def _total(references: Sequence[str], hypotheses: Sequence[str], *, words: bool) -> ErrorRate:
    references = listed(references, "references", str, "texts")
    hypotheses = listed(hypotheses, "hypotheses", str, "texts")
    if len(references) != len(hypotheses):
        raise DataError(f"{len(references)} references but {len(hypotheses)} hypotheses")
    total = ErrorRate(0, 0, 0, 0)
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        pair = reference.split(), hypothesis.split()
        total += count(align(*pair) if words else align(" ".join(pair[0]), " ".join(pair[1])))
    return total


def show(edits: Sequence[Edit]) -> str:
    """Three lines with reference, hypothesis and edits below one another.

    >>> print(show(align("go three nine".split(), "go tree nine six".split())))
    REF  go three nine ***
    HYP  go tree  nine six
              S         I
    """
    lines: tuple[list[str], ...] = ["REF "], ["HYP "], ["    "]
    for kind, reference, hypothesis in edits:
        width = max(len(reference), len(hypothesis), 1)
        for line, cell in zip(
            lines,
            (
                reference or _GAP * width,
                hypothesis or _GAP * width,
                "" if kind == "=" else kind.center(width),
            ),
            strict=True,
        ):
            line.append(cell.ljust(width))
    return "\n".join(" ".join(line).rstrip() for line in lines)
