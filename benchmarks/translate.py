"""What the translator reaches on real pairs and on toy tasks, and how fast it is.

    python benchmarks/translate.py                      # all of them
    python benchmarks/translate.py tatoeba toys         # some

`tatoeba` needs the dataset mt_tatoeba_eng_cmn (elman data list) and the extra elman[translate]; it
trains both directions with nothing but the columns and the script of Chinese. `forms` compares the
decoder's forms on a part of it, `toys` has tasks with right answers, `speed` compares training and
decoding with the same network of torch.nn's layers, by turns in one process.
"""

import datetime
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import nn

from elman.baselines.nearest_text import nearest
from elman.data import Pairs, read_pairs
from elman.decode.search import Limits, beam, greedy
from elman.nn import Recurrent
from elman.tasks import Translate
from elman.tasks.translate.batches import TrainingPairs, by_length
from elman.tasks.translate.metrics import scores
from elman.tasks.translate.preprocessing import TranslatePreprocessing

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


FORMS: dict[str, dict[str, Any]] = {
    "attention after the first layer (the default)": {},
    "the same, general": {"attention": "general"},
    "input feeding": {"input_feeding": True},
    "LSTM": {"cell": "lstm"},
    "two encoder layers": {"num_layers": 2},
    "without tied weights": {"tie_weights": False},
    "without label smoothing": {"label_smoothing": 0.0},
    "with word dropout 0.1": {"token_dropout": 0.1},
    "with layer norm": {"layer_norm": True},
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
            f"  {name:46} BLEU {found['bleu']:5.2f}  chrF {found['chrf']:5.2f}"
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
    """Tokens a second in training, and sentences decoded, against torch.nn's layers."""
    pairs = read_pairs(f"{DATA}:train", source="english", target="chinese")
    for cell in ("gru", "lstm"):
        task = Translate(cell=cell, vocabulary_size=4000, **CHINESE)
        task._preprocessing = known = TranslatePreprocessing.learn(
            task.read(pairs, labelled=True), task.settings, None
        )
        own = task.build(known)
        peer = task.build(known)
        _with_torch(peer)
        peer.load_state_dict(own.state_dict())
        batches = list(TrainingPairs(known, *_texts(pairs), None, 600, 0).epoch(0))[:20]
        steps = {"elman": _training(task, own, batches), "torch.nn": _training(task, peer, batches)}
        _compare(f"{cell}: training", steps)
        sources = list(dict.fromkeys(pairs.sources))[-1000:]
        for width in (1, 5):
            runs = {
                "elman": _decoding(own, known, sources, width),
                "torch.nn": _decoding(peer, known, sources, width),
            }
            _compare(f"{cell}: 1,000 sentences, {'greedy' if width == 1 else 'beam 5'}", runs, 3)


def _texts(pairs: Pairs) -> tuple[list[str], list[str]]:
    return pairs.sources, pairs.targets or []


def _with_torch(model: nn.Module) -> None:
    """Every recurrent layer of a model becomes torch.nn's, packed where lengths differ."""
    for name, child in list(model.named_children()):
        if isinstance(child, Recurrent):
            setattr(model, name, TorchLayers(child))
        else:
            _with_torch(child)


class TorchLayers(nn.Module):
    """torch.nn's LSTM or GRU in the place of a `Recurrent`."""

    def __init__(self, of: Recurrent) -> None:
        super().__init__()
        kind = {"gru": nn.GRU, "lstm": nn.LSTM}[type(of.cell).__name__.lower()]
        both = of.bidirectional
        inner = kind(of.input_size, of.hidden_size, of.num_layers, bidirectional=both)
        for name, parameter in inner.named_parameters():
            self.register_parameter(name, parameter)
        self._inner = [inner]
        self.cell, self.num_layers = of.cell, of.num_layers
        self.input_size, self.output_size = of.input_size, of.output_size

    def forward(self, x: Any, state: Any = None, *, lengths: Any = None) -> Any:
        """As `Recurrent`."""
        if isinstance(state, tuple) and len(state) == 1:
            state = state[0]
        if lengths is None:
            return self._inner[0](x, state)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
        output, state = self._inner[0](packed, state)
        return nn.utils.rnn.pad_packed_sequence(output, total_length=len(x))[0], state

    def step(self, x: Any, state: Any) -> Any:
        """One time step."""
        output, state = self.forward(x.unsqueeze(0), state)
        return output[0], state


def _training(task: Any, model: Any, batches: list[Any]) -> Callable[[], None]:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def run() -> None:
        for batch in batches:
            optimizer.zero_grad()
            task.loss(model, batch, None).loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return run


def _decoding(model: Any, known: Any, sources: list[str], width: int) -> Callable[[], None]:
    batches = list(by_length(known, sources, [], 32).epoch(0))

    def run() -> None:
        model.eval()
        with torch.inference_mode():
            for batch in batches:
                ids = torch.full((len(batch.lengths),), known.target.start_id)
                state = model.encode(batch.source, batch.lengths)
                length = 2 * len(batch.source)
                limits = Limits(length, known.target.end_id, min_length=length - 1)
                if width == 1:
                    greedy(model, ids, state, limits)
                else:
                    beam(model, ids, state, limits, width=width, alpha=1.0)

    return run


def _compare(title: str, runs: dict[str, Callable[[], None]], repeats: int = 7) -> None:
    """The ratio of medians, run by turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in _rotated(runs, turn):
            start = time.perf_counter()
            run()
            if turn:  # the first warms up
                times[name].append(time.perf_counter() - start)
    own, peer = (statistics.median(times[name]) for name in ("elman", "torch.nn"))
    console.print(
        f"  {title:32} elman {own:6.2f} s  torch.nn {peer:6.2f} s  {peer / own:.2f} times as fast"
    )


def _rotated(runs: dict[str, Any], turn: int) -> Iterator[tuple[str, Any]]:
    names = list(runs)
    for name in np.roll(names, turn).tolist():
        yield name, runs[name]


def main() -> None:
    """Run the named parts, or all."""
    parts = {"tatoeba": tatoeba, "forms": forms, "toys": toys, "speed": speed}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
