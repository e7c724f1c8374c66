"""The characters that a recogniser writes, as the ids that its network scores."""

import json
from collections.abc import Iterable
from pathlib import Path

from elman.data.arguments import listed
from elman.data.values import shown
from elman.errors import DataError, ModelError
from elman.files import write_atomic

BLANK = 0


class Alphabet:
    """Characters and their ids, from 1; id 0 is the blank of CTC and of transducers.

    **Arguments:** `characters`: each once; a space among them parts words.

    **Attributes:** `characters`; `size`, the number of ids, blank included; `space`, the id of the
    space, or None where there is none and every character stands for a word of its own.

    >>> alphabet = Alphabet(" abc")
    >>> alphabet.encode("cab")
    [4, 2, 3]
    >>> alphabet.decode([4, 0, 2, 3])
    'cab'
    """

    def __init__(self, characters: str) -> None:
        if not isinstance(characters, str) or not characters:
            raise DataError("an alphabet needs characters, as one string that is not empty")
        if len(set(characters)) < len(characters):
            twice = next(c for c in characters if characters.count(c) > 1)
            raise DataError(f"the alphabet has {twice!r} more than once")
        if other := [c for c in characters if c.isspace() and c != " "]:
            raise DataError(f"the alphabet has {other[0]!r}: of white space only ' ' may be in it")
        self.characters = characters
        self._ids = {character: i for i, character in enumerate(characters, 1)}

    @classmethod
    def build(cls, transcripts: Iterable[str]) -> "Alphabet":
        """The alphabet of what occurs in transcripts, in the order of code points.

        >>> Alphabet.build(["go", "ergo"]).characters
        'egor'
        """
        texts = listed(transcripts, "transcripts", str, "strings")
        found = sorted({character for text in texts for character in text})
        if not found:
            raise DataError("the transcripts hold no character to make an alphabet of")
        return cls("".join(found))

    @property
    def size(self) -> int:
        """The number of ids, blank included."""
        return 1 + len(self.characters)

    @property
    def space(self) -> int | None:
        """The id of the space, which parts words; None if the alphabet has none."""
        return self._ids.get(" ")

    def id(self, character: str) -> int | None:
        """The id of a character; None if it is not in the alphabet."""
        return self._ids.get(character)

    def lacks(self, text: str) -> str:
        """The characters of a text that are not in the alphabet, each once.

        >>> Alphabet("abc").lacks("abacus")
        'us'
        """
        return "".join(dict.fromkeys(c for c in text if c not in self._ids))

    def encode(self, text: str) -> list[int]:
        """The ids of a text; DataError names the characters that are not in the alphabet."""
        if not isinstance(text, str):
            raise DataError(f"a text must be a string, not a {type(text).__name__}")
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            missing = ", ".join(map(repr, self.lacks(text)))
            raise DataError(
                f"{text!r:.60} has {missing}, not in the alphabet {self.characters!r:.80}"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; blanks give nothing, repeated ids repeated characters."""
        characters = self.characters
        try:
            return "".join(characters[i - 1] for i in ids if i != BLANK)
        except (TypeError, IndexError, ValueError, RuntimeError):
            raise DataError(f"ids must be whole numbers from 0 to {len(characters)}") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and other.characters == self.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        return f"Alphabet({self.characters!r})"

    def save(self, path: Path | str) -> None:
        """Write the alphabet as JSON, atomically."""
        write_atomic(path, json.dumps({"version": 1, "characters": self.characters}))

    @staticmethod
    def load(path: Path | str) -> "Alphabet":
        """Read what `save` wrote; ModelError if the file is missing or damaged."""
        try:
            content = json.loads(Path(path).read_bytes())
            if content["version"] != 1:
                raise ValueError("it was written by another version of elman")
            return Alphabet(content["characters"])
        except FileNotFoundError:
            raise ModelError(f"no such file: {path}") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError, DataError) as error:
            raise ModelError(f"{shown(path)} is not an alphabet: {error}") from None
