"""What the recogniser of handwriting reaches on real pens' paths, and in what time.

    python benchmarks/handwriting.py                       # all of them
    python benchmarks/handwriting.py digits lines          # some

- `digits`: pen-based digits of 30 writers (UCI 81), tested on 14 others.
- `strings`: digit strings joined from one writer's digits.
- `symbols`: digits and letters of 61 writers (DigiLeTs), tested on 16 others; `alike` counts
  symbols that differ in case alone as one, as 0 with o and 1 with l and i.
- `lines`: letters of one writer laid side by side along real English sentences. The layout is
  made: what is measured is the reading of strangers' letters in a row.
- `invariance`: digits turned by 10 degrees, and with every second point left out.

Nothing is set but the data. `--seeds 3` gives means over seeds.
Needs the datasets hw_pendigits_orig, hw_digilets and mt_tatoeba_eng_cmn (elman data list).
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from cyclopts import App

import elman
from elman.data import Inks, read_inks, read_pairs
from elman.data.ink.joined import joined_lines
from elman.data.ink.preparation import rotated, taken
from elman.decode.error_rates import cer, wer
from elman.tasks import Handwriting

RUNS = Path("runs")
ALIKE = {"0": "o", "1": "i", "l": "i"}
app = App(help=__doc__)


def digits(seed: int) -> None:
    """Accuracy on 14 unseen writers."""
    task = _trained(f"digits{seed}", "hw_pendigits_orig:train", seed)
    found = task.report("hw_pendigits_orig:test").metrics
    _beside(task, "hw_pendigits_orig")
    _say(f"digits, seed {seed}: accuracy {found['accuracy']:.4f}, {_time(task)}")


def strings(seed: int) -> None:
    """Strings of 3 to 8 digits."""
    random = np.random.default_rng(100 + seed)
    train = joined_lines(_of("hw_pendigits_orig:train"), _numbers(random, 4000), seed=seed)
    test = joined_lines(_of("hw_pendigits_orig:test"), _numbers(random, 1000), seed=seed)
    task = _trained(f"strings{seed}", train, seed)
    _tested("strings", task, test, seed)


def symbols(seed: int) -> None:
    """Accuracy of 62 symbols on 16 unseen writers."""
    task = _trained(f"symbols{seed}", "hw_digilets:train", seed)
    test = _of("hw_digilets:test")
    found = [each.value for each in task.predictions(test)]
    _beside(task, "hw_digilets")
    pairs = list(zip(test.texts or (), found, strict=True))
    right = np.mean([a == b for a, b in pairs])
    alike = np.mean([_folded(a) == _folded(b) for a, b in pairs])
    _say(f"symbols, seed {seed}: accuracy {right:.4f}, alike {alike:.4f}, {_time(task)}")


def lines(seed: int) -> None:
    """Character error rate of made lines, greedy and with the n-gram."""
    random = np.random.default_rng(0)
    many, some = (random.permutation(list(_sentences(part))) for part in ("train", "test"))
    train = joined_lines(_of("hw_digilets:train"), many[:6000].tolist(), seed=seed)
    test = joined_lines(_of("hw_digilets:test"), some[:500].tolist(), seed=seed)
    task = _trained(f"lines{seed}", train, seed)
    _tested("lines", task, test, seed)


def invariance(seed: int) -> None:
    """Digits turned and thinned out, read by the model of `digits`."""
    task = _trained(f"digits{seed}", "hw_pendigits_orig:train", seed)
    test = _of("hw_pendigits_orig:test")
    for name, change in (
        ("as drawn", lambda ink: ink),
        ("turned by 10 degrees", lambda ink: rotated(ink, 10)),
        ("turned by -10 degrees", lambda ink: rotated(ink, -10)),
        ("every second point", _thinned),
    ):
        changed = Inks([change(ink) for ink in test], test.texts, test.writers, test.names)
        _say(f"  {name}: accuracy {task.evaluate(changed)['accuracy']:.4f}")


def _thinned(ink: Any) -> Any:
    kept = np.zeros(len(ink), bool)
    kept[::2] = True
    kept[ink.starts] = kept[np.append(ink.starts[1:], len(ink)) - 1] = True
    return taken(ink, kept)


def _of(name: str) -> Inks:
    return read_inks(name)


def _numbers(random: np.random.Generator, count: int) -> list[str]:
    return [
        "".join(map(str, random.integers(10, size=random.integers(3, 9)))) for _ in range(count)
    ]


def _sentences(part: str) -> Iterator[str]:
    """English sentences of letters, digits and spaces, up to 40 characters."""
    seen = set()
    for text in read_pairs(
        f"mt_tatoeba_eng_cmn:{part}", source="english", target="chinese"
    ).sources:
        plain = " ".join(
            "".join(c for c in text if c.isascii() and (c.isalnum() or c == " ")).split()
        )
        if 3 <= len(plain) <= 40 and plain not in seen:
            seen.add(plain)
            yield plain


def _folded(symbol: str) -> str:
    small = symbol.lower()
    return ALIKE.get(small, small)


def _trained(name: str, data: Any, seed: int) -> Handwriting:
    """The model of `name`, trained if it is not in the folder of runs."""
    if (RUNS / name / "config.json").exists():
        task = elman.load(RUNS / name)
        assert isinstance(task, Handwriting)
        return task
    started = time.perf_counter()
    task = Handwriting(seed=seed).fit(data, folder=RUNS / name)
    _say(f"{name}: trained in {(time.perf_counter() - started) / 60:.1f} min")
    return task


def _tested(name: str, task: Handwriting, test: Inks, seed: int) -> None:
    for what, beam in (("greedy", 1), ("beam and n-gram", task.settings.beam)):
        reader = elman.load(RUNS / f"{name}{seed}")
        assert isinstance(reader, Handwriting)
        reader.settings = reader.settings.model_copy(update={"beam": beam})
        found = [each.value for each in reader.predictions(test)]
        texts = test.texts or []
        _say(
            f"{name}, seed {seed}, {what}: character error rate {cer(texts, found).rate:.4f},"
            f" word error rate {wer(texts, found).rate:.4f}, {_time(task)}"
        )


def _beside(task: Handwriting, dataset: str) -> None:
    """The baselines, trained and tested on the same data."""
    parts = [task.read(f"{dataset}:{part}", labelled=True) for part in ("train", "test")]
    for each in task.baselines(*parts):
        note = f" ({each.note})" if each.note else ""
        _say(f"  {each.name}: accuracy {each.metrics['accuracy']:.4f}{note}")


def _time(task: Handwriting) -> str:
    return f"{task.record['training']['seconds'] / 60:.1f} min"


def _say(text: str) -> None:
    print(text, flush=True)


PARTS = {"digits": digits, "strings": strings, "symbols": symbols, "lines": lines}
PARTS["invariance"] = invariance


@app.default
def main(*names: str, seeds: int = 1) -> None:
    """Train and test what is named, or all."""
    for name in names or PARTS:
        if name not in PARTS:
            sys.exit(f"there is no part {name}; there are {', '.join(PARTS)}")
        for seed in range(seeds):
            PARTS[name](seed)


if __name__ == "__main__":
    app()
