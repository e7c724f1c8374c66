"""Many pieces of handwriting, with their texts and writers."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from elman.data import checks
from elman.data.ink.ink import CHANNELS, Ink
from elman.data.splits import stratified, whole_groups
from elman.errors import DataError, SettingsError


@dataclass(frozen=True, eq=False)
class Inks:
    """Pieces of handwriting in their order.

    **Fields:**

    - `inks`: one `Ink` a sample.
    - `texts`: the label or transcript of each; None where there are none (prediction).
    - `writers`: who wrote each, "" where that is not known; None where no writer is known.
    - `names`: where each comes from, as `digits.dat:12`, for messages.
    - `left_out`: position in the source -> why it could not be read.

    >>> dot = Ink.of_strokes([[(0, 0)]])
    >>> inks = Inks([dot, dot, dot], ["a", "b", "a"], ["ann", "ann", "bob"], ["1", "2", "3"])
    >>> len(inks), inks.classes, inks.select([2]).writers
    (3, ['a', 'b'], ['bob'])
    """

    inks: list[Ink]
    texts: list[str] | None
    writers: list[str] | None
    names: list[str]
    left_out: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("texts", "writers", "names"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.inks):
                raise SettingsError(f"{len(self.inks)} inks but {len(values)} {name}")

    def __len__(self) -> int:
        return len(self.inks)

    def __iter__(self) -> Iterator[Ink]:
        return iter(self.inks)

    @property
    def classes(self) -> list[str]:
        """The different texts, sorted; empty without texts."""
        return sorted(set(self.texts or ()))

    @property
    def sha256(self) -> str:
        """A hash of all ink, texts and writers, in their order."""
        digest = hashlib.sha256()
        for ink in self.inks:
            digest.update(b"i%d,%d," % (len(ink), len(ink.starts)) + f"{ink.unit}".encode())
            digest.update(ink.points.astype("<f8").tobytes() + ink.starts.astype("<i8").tobytes())
            for channel in CHANNELS:
                values = getattr(ink, channel)
                digest.update(b"-" if values is None else b"+" + values.astype("<f8").tobytes())
        for strings in (self.texts, self.writers):
            for string in strings or ():
                content = string.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(content) + content)
            digest.update(b"-" if strings is None else b"|")
        return digest.hexdigest()

    def select(self, indices: Iterable[int]) -> Self:
        """Some of them, in the order of `indices`."""
        chosen = checks.indices(indices, "indices", len(self)).tolist()
        return type(self)(
            [self.inks[i] for i in chosen],
            None if self.texts is None else [self.texts[i] for i in chosen],
            None if self.writers is None else [self.writers[i] for i in chosen],
            [self.names[i] for i in chosen],
        )

    def with_points(self) -> Self:
        """Those that have a point; the others are among `left_out`.

        Raises `DataError` with the first reason where nothing is left.

        >>> dot, none = Ink.of_strokes([[(0, 0)]]), Ink.of_strokes([])
        >>> Inks([none, dot], None, None, ["1", "2"]).with_points().left_out
        {0: '1: the ink has no point'}
        """
        kept = [i for i, ink in enumerate(self.inks) if len(ink)]
        if len(kept) == len(self):
            return self
        total = len(self) + len(self.left_out)
        positions = [i for i in range(total) if i not in self.left_out]
        empty = {
            positions[i]: f"{self.names[i]}: the ink has no point"
            for i, ink in enumerate(self.inks)
            if not len(ink)
        }
        left_out = dict(sorted((self.left_out | empty).items()))
        if not kept:
            raise DataError(next(iter(left_out.values())))
        return replace(self.select(kept), left_out=left_out)

    def split(self, fraction: float, seed: int = 0) -> tuple[Self, Self]:
        """Two parts, the second of about `fraction`; both keep the order.

        Where two writers or more are known, no writer is in both parts; ink of unknown writers
        stays in the first. Otherwise each text is shared out alike (stratified), and texts that
        occur once are drawn together.

        >>> dot = Ink.of_strokes([[(0, 0)]])
        >>> inks = Inks([dot] * 6, None, ["ann", "bob", "eve"] * 2, [str(i) for i in range(6)])
        >>> first, second = inks.split(0.3, seed=1)
        >>> len(second), set(first.writers) & set(second.writers)
        (2, set())
        """
        fraction = checks.share(fraction)
        seed = checks.whole(seed, "seed")
        writers = self._groups(self.writers or ())
        writers.pop("", None)
        if len(writers) > 1:
            held_out = whole_groups(list(writers.values()), fraction, seed)
        else:
            texts = self._groups(self.texts or [""] * len(self))
            rare = [i for group in texts.values() if len(group) == 1 for i in group]
            groups = [group for group in (*texts.values(), rare) if len(group) > 1]
            held_out = stratified(groups, fraction, seed)
        if not held_out:
            raise DataError(f"{len(self)} inks are too few to hold out a share of {fraction}")
        out = set(held_out)
        return self.select(i for i in range(len(self)) if i not in out), self.select(sorted(out))

    @staticmethod
    def _groups(keys: Iterable[str]) -> dict[str, list[int]]:
        groups: dict[str, list[int]] = {}
        for i, key in enumerate(keys):
            groups.setdefault(key, []).append(i)
        return groups
