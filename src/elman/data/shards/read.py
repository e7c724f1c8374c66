"""Shards, read one at a time from a folder or any address that fsspec knows."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.shards.arrow import modules
from elman.data.shards.formats import FORMATS
from elman.data.shards.manifest import NAME, Kind, Manifest
from elman.data.text.files import may_be_path
from elman.errors import DataError, SettingsError

_MOST_MANIFEST = 1 << 30  # bytes


class Shards:
    """A set of shards that `write_shards` has made.

    A shard is in memory as long as it is read; its hash is that of the manifest, or it is refused.

    **Arguments:** `address`: of the folder; a path, or as fsspec writes it, `s3://bucket/folder`.

    Raises `DataError` where there are no shards, and `SettingsError` where fsspec is missing.
    """

    def __init__(self, address: Path | str) -> None:
        self.address = str(address).rstrip("/")
        content = self._content(NAME)
        if len(content) > _MOST_MANIFEST:
            raise DataError(f"{self.address}/{NAME} is too large for a list of shards")
        self.manifest = Manifest.parse(content, f"{self.address}/{NAME}")

    @classmethod
    def at(cls, source: Any, kind: Kind) -> "Shards | None":
        """The shards that a source is, None if it is anything else.

        Raises `DataError` for those of another kind.
        """
        if isinstance(source, Shards):
            found = source
        elif isinstance(source, str | Path) and may_be_path(str(source)):
            is_remote = isinstance(source, str) and "://" in source
            if not is_remote and not (Path(source) / NAME).is_file():
                return None
            found = cls(source)
        else:
            return None
        if found.manifest.kind != kind:
            raise DataError(f"{source} are shards of the kind {found.manifest.kind}, not {kind}")
        return found

    def __str__(self) -> str:
        return self.address

    __repr__ = __str__

    def __len__(self) -> int:
        """The number of rows."""
        return sum(file.rows for file in self.manifest.files)

    def shard(self, number: int) -> list[Any]:
        """The rows of one shard: of text and labelled texts `Row`, of pairs `Pair`, of speech
        `elman.data.Utterance`; `DataError` where it is not what it was."""
        file = self.manifest.files[number]
        content = self._content(file.name)
        if len(content) != file.bytes or hashlib.sha256(content).hexdigest() != file.sha256:
            raise DataError(
                f"{self.address}/{file.name} is not as {NAME} says: it was changed or damaged; make"
                " the shards again"
            )
        pa, pq = modules()
        try:
            table = pq.read_table(BytesIO(content))
        except pa.ArrowException as error:
            raise DataError(f"{self.address}/{file.name} cannot be read: {error}") from None
        columns = {name: table[name].to_pylist() for name in table.column_names}
        return FORMATS[self.manifest.kind].rows(columns, self.manifest)

    def rows(self) -> Iterator[Any]:
        """All rows in the order of the source."""
        for number in range(len(self.manifest.files)):
            yield from self.shard(number)

    def part(
        self,
        seed: int,
        share: float = 0.0,
        left_out: Mapping[int, NDArray[np.int64]] | None = None,
    ) -> "ShardsPart":
        """The rows to train on where a `share` of each shard is held out; see `ShardsPart`."""
        return ShardsPart(self, seed, share, left_out or {})

    def _content(self, name: str) -> bytes:
        if "://" not in self.address:
            path = Path(self.address) / name
            try:
                return path.read_bytes()
            except OSError as error:
                raise DataError(f"{path} cannot be read: {error.strerror}") from None
        try:
            import fsspec
        except ImportError:
            raise SettingsError(f"{self.address}: pip install 'elman[scale]'") from None
        address = f"{self.address}/{name}"
        try:
            with fsspec.open(address, "rb") as file:
                content: bytes = file.read()
                return content
        except ImportError as error:  # the package of this protocol
            raise SettingsError(f"{address}: {error}") from None
        except Exception as error:  # each file system's own
            what = str(error).partition("\n")[0] or "nothing is there"
            raise DataError(
                f"{address} cannot be read: {type(error).__name__}: {what:.200}"
            ) from None


@dataclass(frozen=True)
class ShardsPart:
    """The rows of shards but for those that are left out, and but for a share of each shard, which
    is held out and found by `seed`.

    `left_out`: of each shard by its number the numbers of rows.
    """

    shards: Shards
    seed: int
    share: float = 0.0
    left_out: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self._kept.sum() - self._held_out.sum())

    def look(self, most: int) -> tuple[list[Any], list[Any]]:
        """About so many of the rows, of each shard a few, and all that are held out."""
        files = self.shards.manifest.files
        each = -(-most // len(files))
        some: list[Any] = []
        held_out: list[Any] = []
        for number in range(len(files)):
            rows, order = self.shards.shard(number), self._order(number)
            cut = self._held_out[number]
            held_out += [rows[i] for i in order[:cut]]
            some += [rows[i] for i in order[cut : cut + each]]
        return some, held_out

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
        """The rows in the order of an epoch, from the one numbered `start`.

        Shards are permuted, and the rows within each; both permutations depend on the seed and the
        epoch alone. Epoch and number, a row's position, are enough to continue from, for any
        number of readers; shards that lie before it are not read.
        """
        files = self.shards.manifest.files
        random = np.random.default_rng([self.seed, 1, epoch])
        for shard in random.permutation(len(files)).tolist():
            order = self._order(shard)[self._held_out[shard] :]
            if start >= len(order):
                start -= len(order)
                continue
            order = np.random.default_rng([self.seed, 2, epoch, shard]).permutation(order)
            rows = self.shards.shard(shard)
            yield from (rows[i] for i in order[start:].tolist())
            start = 0

    def _order(self, shard: int) -> NDArray[np.int64]:
        rows = self.shards.manifest.files[shard].rows
        order = np.random.default_rng([self.seed, 0, shard]).permutation(rows)
        left_out = self.left_out.get(shard)
        return order if left_out is None else order[~np.isin(order, left_out)]

    @cached_property
    def _kept(self) -> NDArray[np.int64]:
        counts = np.array([file.rows for file in self.shards.manifest.files], np.int64)
        for number, rows in self.left_out.items():
            counts[number] -= len(rows)
        return counts

    @cached_property
    def _held_out(self) -> NDArray[np.int64]:
        """The number of rows of each shard that are held out: the share of the rows up to its end
        less that of those before it, so that shards of few rows hold out their share, too."""
        ends = (np.cumsum(self._kept) * self.share).astype(np.int64)
        return np.diff(ends, prepend=0)
