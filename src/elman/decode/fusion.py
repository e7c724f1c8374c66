"""An elman language model of characters in shallow fusion with a beam search."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Vocabulary
from elman.decode.alphabet import Alphabet
from elman.decode.saved_search import array_of, flattened, unflattened
from elman.decode.scorers import Scorer
from elman.errors import SettingsError
from elman.nn.state import State, gather, scatter


class CharacterNetwork(Protocol):
    """A network that reads one token a step."""

    def step(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Of tokens (B,) the scores of the next ones, (B, V), and the state after them."""


class TrainedLanguage(Protocol):
    """What is needed of a language model, such as `elman.tasks.Language`."""

    @property
    def model(self) -> CharacterNetwork:
        """The network."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The network's tokens."""


class Reading:
    """What the network has read of a text; the last character only when it is asked for."""

    __slots__ = ("before", "hidden", "row", "token")

    def __init__(self, before: "Reading | None", token: int) -> None:
        self.before = before
        self.token = token
        self.hidden: State = ()
        self.row: NDArray[np.float64] | None = None


class CharacterModel(Scorer[Reading]):
    """Each character costs what a `Language` model of characters gives it (Gulcehre et al. 2015).

    The model should be trained on lines, one a sentence: a text begins after a line end and ends
    with one (after a space, and with nothing, where the model knows no line end). Characters that
    it only knows in another case are taken for those.

    **Arguments:**

    - `model`: a trained `Language` with `tokens="characters"`.
    - `weight`: what the natural log of a character's probability is multiplied with.
    - `bonus`: what each character adds, against too short texts.

    Raises SettingsError for a model of other tokens and for one that does not know a character.

    >>> from elman.tasks import Language
    >>> language = Language(hidden_size=8, epochs=1, batch_size=2, chunk_length=10)
    >>> language = language.fit(["ab ba ab\\n" * 20], progress=False)
    >>> scorer = CharacterModel(Alphabet(" ab"), language, weight=0.3)
    >>> scorer.rows([scorer.start()]).shape
    (1, 4)
    """

    def __init__(
        self, alphabet: Alphabet, model: TrainedLanguage, *, weight: float = 0.3, bonus: float = 0.0
    ) -> None:
        vocabulary = model.vocabulary
        if vocabulary.kind != "characters":
            raise SettingsError(
                f"the language model reads {vocabulary.kind}: one of characters is needed here"
            )
        self.model = model
        self.weight = weight
        self.bonus = bonus
        tokens = [self._token(character) for character in alphabet.characters]
        if None in tokens:
            unknown = [c for c, token in zip(alphabet.characters, tokens, strict=True) if not token]
            raise SettingsError(f"the language model does not know {', '.join(map(repr, unknown))}")
        self._tokens = [vocabulary.pad_id, *(token for token in tokens if token)]
        self._end = self._token("\n")
        self._beginning = self._end or self._token(" ") or self._tokens[1]

    def _token(self, character: str) -> int | None:
        """The model's own id of a character, in another case if need be."""
        vocabulary = self.model.vocabulary
        ids = vocabulary.encode(character + character.lower()[:1] + character.upper()[:1])
        return next((id for id in ids.tolist() if id != vocabulary.unknown_id), None)

    def start(self) -> Reading:
        """The beginning of a line."""
        return Reading(None, self._beginning)

    def after(self, state: Reading, id: int) -> Reading:
        """One character more, not read yet."""
        return Reading(state, self._tokens[id])

    def rows(self, states: Sequence[Reading]) -> NDArray[np.float64]:
        """The weighted log probability of each next character; 0 for the blank."""
        self._read(states)
        rows = np.array([state.row for state in states])[:, self._tokens]
        rows = self.weight * rows + self.bonus
        rows[:, 0] = 0
        return rows

    def end(self, state: Reading) -> float:
        """The line end's."""
        if self._end is None:
            return 0.0
        self._read([state])
        assert state.row is not None
        return self.weight * float(state.row[self._end])

    def save(self, states: Sequence[Reading]) -> dict[str, Any]:
        """What was read of each text, and of those before that are not read yet."""
        found: dict[int, Reading] = {}
        for state in states:
            chain = [state]
            while (before := chain[-1].before) is not None:
                chain.append(before)
            found |= {id(each): each for each in reversed(chain)}
        at = {key: i for i, key in enumerate(found)}
        read = [each for each in found.values() if each.row is not None]
        saved: dict[str, Any] = {
            "at": [at[id(state)] for state in states],
            "tokens": [each.token for each in found.values()],
            "before": [-1 if e.before is None else at[id(e.before)] for e in found.values()],
            "is_read": [each.row is not None for each in found.values()],
        }
        if read:
            saved["rows"] = torch.from_numpy(np.array([each.row for each in read]))
            saved |= flattened(gather([each.hidden for each in read]), "hidden")
        return saved

    def restore(self, saved: Mapping[str, Any]) -> list[Reading]:
        """The inverse of `save`."""
        found: list[Reading] = []
        rows, hidden = iter(()), iter(())  # type: Any, Any
        if any(saved["is_read"]):
            rows = iter(array_of(saved["rows"]))
            hidden = iter(scatter(unflattened(saved, "hidden", self.model.device)))
        for token, before, is_read in zip(
            saved["tokens"], saved["before"], saved["is_read"], strict=True
        ):
            reading = Reading(None if before < 0 else found[before], token)
            if is_read:
                reading.row, reading.hidden = next(rows), next(hidden)
            found.append(reading)
        return [found[i] for i in saved["at"]]

    @torch.inference_mode()
    def _read(self, states: Sequence[Reading]) -> None:
        """Run the network for those that are not read, the earlier ones first, all at once."""
        before = [state.before for state in states if state.row is None and state.before]
        if earlier := [state for state in before if state.row is None]:
            self._read(earlier)
        unread = list({id(state): state for state in states if state.row is None}.values())
        for first in (True, False):
            some = [state for state in unread if (state.before is None) == first]
            if not some:
                continue
            tokens = torch.tensor([state.token for state in some], device=self.model.device)
            hidden = gather([state.before.hidden for state in some if state.before])
            scores, hidden = self.model.model.step(tokens, hidden or None)
            rows = scores.double().log_softmax(-1).cpu().numpy()
            for state, row, own in zip(some, rows, scatter(hidden), strict=True):
                state.row, state.hidden, state.before = row, own, None
