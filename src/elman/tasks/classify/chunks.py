"""Text that comes in chunks: how much of it can be encoded before the rest is known."""

from elman.data import Vocabulary

_SPACES = " \t\r\n"


def encodable(text: str, vocabulary: Vocabulary) -> tuple[str, str]:
    """A beginning whose ids do not depend on what follows, and the rest, which is to wait.

    Words and byte pairs end where white space begins, which goes with what comes after it.
    Characters stand for themselves, but lower case may depend on the word ("Σ" at its end).

    >>> from elman.data import build_vocabulary
    >>> encodable("not a bad fi", build_vocabulary("words", ["film"]))
    ('not a bad', ' fi')
    """
    if vocabulary.kind == "characters" and not vocabulary.lowercase:
        return text, ""
    last = max(map(text.rfind, _SPACES))
    at = len(text[: last + 1].rstrip(_SPACES))
    return text[:at], text[at:]
