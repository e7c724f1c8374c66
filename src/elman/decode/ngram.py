"""Word n-gram models: probabilities with back-off, and their estimate from transcripts."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

from elman.data.values import shown
from elman.errors import DataError, SettingsError

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
NEVER = -99 * math.log(10)  # what ARPA files write for probability 0

MOST_ORDER = 20

Words: TypeAlias = tuple[str, ...]


class Entry(NamedTuple):
    """Natural logs of an n-gram's probability and of its weight as a context backed off from."""

    log_prob: float
    backoff: float


class NGram:
    """An n-gram model with back-off (Katz 1987), as ARPA files hold it.

    **Arguments:** `tables`: one for each order from 1, from words to `Entry`. Words that the model
    does not know count as `<unk>`; if it has none, they are next to impossible.

    >>> model = estimate(["go home", "go on"], order=2)
    >>> round(math.exp(model.score("go", ("<s>",))), 3)
    0.6
    """

    def __init__(self, tables: Sequence[Mapping[Words, Entry]]) -> None:
        if not tables or not tables[0]:
            raise DataError("an n-gram model needs at least one word")
        self.tables = [dict(table) for table in tables]
        self.words = frozenset(words[0] for words in self.tables[0])

    @property
    def order(self) -> int:
        """The largest number of words that the model looks at, the predicted one included."""
        return len(self.tables)

    def start(self) -> Words:
        """The history at the beginning of a sentence."""
        return (BEGIN,) if self.order > 1 else ()

    def after(self, history: Words, word: str) -> Words:
        """The history after one more word."""
        if self.order == 1:
            return ()
        known = word if word in self.words else UNKNOWN
        return (*history, known)[1 - self.order :]

    def score(self, word: str, history: Words = ()) -> float:
        """The natural log of the probability of a word after others, the latest last."""
        if word not in self.words:
            word = UNKNOWN
        history = history[max(0, len(history) + 1 - self.order) :]
        total = 0.0
        for k in range(len(history), -1, -1):
            context = history[len(history) - k :]
            if entry := self.tables[k].get((*context, word)):
                return total + entry.log_prob
            if k and (found := self.tables[k - 1].get(context)):
                total += found.backoff
        return NEVER

    @cached_property
    def sha256(self) -> str:
        """A hash of the words and their probabilities."""
        digest = hashlib.sha256()
        for table in self.tables:
            for words, entry in sorted(table.items()):
                digest.update(f"{words!r} {entry.log_prob!r} {entry.backoff!r}\n".encode())
        return digest.hexdigest()

    def log_prob(self, sentence: str | Sequence[str]) -> float:
        """The natural log of a sentence's probability, its end included."""
        history, total = self.start(), 0.0
        for word in (*_words(sentence), END):
            total += self.score(word, history)
            history = self.after(history, word)
        return total

    def perplexity(self, sentences: Iterable[str | Sequence[str]]) -> float:
        """The perplexity a word, ends of sentences counted; unknown words score as `<unk>`."""
        total, count = 0.0, 0
        for sentence in sentences:
            total += self.log_prob(sentence)
            count += len(_words(sentence)) + 1
        if not count:
            raise DataError("there is no sentence to measure the perplexity of")
        return math.exp(-total / count)


