"""Many clips, with their labels, events and sources."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from elman.data import checks
from elman.data.splits import stratified
from elman.data.video.clip import Clip
from elman.data.video.pictures import pictures_in
from elman.data.video.sample import Event
from elman.errors import DataError, SettingsError
from elman.files import sha256


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips in their order.

    **Fields:**

    - `clips`: one `Clip` a sample; nothing is decoded yet.
    - `labels`: a string each, or a tuple of strings where there may be several; None where there
      are none (prediction).
    - `events`: what happens in each and when, for long videos; None where it is not known.
    - `groups`: what each was cut from, as the file's path: `split` keeps a group together.
    - `names`: where each comes from, as `clips.csv:12`, for messages.
    - `left_out`: position in the source -> why it could not be read.

    >>> clip = Clip(np.zeros((4, 8, 8), np.uint8))
    >>> clips = Clips([clip] * 3, ["a", "b", "a"], None, ["x", "y", "x"], ["0", "1", "2"])
    >>> len(clips), clips.classes, clips.select([2]).groups
    (3, ['a', 'b'], ['x'])
    """

    clips: list[Clip]
    labels: list[str] | list[tuple[str, ...]] | None
    events: list[tuple[Event, ...]] | None
    groups: list[str]
    names: list[str]
    left_out: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("labels", "events", "groups", "names"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.clips):
                raise SettingsError(f"{len(self.clips)} clips but {len(values)} {name}")

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    @property
    def is_multi_label(self) -> bool:
        """Whether a clip may have several labels."""
        return bool(self.labels) and isinstance(self.labels[0], tuple)  # type: ignore[index]

    @property
    def classes(self) -> list[str]:
        """The different labels, of clips or else of events, sorted; empty without labels."""
        found = {label for own in self.labels or () for label in _as_tuple(own)}
        found |= {event.label for own in self.events or () for event in own}
        return sorted(found)

    @property
    def sha256(self) -> str:
        """A hash of all files, arrays, parts, labels and events, in their order."""
        digest = hashlib.sha256()
        known: dict[Path, str] = {}
        for clip in self.clips:
            digest.update(f"c{clip.start!r},{clip.end!r},{clip.rate!r}:".encode())
            if clip.array is not None:
                digest.update(f"{clip.array.shape}".encode())
                digest.update(np.ascontiguousarray(clip.array).data)
                if clip.valid is not None:
                    digest.update(b"+" + np.packbits(clip.valid).tobytes())
            elif clip.path is not None:
                if clip.path not in known:
                    known[clip.path] = _content_hash(clip.path)
                digest.update(known[clip.path].encode())
        for label in self.labels or ():
            own = _as_tuple(label)
            digest.update(b"l%d:" % len(own) + b"".join(map(_counted, own)))
        for events in self.events or ():
            digest.update(b"e%d:" % len(events))
            for event in events:
                digest.update(_counted(event.label) + f"{event.start!r},{event.end!r};".encode())
        return digest.hexdigest()

    def select(self, indices: Iterable[int]) -> Self:
        """Some of them, in the order of `indices`."""
        chosen = checks.indices(indices, "indices", len(self)).tolist()
        return type(self)(
            [self.clips[i] for i in chosen],
            None if self.labels is None else [self.labels[i] for i in chosen],
            None if self.events is None else [self.events[i] for i in chosen],
            [self.groups[i] for i in chosen],
            [self.names[i] for i in chosen],
        )

    def split(self, fraction: float, seed: int = 0) -> tuple[Self, Self]:
        """Two parts, the second of about `fraction`; both keep the order.

        No group is in both parts: clips of one video stay together. Groups of the same labels are
        shared out alike (stratified); those whose labels no other group has are drawn together.

        >>> clip = Clip(np.zeros((4, 8, 8), np.uint8))
        >>> groups = ["x", "x", "y", "y", "z", "z"]
        >>> clips = Clips([clip] * 6, ["a", "b"] * 3, None, groups, [str(i) for i in range(6)])
        >>> first, second = clips.split(0.3, seed=1)
        >>> len(second), set(first.groups) & set(second.groups)
        (2, set())
        """
        fraction = checks.share(fraction)
        seed = checks.whole(seed, "seed")
        members: dict[str, list[int]] = {}
        for i, group in enumerate(self.groups):
            members.setdefault(group, []).append(i)
        names = list(members)
        if len(names) == 1 and len(self) > 1:
            raise DataError(
                f"all {len(self)} clips are of one source, {names[0]}: what is held out must come"
                " from another"
            )
        alike: dict[tuple[str, ...], list[int]] = {}
        for number, group in enumerate(names):
            alike.setdefault(self._labels_of(members[group]), []).append(number)
        rare = [number for own in alike.values() if len(own) == 1 for number in own]
        strata = [own for own in (*alike.values(), rare) if len(own) > 1]
        held_out = stratified(strata, fraction, seed)
        if not held_out:
            raise DataError(f"{len(self)} clips are too few to hold out a share of {fraction}")
        out = {i for number in held_out for i in members[names[number]]}
        return self.select(i for i in range(len(self)) if i not in out), self.select(sorted(out))

    def _labels_of(self, members: list[int]) -> tuple[str, ...]:
        part = self.select(members)
        return tuple(part.classes)


def _as_tuple(label: str | tuple[str, ...]) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (label,)


def _counted(text: str) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    return b"%d:" % len(content) + content


def _content_hash(path: Path) -> str:
    if not path.is_dir():
        return sha256(path)
    return hashlib.sha256("".join(map(sha256, pictures_in(path))).encode()).hexdigest()
