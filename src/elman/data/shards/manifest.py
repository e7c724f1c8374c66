"""What a set of shards holds: its kind, its files and their hashes."""

import hashlib
import json
from typing import Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from elman.errors import DataError

NAME = "shards.json"
FORMAT = 1
Kind: TypeAlias = Literal["text", "labelled", "pairs", "speech"]
_FILE = r"[0-9]{5,9}\.parquet"


class Row(NamedTuple):
    """A piece of a text, or a text with its labels."""

    text: str
    labels: tuple[str, ...] = ()
    is_several: bool = False  # the labels came as a collection


class Pair(NamedTuple):
    """A source text, its translation, where they come from, and their weight in training."""

    source: str
    target: str
    name: str
    weight: float = 1.0


class File(BaseModel):
    """A file of a set of shards, its size in rows and bytes, and its SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=f"^{_FILE}$")
    rows: int = Field(ge=1)
    bytes: int = Field(ge=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """The set: `text` in pieces, `labelled` texts with all their `labels`, `several` of which an
    example may have, `pairs` of texts, or `speech`, utterances with their transcripts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    elman_shards: Literal[1]
    kind: Kind
    source: str
    labels: tuple[str, ...] = ()
    several: bool = False
    files: tuple[File, ...] = Field(min_length=1)

    @property
    def sha256(self) -> str:
        """A hash of what the set holds, whatever it was made of."""
        content = self.model_dump(mode="json", exclude={"source"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @classmethod
    def parse(cls, content: bytes, address: str) -> "Manifest":
        """From a manifest's file; DataError where it is damaged."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            what = error.errors()[0]
            place = ".".join(map(str, what["loc"]))
            raise DataError(f"{address} is no list of shards: {place}: {what['msg']}") from None
