"""What is known of a dataset: its files, where they come from and how they are read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.sample import Sample
from elman.data.sound.utterance import Utterance
from elman.data.tables import Table
from elman.data.video.sample import Sample as ClipSample

Input: TypeAlias = str | NDArray[np.float32]


class Labelled(NamedTuple):
    """One example as a file gives it: the text or features, the label, and the line."""

    input: Input
    label: str
    line: int


@dataclass(frozen=True)
class Part:
    """What one reference names: some files of a dataset and the reader of each.

    At least one reader is set: `examples` (labelled examples), `text` (blocks of a corpus), `table`
    (series over time, see `elman.data.read_panel`), `pairs` (two columns of texts, see
    `elman.data.read_pairs`), or `utterances`, `inks` or `clips`, which read all
    files at once.
    """

    files: tuple[str, ...]
    examples: Callable[[Path], Iterator[Labelled]] | None = None
    text: Callable[[Path], Iterator[str]] | None = None
    table: Callable[[Path], Table] | None = None
    pairs: Callable[[Path], Table] | None = None
    utterances: Callable[[Sequence[Path]], Iterator[Utterance]] | None = None
    inks: Callable[[Sequence[Path]], Iterator[Sample]] | None = None
    clips: Callable[[Sequence[Path]], Iterator[ClipSample]] | None = None

    @property
    def kind(self) -> str:
        """What it holds, for messages."""
        kinds = {
            "labelled examples": self.examples,
            "a corpus of plain text": self.text,
            "a table of series": self.table,
            "pairs of texts": self.pairs,
            "a set of recordings": self.utterances,
            "online handwriting": self.inks,
            "video": self.clips,
        }
        return next(kind for kind, reader in kinds.items() if reader is not None)


@dataclass(frozen=True)
class Dataset:
    """A dataset: one folder of files with known content.

    **Fields:**

    - `name`: the folder's name and the first part of every reference to it.
    - `title`, `licence`: for people.
    - `files`: relative path -> SHA-256 of the content.
    - `urls`: relative path -> where to download it. `URL#MEMBER` names a member of a zip or tar
      archive.
    - `parts`: the rest of a reference (`":train"`, `"/yelp"`, or `""` for all) -> its `Part`.
    """

    name: str
    title: str
    licence: str
    files: Mapping[str, str]
    urls: Mapping[str, str]
    parts: Mapping[str, Part]

    @property
    def references(self) -> list[str]:
        """Everything that may be written to name data of this set: `NAME[/SUBSET][:SPLIT]`."""
        return [self.name + tail for tail in self.parts]

    @property
    def splits(self) -> list[str]:
        """The names of the splits, in their customary order; empty when there are none."""
        tails = (tail.partition(":")[2] for tail in self.parts)
        return list(dict.fromkeys(split for split in tails if split))

    @property
    def subsets(self) -> list[str]:
        """The names of the subsets; empty when there are none."""
        tails = (tail.partition(":")[0].removeprefix("/") for tail in self.parts)
        return list(dict.fromkeys(subset for subset in tails if subset))
