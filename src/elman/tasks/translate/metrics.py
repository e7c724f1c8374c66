"""BLEU, chrF and TER of translations, by sacrebleu."""

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from elman.errors import SettingsError

Tokenizer = str
_UNSPACED = ("HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
_MOST_LOOKED_AT = 1000  # texts that show the script


class Scores(NamedTuple):
    """Metrics by name, each from 0 to 100, and sacrebleu's signatures by the same names."""

    metrics: dict[str, float]
    signatures: dict[str, str]


def scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    ter: bool = True,
    lowercase: bool = False,
) -> Scores:
    """Corpus scores of translations, each against all its references.

    BLEU (Papineni et al. 2002), chrF2 (Popović 2015) and TER (Snover et al. 2006), as Post 2018
    (arXiv:1804.08771) computes them; BLEU's tokeniser follows from the references' script.

    Raises `SettingsError` without the extra `translate`.
    """
    columns = reference_columns(references)
    found, signatures = {}, {}
    for name, metric in corpus_metrics(references, ter=ter, lowercase=lowercase).items():
        found[name] = float(metric.corpus_score(list(hypotheses), columns).score)
        signatures[name] = str(metric.get_signature())
    return Scores(found, signatures)


def corpus_metrics(
    references: Sequence[Sequence[str]], *, ter: bool = True, lowercase: bool = False
) -> dict[str, Any]:
    """sacrebleu's metrics by our names, BLEU's tokeniser by the references' script."""
    kinds = _metrics()
    tokenizer = tokenizer_of([text for texts in references for text in texts])
    found = {
        "bleu": kinds.BLEU(tokenize=tokenizer, lowercase=lowercase),
        "chrf": kinds.CHRF(lowercase=lowercase),
    }
    if ter:
        asian = tokenizer != "13a"
        found["ter"] = kinds.TER(
            normalized=asian, asian_support=asian, case_sensitive=not lowercase
        )
    return found


def sentence_chrf(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """chrF2 of each translation alone, 0 to 100."""
    metric = _metrics().CHRF()
    return [
        float(metric.sentence_score(hypothesis, list(texts)).score)
        for hypothesis, texts in zip(hypotheses, references, strict=True)
    ]


def tokenizer_of(texts: Sequence[str]) -> Tokenizer:
    """The name of sacrebleu's tokeniser for a script: `zh` of Chinese, `char` of other scripts
    that are written without spaces, else `13a`.

    >>> tokenizer_of(["你好。"]), tokenizer_of(["Hello."]), tokenizer_of(["こんにちは、世界"])
    ('zh', '13a', 'char')
    """
    counts = {"zh": 0, "char": 0, "13a": 0}
    for text in texts[:_MOST_LOOKED_AT]:
        for character in text:
            if character.isalpha():
                name = unicodedata.name(character, "")
                counts[_kind(name.partition(" ")[0].partition("-")[0])] += 1
    if counts["char"] > 0.1 * sum(counts.values()):
        return "char"  # Japanese has Chinese characters, too
    return max(counts, key=lambda kind: counts[kind]) if any(counts.values()) else "13a"


def _kind(script: str) -> Tokenizer:
    if script == "CJK":
        return "zh"
    return (
        "char" if script in ("HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR") else "13a"
    )


def reference_columns(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """One list a reference, None where a sentence has fewer, as sacrebleu takes them."""
    count = max(map(len, references), default=1)
    return [[texts[k] if k < len(texts) else None for texts in references] for k in range(count)]


def _metrics() -> Any:
    try:
        from sacrebleu import metrics
    except ImportError as error:
        raise SettingsError(
            f"translate needs sacrebleu for its metrics ({error}): pip install 'elman[translate]'"
        ) from None
    return metrics
