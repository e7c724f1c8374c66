"""What the translator reaches on real pairs and on toy tasks, and how fast it is.

    python benchmarks/translate.py                      # all of them
    python benchmarks/translate.py tatoeba toys         # some

`tatoeba` needs the dataset mt_tatoeba_eng_cmn (elman data list) and the extra elman[translate]; it
trains both directions with nothing but the columns and the script of Chinese. `forms` compares the
decoder's forms on a part of it, `toys` has tasks with right answers, `speed` compares training and
decoding, one thread, with the same network written with torch.nn alone
(benchmarks/translate_torch.py), by turns in one process, and, where JOEYNMT_PYTHON is the path of a
Python that has JoeyNMT (and the same torch), with JoeyNMT's of the same sizes.
"""

import datetime
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import translate_torch
from rich.console import Console
from torch import Tensor, nn
from translate_torch import TorchTranslator

from elman.baselines.nearest_text import nearest
from elman.data import Pairs, read_pairs
from elman.decode.search import Limits, beam, greedy
from elman.tasks import Translate
from elman.tasks.translate.batches import TrainingPairs, by_length
from elman.tasks.translate.metrics import scores
from elman.tasks.translate.preprocessing import TranslatePreprocessing
from elman.train.optim import make_optimizer
from elman.train.settings import TrainSettings

DATA = "mt_tatoeba_eng_cmn"
CHINESE: dict[str, Any] = {"chinese": "simplified"}
console = Console(width=110, highlight=False)


def tatoeba() -> None:
    """English to Chinese and back, a twentieth of the English sides held out as the test."""
    for source, target in (("english", "chinese"), ("chinese", "english")):
        given = {"source": source, "target": target}
        console.print(f"{source} to {target}")
        start = time.perf_counter()
        task = Translate(**given, **CHINESE).fit(f"{DATA}:train", progress=False)
        seconds = time.perf_counter() - start
        for line in task.planned:
            console.print(f"  {line}")
        report = task.report(f"{DATA}:test")
        shown = "  ".join(f"{name} {value:.2f}" for name, value in report.metrics.items())
        console.print(f"  elman, trained in {seconds / 60:.1f} min: {shown}")
        console.print(f"  {report.signatures['bleu']}")
        _nearest(read_pairs(f"{DATA}:train", **given), report.sources, report.references, task)
    _without_attention()


def _nearest(train: Pairs, sources: list[str], references: list[list[str]], task: Any) -> None:
    """The translation of the nearest training source, Chinese in the same script."""
    side = task.preprocessing.target
    texts = [side.normal((train.targets or [])[i]) for i in nearest(train.sources, sources)]
    own = [[side.normal(text) for text in each] for each in references]
    found = scores(texts, own).metrics
    shown = "  ".join(f"{name} {value:.2f}" for name, value in found.items())
    console.print(f"  nearest training sentence: {shown}")


def _without_attention() -> None:
    start = time.perf_counter()
    given = {"source": "english", "target": "chinese", "attention": "none"}
    task = Translate(**given, **CHINESE, baselines=False).fit(f"{DATA}:train", progress=False)
    report = task.report(f"{DATA}:test")
    shown = "  ".join(f"{name} {value:.2f}" for name, value in report.metrics.items())
    seconds = time.perf_counter() - start
    console.print(f"english to chinese without attention, {seconds / 60:.1f} min: {shown}")


# What torch.nn has layers for.
PLAIN: dict[str, Any] = {"layer_norm": False, "tie_weights": True}
FORMS: dict[str, dict[str, Any]] = {
    "the default": {},
    "without layer norm, with tied weights": PLAIN,
    "the same, general attention": PLAIN | {"attention": "general"},
    "the same, input feeding": PLAIN | {"input_feeding": True},
    "the same, LSTM": PLAIN | {"cell": "lstm"},
    "the same, two encoder layers": PLAIN | {"num_layers": 2},
    "the same, without tied weights": PLAIN | {"tie_weights": False},
    "the same, with layer norm": PLAIN | {"layer_norm": True},
    "the same, without label smoothing": PLAIN | {"label_smoothing": 0.0},
    "the same, without word dropout": PLAIN | {"token_dropout": 0.0},
}


def forms() -> None:
    """English to Chinese: the decoder's forms by as many epochs, validation pairs held out."""
    pairs = read_pairs(f"{DATA}:train", source="english", target="chinese")
    train, held_out = pairs.split(0.05, seed=1)
    for name, given in FORMS.items():
        start = time.process_time()
        task = Translate(**CHINESE, **given, epochs=8, baselines=False)
        task.fit(train, held_out, progress=False)
        seconds = time.process_time() - start
        found = task.report(held_out).metrics
        console.print(
            f"  {name:40} BLEU {found['bleu']:5.2f}  chrF {found['chrf']:5.2f}"
            f"  loss {found['loss']:.3f}  {seconds:4.0f} s of a processor"
        )


