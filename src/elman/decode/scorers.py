"""What a beam search weighs besides the sound: words, a closed lexicon, hot words."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from elman.data.arguments import check_number, listed
from elman.decode.alphabet import Alphabet
from elman.decode.ngram import BEGIN, END, UNKNOWN, NGram, Words
from elman.errors import DataError, SettingsError

State = TypeVar("State")
_MOST_WORDS = 2000  # that a look-ahead for each word before is made of


class Scorer(ABC, Generic[State]):
    """Scores a text as it is written; its states stand for what was written so far."""

    @abstractmethod
    def start(self) -> State:
        """The state of the empty text."""

    @abstractmethod
    def after(self, state: State, id: int) -> State:
        """The state with one more character."""

    @abstractmethod
    def rows(self, states: Sequence[State]) -> NDArray[np.float64]:
        """What each next character adds to the score, (n, V); -inf forbids it."""

    @abstractmethod
    def end(self, state: State) -> float:
        """What it adds to the score that the text ends here."""

    def save(self, states: Sequence[State]) -> dict[str, Any]:
        """States as tensors and plain values by name; here of numbers, texts and tuples of them.

        A scorer with other states has its own; SettingsError if it has none.
        """
        if not _is_plain(tuple(states)):
            raise SettingsError(
                f"the states of a {type(self).__name__} cannot be saved: it needs save and restore"
                " of its own"
            )
        return {"states": list(states)}

    def restore(self, saved: Mapping[str, Any]) -> list[State]:
        """The inverse of `save`, also after JSON, which knows no tuples."""
        return [_with_tuples(state) for state in saved["states"]]


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float))


def _with_tuples(value: Any) -> Any:
    return tuple(map(_with_tuples, value)) if isinstance(value, (list, tuple)) else value


class NGramScorer(Scorer[tuple[Words, str, int]]):
    """Each word costs its n-gram probability when the space after it, or the end, is reached.

    Before that a word that has begun costs what the most likely word costs that goes on like it, or
    an unknown word if none does: a look-ahead (Ortmanns et al. 1996), without which a narrow beam
    loses the words to texts that put off their cost. It looks at the word before, too (at none
    with more than 2,000 words, to be quick). A text does not begin with a space and has no two in
    a row.

    A word that is not known costs as many unknown words as its characters make at the mean length
    of the known ones, one at least. At the same cost for any length the letters after the first
    unknown word would be free while known words have their price, and the search would write on
    without a space.

    **Arguments:**

    - `weight`: what the natural log of the probability is multiplied with.
    - `word_bonus`: what each word adds.
    - `unknown_bonus`: what each word adds that neither the n-gram model nor `known` has; negative.

    Raises SettingsError for an alphabet without a space and for weights that are no numbers.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        model: NGram,
        *,
        weight: float = 1.0,
        word_bonus: float = 0.0,
        unknown_bonus: float = -10.0,
        known: Iterable[str] = (),
    ) -> None:
        if alphabet.space is None:
            raise SettingsError("an n-gram model of words needs an alphabet with a space")
        if not isinstance(model, NGram):
            raise SettingsError(
                f"the model of words must be an NGram, not a {type(model).__name__}"
            )
        for name, value in (
            ("weight", weight),
            ("word_bonus", word_bonus),
            ("unknown_bonus", unknown_bonus),
        ):
            check_number(name, value)
        self.alphabet = alphabet
        self.space = alphabet.space
        self.model = model
        self.weight = weight
        self.word_bonus = word_bonus
        self.unknown_bonus = unknown_bonus
        self.known = (model.words - {BEGIN, END, UNKNOWN}) | frozenset(known)
        self._usable = [word for word in sorted(self.known) if not alphabet.lacks(word)]
        self.trie = Trie(alphabet, self._usable)
        lengths = [len(word) for word in self._usable]
        self._mean_length = sum(lengths) / len(lengths) if lengths else math.inf
        self._context = 1 if len(self._usable) <= _MOST_WORDS else 0
        self._aheads: dict[Words, list[float]] = {}
        self._rows: dict[tuple[Words, int, int], NDArray[np.float64]] = {}

    def start(self) -> tuple[Words, str, int]:
        """No word yet."""
        return self.model.start(), "", 0

    def after(self, state: tuple[Words, str, int], id: int) -> tuple[Words, str, int]:
        """A longer word, or with a space its end."""
        history, word, node = state
        if id == self.space:
            return self.model.after(history, word), "", 0
        node = self.trie.children[node].get(id, -1) if node >= 0 else -1
        return history, word + self.alphabet.characters[id - 1], node

    def rows(self, states: Sequence[tuple[Words, str, int]]) -> NDArray[np.float64]:
        """What a word costs at the space, what is known ahead of it before."""
        rows = np.array([self._row(*state) for state in states])
        rows[:, self.space] = [
            self._word(word, history) - self._expected(history, word, node) if word else -math.inf
            for history, word, node in states
        ]
        return rows

    def _row(self, history: Words, word: str, node: int) -> NDArray[np.float64]:
        history = history[len(history) - self._context :]
        key = history, node, 0 if node >= 0 else len(word)
        row = self._rows.get(key)
        if row is None:
            before = self._expected(history, word, node)
            row = np.full(self.alphabet.size, self._unknown(history, len(word) + 1) - before)
            if node >= 0:
                ahead = self._ahead(history)
                for id, child in self.trie.children[node].items():
                    row[id] = ahead[child] - before
            self._rows[key] = row
        return row

    def _expected(self, history: Words, word: str, node: int) -> float:
        """What a word that has begun costs so far."""
        if node >= 0:
            return self._ahead(history)[node]
        return self._unknown(history[len(history) - self._context :], len(word))

    def _ahead(self, history: Words) -> list[float]:
        """What is known ahead at each node of the tree: the most likely word's that goes on so."""
        history = history[len(history) - self._context :]
        ahead = self._aheads.get(history)
        if ahead is None:
            ahead = [-math.inf] * len(self.trie.children)
            for word, node in zip(self._usable, self.trie.nodes, strict=True):
                ahead[node] = self._word(word, history)
            for node in range(len(ahead) - 1, 0, -1):  # children come after their parents
                above = self.trie.parents[node]
                ahead[above] = max(ahead[above], ahead[node])
            ahead[0] = 0.0
            self._aheads[history] = ahead
        return ahead

    def end(self, state: tuple[Words, str, int]) -> float:
        """The last word and the end of the sentence."""
        history, word, node = state
        total = 0.0
        if word:
            total = self._word(word, history) - self._expected(history, word, node)
            history = self.model.after(history, word)
        return total + self.weight * self.model.score(END, history)

    def _word(self, word: str, history: Words) -> float:
        if word not in self.known:
            return self._unknown(history, len(word))
        return self.weight * self.model.score(word, history) + self.word_bonus

    def _unknown(self, history: Words, length: int) -> float:
        """What an unknown word costs: as many as its characters make at the known words' mean."""
        one = self.weight * self.model.score(UNKNOWN, history) + self.word_bonus
        return (one + self.unknown_bonus) * max(1.0, length / self._mean_length)


