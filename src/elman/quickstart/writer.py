"""A character model that learns to write documentation from Python's own."""

from dataclasses import dataclass
from typing import Any

from elman.data.datasets.builtin import topics_text
from elman.quickstart.baselines import ngram_bits
from elman.quickstart.outcome import Outcome, described, fit
from elman.tasks import Language

PROMPT = "The "
HELD_OUT = 0.1  # of the text, for the measure; as much before it to choose the weights by
SETTINGS: dict[str, Any] = {
    "cell": "lstm",
    "embedding_size": 48,
    "hidden_size": 192,
    "input_dropout": 0.0,
    "output_dropout": 0.0,
    "weight_dropout": 0.0,
    "batch_size": 16,
    "chunk_length": 64,
    "lr": 1.2e-2,
    "warmup": 0.05,
}


@dataclass(frozen=True)
class Writer:
    """The model, how it does and what it writes."""

    task: Language
    outcome: Outcome
    sample: str


def train(epochs: int, *, seed: int = 0, progress: bool = True) -> Writer:
    """Train on the first nine tenths of the text, measure on the last."""
    text = prose(topics_text())
    cut = round(len(text) * (1 - HELD_OUT))
    known, unseen = text[:cut], text[cut:]
    task = Language(**SETTINGS, epochs=epochs, held_out=HELD_OUT, seed=seed, device="cpu")
    history = fit(task, [known], progress=progress)
    network = task.evaluate([unseen])["bits_per_character"]
    baselines = {
        "frequency of each character": ngram_bits(known, unseen, 1),
        "counts of three in a row": ngram_bits(known, unseen, 3),
    }
    best = min(baselines.values())
    outcome = Outcome(
        title="A model that writes documentation",
        data=f"{len(known):,} characters of Python's language reference; measured on the"
        f" {len(unseen):,} after them",
        verdict=f"{1 - network / best:.0%} fewer bits than counting"
        if network < best
        else "no better than counting",
        measure="bits per character",
        network=network,
        baselines=baselines,
        settings=described(
            task.settings, "cell", "hidden_size", "epochs", "batch_size", "chunk_length", "lr"
        ),
        parameters=sum(p.numel() for p in task.model.parameters()),
        seconds=task.record["training"]["seconds"],
        history=history,
    )
    sample = PROMPT + task.generate(PROMPT, length=1200, temperature=0.6, seed=seed)
    return Writer(task, outcome, sample.rstrip())


def prose(text: str) -> str:
    r"""The different paragraphs of a text, without the drawn tables.

    Topics repeat parts of each other: what is held out must not be in the training text.

    >>> prose("one\n\ntwo\n\none\n\n+--+\n| x|\n+--+")
    'one\n\ntwo'
    """
    paragraphs = dict.fromkeys(text.split("\n\n"))
    return "\n\n".join(p for p in paragraphs if not p.lstrip().startswith(("|", "+-")))
