"""Samples of a source: which can be used, and why others are left out."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from elman.errors import DataError


class Named(Protocol):
    """A sample with what it is called."""

    @property
    def name(self) -> str:
        """Where it comes from."""


S = TypeVar("S", bound=Named)


@dataclass(frozen=True)
class Words:
    """How messages call what a source holds: "ink", each of its "samples" and their "text"."""

    content: str
    unit: str
    answer: str


def collected(
    samples: Iterable[tuple[S, object, bool]], source: str, words: Words, *, stacklevel: int
) -> tuple[list[S], dict[int, str]]:
    """The samples that can be used, and by position in the source why others cannot.

    **Arguments:** `samples`: each with its content, or in its place the reason in words, and
    whether an answer that is needed is missing; `source`: what messages call it; `stacklevel`: of
    the warning that says how many are left out.

    Raises `DataError` where nothing can be used.
    """
    found: list[S] = []
    left_out: dict[int, str] = {}
    without: dict[int, str] = {}
    for position, (sample, content, is_without) in enumerate(samples):
        if isinstance(content, str):
            is_named = sample.name in content
            left_out[position] = content if is_named else f"{sample.name}: {content}"
        elif is_without:
            without[position] = f"{sample.name} has no {words.answer}"
        else:
            found.append(sample)
    total = len(found) + len(left_out) + len(without)
    if not total:
        raise DataError(f"{source} holds no {words.content}")
    if without and not found:
        raise DataError(
            f"{source} has no {words.answer}s of its {len(without):,} {words.unit}: labelled=False"
            " reads them without"
        )
    left_out = dict(sorted((left_out | without).items()))
    if not found:
        raise DataError(next(iter(left_out.values())))
    if left_out:
        first = next(iter(left_out.values()))
        warnings.warn(
            f"{source}: left out: {len(left_out):,} of {total:,} {words.unit}; {first}",
            stacklevel=stacklevel + 1,
        )
    return found, left_out