class Lexicon(Scorer[int]):
    """Only words of a list may be written.

    Words with characters outside the alphabet are left out; DataError if none is left. With an
    alphabet without a space the whole text is one of the list.
    """

    def __init__(self, alphabet: Alphabet, words: Iterable[str]) -> None:
        words = listed(words, "the lexicon", str, "words")
        usable = [word for word in words if word and not alphabet.lacks(word) and " " not in word]
        if not usable:
            raise DataError("no word of the lexicon can be written with the alphabet")
        self.alphabet = alphabet
        self.trie = Trie(alphabet, usable)

    def start(self) -> int:
        """The root of the tree of words."""
        return 0

    def after(self, state: int, id: int) -> int:
        """Down the tree, or with a space back to its root."""
        return 0 if id == self.alphabet.space else self.trie.children[state][id]

    def rows(self, states: Sequence[int]) -> NDArray[np.float64]:
        """0 for what goes on to a word of the list, -inf else."""
        rows = np.full((len(states), self.alphabet.size), -np.inf)
        for row, state in zip(rows, states, strict=True):
            row[list(self.trie.children[state])] = 0
            if state in self.trie.ends and self.alphabet.space is not None:
                row[self.alphabet.space] = 0
        return rows

    def end(self, state: int) -> float:
        """Within a word the text may not end."""
        return 0.0 if state == 0 or state in self.trie.ends else -math.inf


