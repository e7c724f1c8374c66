"""The texts of a beam as a tree that forgets what no text of the beam goes through."""

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.decode.scorers import Scorer


class Prefix:
    """A text: its last character's id and the text before it.

    **Attributes:** `states`, one of each scorer; `score`, what the scorers give the text without
    its end; `row`, what they add for each next character, (V,), None until it is asked for;
    `read`, what a transducer's prediction network makes of the text.
    """

    __slots__ = ("__weakref__", "children", "id", "parent", "read", "row", "score", "states")

    def __init__(
        self, parent: "Prefix | None", id: int, states: tuple[Any, ...], score: float
    ) -> None:
        self.parent = parent
        self.id = id
        self.states = states
        self.score = score
        self.row: NDArray[np.float64] | None = None
        self.read: Any = None
        self.children: dict[int, weakref.ref[Prefix]] = {}

    def child(self, id: int, scorers: Sequence[Scorer[Any]]) -> "Prefix":
        """The text with one more character: the same object as long as anything holds it."""
        found = self.children.get(id)
        child = None if found is None else found()
        if child is None:
            states = tuple(
                scorer.after(state, id) for scorer, state in zip(scorers, self.states, strict=True)
            )
            added = 0.0 if self.row is None else float(self.row[id])
            child = Prefix(self, id, states, self.score + added)
            self.adopt(child)
        return child

    def adopt(self, child: "Prefix") -> None:
        """Have `child` give this text again, as long as anything holds it."""
        self.children[child.id] = weakref.ref(child)

    def ids(self) -> list[int]:
        """The characters from the root, whose own is not among them."""
        return [prefix.id for prefix in self.path()[1:]]

    def path(self) -> "list[Prefix]":
        """The texts from the root to this."""
        path = [self]
        while (parent := path[-1].parent) is not None:
            path.append(parent)
        return path[::-1]


def fill_rows(prefixes: Sequence[Prefix], scorers: Sequence[Scorer[Any]]) -> None:
    """Ask the scorers for the rows that are missing, all at once."""
    missing = [prefix for prefix in prefixes if prefix.row is None]
    if missing and scorers:
        total = [
            scorer.rows([prefix.states[k] for prefix in missing])
            for k, scorer in enumerate(scorers)
        ]
        for prefix, row in zip(missing, np.add.reduce(total), strict=True):
            prefix.row = row


def last_common(prefixes: Sequence[Prefix]) -> list[Prefix]:
    """The path from the root to the longest text that all of several begin with."""
    common = prefixes[0].path()
    for prefix in prefixes[1:]:
        other = prefix.path()
        same = 0
        for a, b in zip(common, other, strict=False):
            if a is not b:
                break
            same += 1
        common = common[:same]
    return common
