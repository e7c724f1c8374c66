"""Pairs of texts: a source and what it is to become."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from elman.data import checks
from elman.errors import DataError, SettingsError


@dataclass(frozen=True, eq=False)
class Pairs:
    """Source texts with their targets, as a translation is trained on.

    **Fields:**

    - `sources`: the texts to translate.
    - `targets`: the translation of each; `None` when there are none (prediction).
    - `names`: where each pair comes from, as `pairs.tsv:12`, for messages.
    - `weights`: the weight of each pair in training; `None` where all are 1.
    - `left_out`: position in the source -> why it could not be read.

    >>> pairs = Pairs(["one", "two", "two"], ["eins", "zwei", "zwo"], ["a:1", "a:2", "a:3"])
    >>> len(pairs), pairs.references()
    (3, (['one', 'two'], [['eins'], ['zwei', 'zwo']]))
    """

    sources: list[str]
    targets: list[str] | None
    names: list[str]
    weights: list[float] | None = None
    left_out: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("targets", "names", "weights"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.sources):
                raise SettingsError(f"{len(self.sources)} sources but {len(values)} {name}")

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def sha256(self) -> str:
        """A hash of all texts and weights, in their order."""
        digest = hashlib.sha256()
        for texts in (self.sources, self.targets):
            for text in texts or ():
                content = text.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(content) + content)
            digest.update(b"|")
        for weight in self.weights or ():
            digest.update(weight.hex().encode() + b";")
        return digest.hexdigest()

    def select(self, indices: Iterable[int]) -> "Pairs":
        """Some of the pairs, in the order of `indices`."""
        chosen = checks.indices(indices, "indices", len(self)).tolist()
        return Pairs(
            sources=[self.sources[i] for i in chosen],
            targets=None if self.targets is None else [self.targets[i] for i in chosen],
            names=[self.names[i] for i in chosen],
            weights=None if self.weights is None else [self.weights[i] for i in chosen],
        )

    def split(self, fraction: float, seed: int = 0) -> "tuple[Pairs, Pairs]":
        """Two parts, the second of about `fraction`; no source text is in both.

        Texts that differ in case or white space alone count as one. Which ones are held out is
        drawn by the hash of the text and the seed, whatever the order of the pairs. Both parts
        keep it.

        >>> pairs = Pairs([f"text {i % 10}" for i in range(20)], None, [str(i) for i in range(20)])
        >>> first, second = pairs.split(0.2, seed=1)
        >>> len(first), len(second), set(first.sources) & set(second.sources)
        (16, 4, set())
        """
        fraction = checks.share(fraction)
        seed = checks.whole(seed, "seed")
        groups: dict[str, list[int]] = {}
        for i, source in enumerate(self.sources):
            groups.setdefault(text_key(source), []).append(i)
        if len(groups) < 2:
            raise DataError(
                f"{len(self)} pairs of {len(groups)} different source texts are too few to hold out"
                f" a share of {fraction}"
            )
        room = max(1.0, len(self) * fraction)
        out: set[int] = set()
        for key in sorted(groups, key=lambda key: hash_share(f"{seed}:{key}")):
            if len(out) + len(groups[key]) <= room:
                out.update(groups[key])
        if not out:
            smallest = min(groups.values(), key=len)
            out.update(smallest)
        return self.select(i for i in range(len(self)) if i not in out), self.select(sorted(out))

    def references(self) -> tuple[list[str], list[list[str]]]:
        """The different source texts as they first appear, and all different targets of each."""
        found: dict[str, dict[str, None]] = {}
        if self.targets is None:
            raise DataError("the pairs have no targets")
        for source, target in zip(self.sources, self.targets, strict=True):
            found.setdefault(source, {})[target] = None
        return list(found), [list(targets) for targets in found.values()]


def text_key(text: str) -> str:
    """A text as it is compared with others: without case and white space that is more than one.

    >>> text_key(" Good   Morning")
    'good morning'
    """
    return " ".join(text.casefold().split())


def hash_share(text: str) -> float:
    """A number from 0 to 1, drawn by the hash of a text: the same on every machine."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)