class HotWords(Scorer[tuple[int, ...]]):
    """Words and phrases that are more likely here: each of their characters adds a bonus.

    The bonus is given as the phrase is written, so that it is not lost from a narrow beam, and
    taken back when the text turns out to be another or the phrase ends within a word. Where
    phrases overlap, the one that is complete first counts.

    **Arguments:** `bonus`: what each character adds to the score, a natural log.
    """

    def __init__(self, alphabet: Alphabet, phrases: Iterable[str], *, bonus: float = 1.0) -> None:
        cleaned = [
            " ".join(phrase.split()) for phrase in listed(phrases, "hot_words", str, "words")
        ]
        if not all(cleaned):
            raise DataError("a hot word is empty")
        check_number("hot_word_bonus", bonus)
        self.alphabet = alphabet
        self.trie = Trie(alphabet, cleaned)
        self.bonus = bonus

    def start(self) -> tuple[int, ...]:
        """At the beginning of a word any phrase may begin."""
        return (0,)

    def after(self, state: tuple[int, ...], id: int) -> tuple[int, ...]:
        """The nodes of the phrases that are being written, the longest first."""
        space = self.alphabet.space
        if id != space and space is not None:
            return self._further(state, id)
        if self.trie.ends.intersection(state):
            state = (0,)
            return state if id == space else (*self._further(state, id), 0)
        return (*self._further(state, id), 0)

    def rows(self, states: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
        """The bonus of what continues with a phrase, what is taken back of what does not."""
        rows = np.zeros((len(states), self.alphabet.size))
        space = self.alphabet.space
        for row, state in zip(rows, states, strict=True):
            lost, kept = self._value(state), self._kept(state)
            row[1:] = -lost if space is not None else kept - lost
            going_on = {id for node in state for id in self.trie.children[node]}
            for id in going_on if space is None else going_on | {space}:
                row[id] = self._value(self.after(state, id)) - lost
                if space is None or id == space:
                    row[id] += kept
        return rows

    def end(self, state: tuple[int, ...]) -> float:
        """What is taken back of a phrase that is not complete."""
        return self._kept(state) - self._value(state)

    def _further(self, state: tuple[int, ...], id: int) -> tuple[int, ...]:
        children = self.trie.children
        return tuple(children[node][id] for node in state if id in children[node])

    def _value(self, state: tuple[int, ...]) -> float:
        """The bonus of what is being written."""
        return self.bonus * max((self.trie.depth[node] for node in state), default=0)

    def _kept(self, state: tuple[int, ...]) -> float:
        """What stays of the bonus if the word ends here."""
        whole = [self.trie.depth[node] for node in state if node in self.trie.ends]
        return self.bonus * max(whole, default=0)


class Trie:
    """Strings as a tree of characters' ids; node 0 is the root, children come after parents.

    **Attributes:** `children`, of each node by id; `parents`; `depth`; `nodes`, where each of the
    strings ends; `ends`, the same as a set.

    >>> trie = Trie(Alphabet("abn"), ["an", "ban"])
    >>> trie.children[0], trie.nodes
    ({1: 1, 2: 3}, [2, 5])
    """

    def __init__(self, alphabet: Alphabet, strings: Iterable[str]) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.parents = [0]
        self.depth = [0]
        self.nodes: list[int] = []
        for string in strings:
            node = 0
            for id in alphabet.encode(string):
                child = self.children[node].setdefault(id, len(self.children))
                if child == len(self.children):
                    self.children.append({})
                    self.parents.append(node)
                    self.depth.append(self.depth[node] + 1)
                node = child
            self.nodes.append(node)
        self.ends = set(self.nodes)
