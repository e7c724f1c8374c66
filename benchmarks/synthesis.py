"""What handwriting synthesis reaches, and in what time.

    python benchmarks/synthesis.py                     # both
    python benchmarks/synthesis.py kanji               # one

- `kanji`: 10,000 kanji as strokes without labels (KanjiVG). Prints the negative log-likelihood of
  the test part in nats a point, beside one Gaussian of offsets and a table of them, and writes a
  sheet of 25 drawn samples for each of three biases.
- `words`: letters of one writer laid side by side as short words (DigiLeTs; the layout is made).
  Prints the likelihood of words of 16 writers who are not in the training data, and writes sheets
  of given words: in no hand, and in the hands of some of these writers, beside a sample of theirs.

Nothing is set but the data, and of words the distance of points. The sheets are in `runs/`: look at
them. Needs the datasets hw_kanjivg_sketch, hw_digilets and mt_tatoeba_eng_cmn (elman data list).
"""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from cyclopts import App

import elman
from elman.data import Ink, Inks, read_inks, read_pairs
from elman.data.ink.draw import draw
from elman.data.ink.joined import joined_lines
from elman.tasks import Synthesis
from elman.tasks.synthesis.baselines import baselines

RUNS = Path("runs")
BIASES = (0.0, 0.5, 1.0)
WORDS = ("river", "stone", "garden")
app = App(help=__doc__)


def kanji(budget: str | None) -> None:
    """Likelihood and samples of kanji."""
    train, held_out = (f"hw_kanjivg_sketch:{part}" for part in ("train", "validation"))
    task = _trained("kanji", train, held_out, budget=budget)
    _likelihood("kanji", task, train, "hw_kanjivg_sketch:test")
    for bias in BIASES:
        inks = task.samples(25, bias=bias, seed=0)
        _sheet(f"kanji, bias {bias}", inks, [""] * len(inks), columns=5)


def words(budget: str | None) -> None:
    """Likelihood of words of unknown writers, and words in their hands."""
    random = np.random.default_rng(0)
    some = random.permutation(list(_words()))
    letters, others = read_inks("hw_digilets:train"), read_inks("hw_digilets:test")
    train = joined_lines(letters, random.choice(some, 8000).tolist(), seed=0)
    test = joined_lines(others, random.choice(some, 500).tolist(), seed=1)
    task = _trained("words", train, None, budget=budget, spacing=0.12)
    _likelihood("words", task, train, test)
    _sheet("words, no hand", [task.generate(w, bias=0.7, seed=0) for w in WORDS], list(WORDS))
    drawn, titles = [], []
    for writer in sorted(set(others.writers or ()))[:5]:
        hand = joined_lines(_of(others, writer), ["style hand"], seed=2)
        drawn.append(hand.inks[0])
        titles.append(f"{writer} wrote")
        for word in WORDS[:2]:
            drawn.append(task.generate(word, style=hand, bias=0.7, seed=0))
            titles.append(f"{word} in that hand")
    _sheet("words, in hands", drawn, titles)


def _of(inks: Inks, writer: str) -> Inks:
    return inks.select(i for i, own in enumerate(inks.writers or ()) if own == writer)


def _words() -> Iterator[str]:
    """Pairs and single words of English, 3 to 10 letters each time."""
    seen = set()
    for text in read_pairs("mt_tatoeba_eng_cmn:train", source="english", target="chinese").sources:
        for found in re.findall(r"\b[A-Za-z]+(?: [A-Za-z]+)?\b", text):
            if 3 <= len(found) <= 10 and found not in seen:
                seen.add(found)
                yield found


def _trained(name: str, train: Any, held_out: Any, **settings: Any) -> Synthesis:
    """The model of `name`, trained if it is not in the folder of runs."""
    folder = RUNS / f"synthesis-{name}"
    if (folder / "config.json").exists():
        task = elman.load(folder)
        assert isinstance(task, Synthesis)
        return task
    started = time.perf_counter()
    given = {key: value for key, value in settings.items() if value is not None}
    task = Synthesis(**given).fit(train, held_out, folder=folder)
    print(f"{name}: trained in {(time.perf_counter() - started) / 60:.1f} min", flush=True)
    return task


def _likelihood(name: str, task: Synthesis, train: Any, test: Any) -> None:
    """The model's nats a point of the test data, and the baselines'."""
    found = task.evaluate(test)
    print(f"{name}: nll {found['nll']:.3f} nats a point ({found['offset_nll']:.3f} of offsets,")
    print(f"  {found['pen_nll']:.3f} of pen states)")
    known, unseen = (task.strokes(task.read(part, labelled=True)) for part in (train, test))
    cell = 1.0 if task.preprocessing.is_integer else task.preprocessing.scale / 16
    for each in baselines(known, unseen, cell):
        print(f"{name}: {each.name}: nll {each.metrics['nll']:.3f}", flush=True)


def _sheet(name: str, inks: list[Ink], titles: list[str], columns: int = 3) -> None:
    path = RUNS / f"{re.sub('[^a-z0-9.]+', '-', name)}.png"
    draw(inks, path, columns=columns, titles=titles)
    print(f"{name}: {path}", flush=True)


PARTS = {"kanji": kanji, "words": words}


@app.default
def main(*names: str, budget: str | None = None) -> None:
    """Train and test what is named, or all; `--budget 8m` is the longest time of each training."""
    for name in names or PARTS:
        if name not in PARTS:
            sys.exit(f"there is no part {name}; there are {', '.join(PARTS)}")
        PARTS[name](budget)


if __name__ == "__main__":
    app()