def toys() -> None:
    """Copying, turning round and sorting 5 to 40 symbols, and dates to ISO form."""
    for name, make in (("copy", _copied), ("reverse", _reversed), ("sort", _sorted)):
        _toy(name, [make(seed) for seed in range(12_000)])
    _toy("dates", sorted({_date(seed) for seed in range(8_000)}))


def _toy(name: str, pairs: list[tuple[str, str]]) -> None:
    random.Random(0).shuffle(pairs)
    test, train = pairs[:500], pairs[500:]
    start = time.perf_counter()
    task = Translate(baselines=False).fit(train, progress=False)
    seconds = time.perf_counter() - start
    found = task.evaluate(test)
    console.print(
        f"  {name:8} exact {100 * found['exact']:.1f} % of {len(test)} unseen,"
        f" trained in {seconds / 60:.1f} min"
    )


def _symbols(seed: int) -> list[str]:
    random_ = random.Random(seed)
    return [random_.choice("abcdefghijklmnop") for _ in range(random_.randint(5, 40))]


def _copied(seed: int) -> tuple[str, str]:
    return "".join(_symbols(seed)), "".join(_symbols(seed))


def _reversed(seed: int) -> tuple[str, str]:
    return "".join(_symbols(seed)), "".join(reversed(_symbols(seed)))


def _sorted(seed: int) -> tuple[str, str]:
    return "".join(_symbols(seed)), "".join(sorted(_symbols(seed)))


def _date(seed: int) -> tuple[str, str]:
    random_ = random.Random(seed)
    day = datetime.date(1950, 1, 1) + datetime.timedelta(random_.randrange(30_000))
    form = random_.choice(["%d %B %Y", "%B %d, %Y", "%A, %d %B %Y", "%d/%m/%Y", "%b %d %Y"])
    return day.strftime(form), day.isoformat()


def speed() -> None:
    """Training and decoding against the same network of torch.nn alone, and against JoeyNMT's."""
    pairs = read_pairs(f"{DATA}:train", source="english", target="chinese")
    torch.set_num_threads(1)
    for cell in ("gru", "lstm"):
        task = Translate(cell=cell, vocabulary_size=4000, **PLAIN, **CHINESE)
        task._preprocessing = known = TranslatePreprocessing.learn(
            task.read(pairs, labelled=True), task.settings, None
        )
        own, peer = task.build(known), TorchTranslator(cell, known.source.size, known.target.size)
        peer.take(own)
        texts = pairs.sources, pairs.targets or []
        batches = list(TrainingPairs(known, *texts, None, 600, 0).epoch(0))[:20]
        first = dict(zip(*texts, strict=True))
        sources = list(first)[-1000:]
        targets = [first[each] for each in sources]
        given = list(by_length(known, sources, targets, 32).epoch(0))
        joey = _JoeyNMT(known.target.size, batches, given) if cell == "gru" else None
        _speed_of_training(cell, task, own, peer, batches, joey)
        for width in (1, 5):
            _speed_of_decoding(cell, own, peer, known.target, given, width, joey)


def _speed_of_training(
    cell: str, task: Any, own: Any, peer: Any, batches: list[Any], joey: Any
) -> None:
    losses = {"elman": lambda batch: task.loss(own, batch, None).loss, "torch.nn": peer.loss}
    own.eval(), peer.eval()
    with torch.no_grad():
        apart = max(abs(float(losses["elman"](b) - losses["torch.nn"](b))) for b in batches)
    if apart > 1e-4:
        raise SystemExit(f"the networks are not the same: their losses differ by {apart}")
    settings = TrainSettings(lr=1e-4)
    optimizers = {
        "elman": make_optimizer(own, settings),  # as `fit` has it
        "torch.nn": torch.optim.AdamW(peer.parameters(), lr=1e-4),
    }
    models = {"elman": own, "torch.nn": peer}

    def run(name: str) -> None:
        model, optimizer = models[name].train(), optimizers[name]
        for batch in batches:
            optimizer.zero_grad()
            losses[name](batch).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    tokens = sum(int(each.real.sum()) for each in batches)
    runs = {name: _timed(partial(run, name)) for name in models}
    if joey:
        runs["JoeyNMT"] = partial(joey.seconds, "train")
    seconds = _compare(f"{cell}: training", runs)
    shown = ", ".join(f"{name} {tokens / each:,.0f}" for name, each in seconds.items())
    console.print(f"    target tokens a second: {shown}")