def estimate(sentences: Iterable[str | Sequence[str]], *, order: int = 3) -> NGram:
    """An n-gram model by interpolated modified Kneser-Ney smoothing (Chen & Goodman 1999).

    **Arguments:**

    - `sentences`: texts, parted at white space, or sequences of words.
    - `order`: the most words of an n-gram.

    The three discounts of an order follow from how many n-grams occur once to four times; where
    that is undefined, as in little data, they are 0.5, 1 and 1.5. The uniform distribution over
    the words, `</s>` and `<unk>` ends the interpolation.

    >>> estimate(["a b", "a c"], order=2).order
    2
    """
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= MOST_ORDER:
        raise SettingsError(f"order must be 1 or more, got {shown(order)}; {MOST_ORDER} at most")
    if isinstance(sentences, str):
        raise SettingsError("sentences is one string; give a list of sentences")
    counts = _counts(sentences, order)
    vocabulary = sorted({words[-1] for words in counts[0]} | {END, UNKNOWN})
    tables: list[dict[Words, Entry]] = []
    lower: dict[Words, float] = {(): 1 / len(vocabulary)}
    weights: list[dict[Words, float]] = []
    for n, table in enumerate(counts):
        discounts = _discounts(table.values())
        totals: dict[Words, float] = defaultdict(float)
        freed: dict[Words, float] = defaultdict(float)
        for words, count in table.items():
            totals[words[:-1]] += count
            freed[words[:-1]] += discounts[min(count, 3)]
        weight = {context: freed[context] / total for context, total in totals.items()}
        listed = table if n else {(word,): table[(word,)] for word in vocabulary}
        probabilities = {}
        for words, count in listed.items():
            context = words[:-1]
            own = (count - discounts[min(count, 3)]) / totals[context]
            shared = lower[words[1:]] if n else lower[()]
            probabilities[words] = own + weight[context] * shared
        weights.append(weight)
        tables.append({words: Entry(math.log(p), 0.0) for words, p in probabilities.items()})
        lower = probabilities
    if order > 1:
        tables[0][(BEGIN,)] = Entry(NEVER, 0.0)
    for table_, weight in zip(tables, weights[1:], strict=False):
        for context, share in weight.items():
            table_[context] = Entry(table_[context].log_prob, math.log(share))
    return NGram(tables)


def _counts(sentences: Iterable[str | Sequence[str]], order: int) -> list[Counter[Words]]:
    """For each order its n-grams' counts: plain of the highest and of what begins a sentence, else
    the number of different words before."""
    try:
        sentences = list(sentences)
    except TypeError:
        raise SettingsError(
            f"sentences must be a list of sentences, not a {type(sentences).__name__}"
        ) from None
    plain: list[Counter[Words]] = [Counter() for _ in range(order)]
    before: list[dict[Words, set[str]]] = [defaultdict(set) for _ in range(order)]
    for sentence in sentences:
        words = (BEGIN, *_words(sentence), END)
        for n in range(1, order + 1):
            for i in range(len(words) - n + 1):
                gram = words[i : i + n]
                if n == order or i == 0:
                    plain[n - 1][gram] += 1
                else:
                    before[n - 1][gram].add(words[i - 1])
    if not plain[-1] and not plain[0]:
        raise DataError("there is no sentence to estimate an n-gram model from")
    for table, found in zip(plain, before, strict=True):
        table.update({gram: len(others) for gram, others in found.items()})
    del plain[0][(BEGIN,)]
    return plain


def _discounts(counts: Iterable[int]) -> tuple[float, float, float, float]:
    """What is taken from counts of 0, 1, 2 and 3 or more."""
    of = Counter(counts)
    n1, n2, n3, n4 = (of[k] for k in (1, 2, 3, 4))
    if n1 and n2 and n3 and n4:
        y = n1 / (n1 + 2 * n2)
        found = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
        if all(0 < discount <= k for k, discount in enumerate(found, 1)):
            return (0.0, *found)
    return (0.0, 0.5, 1.0, 1.5)


def _words(sentence: str | Sequence[str]) -> Words:
    try:
        words = tuple(sentence.split() if isinstance(sentence, str) else sentence)
    except TypeError:
        raise DataError(f"a sentence is a {type(sentence).__name__}, not a string") from None
    if not all(isinstance(word, str) for word in words):
        raise DataError("a sentence's words must be strings")
    if reserved := {BEGIN, END} & set(words):
        raise DataError(f"a sentence has {min(reserved)!r}, which marks where sentences end")
    return words