def _speed_of_decoding(
    cell: str, own: Any, peer: Any, side: Any, batches: list[Any], width: int, joey: Any
) -> None:
    """Translations as long as the references, by constraint, for the weights are random; and all
    of a batch equally long, as JoeyNMT can be asked to write them."""
    name = "greedy" if width == 1 else f"beam {width}"

    def of_elman(*, even: bool = False) -> list[list[int]]:
        own.eval()
        found: list[list[int]] = []
        with torch.inference_mode():
            for batch in batches:
                wanted = _even(batch) if even else batch.real.sum(0)
                ids = torch.full_like(wanted, side.start_id)
                state = own.encode(batch.source, batch.lengths)
                limits = Limits(int(wanted.max()), side.end_id)
                lengths = _Lengths(wanted, side.end_id)
                if width == 1:
                    each = greedy(own, ids, state, limits, [lengths])
                else:
                    several = beam(own, ids, state, limits, width=width, constraints=[lengths])
                    each = [row[0] for row in several]
                found += [row.ids for row in each]
        return found

    def of_torch() -> list[list[int]]:
        peer.eval()
        found: list[list[int]] = []
        with torch.inference_mode():
            for batch in batches:
                wanted = batch.real.sum(0)
                ids = torch.full_like(wanted, side.start_id)
                given = (peer, batch.source, batch.lengths, ids, wanted, side.end_id)
                search = translate_torch.greedy if width == 1 else translate_torch.beam
                found += search(*given) if width == 1 else search(*given, width)
        return found

    pairs = list(zip(of_elman(), of_torch(), strict=True))
    same = sum(one == other for one, other in pairs) / len(pairs)
    runs = {"elman": _timed(of_elman), "torch.nn": _timed(of_torch)}
    _compare(f"{cell}: 1,000 sentences, {name}", runs, 3)
    console.print(f"    the same translations: {100 * same:.1f} %")
    if joey:
        runs = {
            "elman": _timed(partial(of_elman, even=True)),
            "JoeyNMT": partial(joey.seconds, str(width)),
        }
        _compare(f"{cell}: twice the source's length, {name}", runs, 3)


def _even(batch: Any) -> Tensor:
    return torch.full_like(batch.lengths, 2 * len(batch.source))


class _Lengths:
    """A constraint: each sequence ends when it has as many tokens as `wanted`, (B,), says."""

    def __init__(self, wanted: Tensor, end: int) -> None:
        self.wanted, self.end = wanted, end

    def forbid(self, scores: Tensor, written: Tensor, rows: Tensor, /) -> Tensor:
        return translate_torch.at_length(scores, written.shape[1], self.wanted[rows], self.end)


class _JoeyNMT:
    """JoeyNMT in the environment whose Python JOEYNMT_PYTHON names; false if there is none."""

    def __init__(self, size: int, train: list[Any], decode: list[Any]) -> None:
        self._process: Any = None
        if not (python := os.environ.get("JOEYNMT_PYTHON")):
            return
        script = Path(__file__).with_name("translate_joeynmt.py")
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        quiet = {"stderr": subprocess.DEVNULL, "env": {**os.environ, "PYTHONPATH": ""}}
        self._process = subprocess.Popen([python, str(script)], **pipes, **quiet)
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "batches.pt"
        given = {
            name: [(b.source, b.lengths, b.outputs) for b in each]
            for name, each in (("train", train), ("decode", decode))
        }
        torch.save({"size": size, **given}, path)
        self._say(str(path))

    def __bool__(self) -> bool:
        return self._process is not None

    def seconds(self, what: str) -> float:
        """Of a run."""
        self._say(what)
        for line in self._process.stdout:
            if re.fullmatch(r"[\d.]+(e-\d+)?", line.strip()):
                return float(line)
        raise SystemExit("JoeyNMT ended before it had answered")

    def _say(self, line: str) -> None:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


def _timed(run: Callable[[], Any]) -> Callable[[], float]:
    """The seconds that a processor takes, which other work on it does not change much."""

    def seconds() -> float:
        start = time.process_time()
        run()
        return time.process_time() - start

    return seconds


def _compare(
    title: str, runs: dict[str, Callable[[], float]], repeats: int = 5
) -> dict[str, float]:
    """The medians of runs by turns, and the ratios to the first one's."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name in np.roll(list(runs), turn).tolist():
            seconds = runs[name]()
            if turn:  # the first warms up
                times[name].append(seconds)
    medians = {name: statistics.median(each) for name, each in times.items()}
    own, *_ = medians.values()
    shown = "  ".join(
        f"{name} {each:.2f} s" + (f" ({each / own:.2f})" if each != own else "")
        for name, each in medians.items()
    )
    console.print(f"  {title:42} {shown}")
    return medians


def main() -> None:
    """Run the named parts, or all."""
    parts = {"tatoeba": tatoeba, "forms": forms, "toys": toys, "speed": speed}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
