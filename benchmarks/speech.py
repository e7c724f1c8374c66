"""What the recogniser reaches on real speech, how fast, and in how much memory.

    python benchmarks/speech.py                     # all of them
    python benchmarks/speech.py an4 strings         # some

Settings were chosen on held-out speakers of the training part; the test parts are for the figures
printed here. Needs the datasets sp_an4_mfcc and sp_fsdd (elman data list). AN4's published figure
is that of deepspeech.pytorch's README, a larger network on spectrograms: WER 10.58, CER 4.88.
The processor's time is that of one thread (OMP_NUM_THREADS=1) where neighbours share the machine.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import elman
from elman.data import Audio, joined_strings, read_utterances
from elman.decode.ctc_beam import CTCBeam
from elman.decode.error_rates import wer
from elman.decode.ngram import estimate
from elman.tasks import Speech
from elman.tasks.speech.stream import Listener

AN4 = {
    "bidirectional": True,
    "deltas": 2,
    "speed": 0.15,
    "epochs": 60,
    "hidden_size": 160,
    "num_layers": 3,
}
STRINGS = {
    "bidirectional": False,
    "hidden_size": 128,
    "num_layers": 2,
    "batch_size": 8,
    "epochs": 15,
    "time_share": 0.02,  # a digit must not be hidden whole
    "feature_share": 0.2,
    "dropout": 0.1,
    "input_dropout": 0.0,
    "output_dropout": 0.1,
}
BOTH = STRINGS | {"bidirectional": True, "hidden_size": 96, "epochs": 8}
AHEAD = BOTH | {"look_ahead": 0.24}
RUNS = Path("runs")
console = Console(width=110, highlight=False)


def an4() -> None:
    """AN4, official split: offline, with the beam and the n-gram of the training transcripts."""
    task = _trained("an4", "sp_an4_mfcc:train", AN4)
    _tested("AN4", task, "sp_an4_mfcc:test")


def words() -> None:
    """A small network for AN4: the bonus of a word, and words that the n-gram model lacks."""
    settings = {"bidirectional": True, "hidden_size": 96, "num_layers": 2, "stack": 4}
    rates = {"epochs": 26, "lr": 8e-3, "dropout": 0.1, "output_dropout": 0.1, "beam": 4}
    fixed = {"lm_weight": 0.5, "word_bonus": 0.0}
    train, test = read_utterances("sp_an4_mfcc:train"), read_utterances("sp_an4_mfcc:test")
    task = _trained("words", train, settings | rates | fixed, train[900:])
    scores, texts = [each.astype(float) for each in task.log_probs(test)], test.texts
    places = range(0, len(texts) - 2, 8)
    joined = [np.concatenate(scores[i : i + 8]) for i in places]
    talks = [" ".join(texts[i : i + 8]) for i in places]
    longer = sorted({word for text in texts for word in text.split() if len(word) > 1})
    out = set(np.random.default_rng(0).permutation(longer)[: len(longer) // 5].tolist())
    whole = estimate(train.texts)
    fewer = estimate([text for text in train.texts if not out & set(text.split())])
    for bonus in (0.0, 1.5):
        for name, lm, sounds, said in (
            ("utterances", whole, scores, texts),
            ("joined", whole, joined, talks),
            ("joined, words lacking", fewer, joined, talks),
        ):
            beam = CTCBeam(task.alphabet, lm=lm, word_bonus=bonus)
            found = [beam.decode(each)[0].text for each in sounds]
            console.print(f"word_bonus={bonus}, {name}: word error rate {wer(said, found)}")


def strings() -> None:
    """Strings of 3 to 7 spoken digits, joined from recordings that training has not seen."""
    test = list(joined_strings(list(read_utterances("sp_fsdd:test")), 500, seed=7))
    _tested("Digit strings, from both ends", _digits("both", BOTH), test)
    _tested("Digit strings, forwards", _digits(), test)
    _tested("Digit strings, a quarter of a second ahead", _digits("ahead", AHEAD), test)


def streaming() -> None:
    """Digit strings for an hour, a tenth of a second at a time: the same as offline, and how."""
    task = _digits()
    recordings = list(read_utterances("sp_fsdd:test"))
    sounds, total = [], 0.0
    for each in joined_strings(recordings, 2000, seed=8):
        sounds += [each.samples(8000), np.zeros(4000, np.float32)]
        total += each.seconds + 0.5
        if total > 3600:
            break
    sound = np.concatenate(sounds)
    del sounds
    listener, session = Listener(task), task.stream(pause=1.0)
    resident, cpu = [], 0.0
    for at in range(0, len(sound), 800):
        start = time.process_time()
        session.accept(sound[at : at + 800])
        cpu += time.process_time() - start
        if at // 800 % 600 == 599:  # every minute
            resident.append(_resident())
    streamed = session.finish()
    console.print(
        f"an hour in tenths of a second ({total:.0f} s): real-time factor"
        f" {cpu / total:.4f} of the processor, {session.seconds / total:.4f} by the clock"
    )
    growth = max(resident[4:]) / resident[4] - 1
    console.print(
        f"  resident after 5 minutes {resident[4]:.0f} MB, at the end"
        f" {resident[-1]:.0f} MB; at most {100 * growth:.1f} % more"
    )
    parts = [listener.accept(sound[at : at + 4321]) for at in range(0, len(sound), 4321)]
    scores = np.concatenate([*parts, listener.finish()])
    whole = Audio(sound, 8000)
    offline = task.log_probs([whole])[0]
    difference = np.abs(scores - offline).max()
    text = task.transcribe([whole], pause=1.0)[0].text
    console.print(
        f"  scores differ from those of the hour at once by {difference:.1e} at most;"
        f" the text is {'the same' if text == streamed.text else 'ANOTHER'}"
    )


def _digits(name: str = "strings", settings: dict[str, Any] = STRINGS) -> Speech:
    """A recogniser of digit strings; each recording is in one part only."""
    recordings = read_utterances("sp_fsdd:train")
    checked = [each for each in recordings if each.name.split("_")[2] in ("5.wav", "6.wav")]
    names = {each.name for each in checked}
    learnt = [each for each in recordings if each.name not in names]
    train = list(joined_strings(learnt, 4000, shortest=1, seed=1))
    validation = list(joined_strings(checked, 150, seed=2))
    return _trained(name, train, settings, validation)


def _resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _trained(name: str, data: Any, settings: dict[str, Any], validation: Any = None) -> Speech:
    """The model of an earlier run, or one trained now; the time it took."""
    folder = RUNS / f"speech-{name}"
    if (folder / "config.json").exists():
        task = elman.load(folder)
    else:
        wall, cpu = time.perf_counter(), time.process_time()
        task = Speech(**settings).fit(data, validation, folder=folder, progress=True)
        console.print(
            f"{name}: trained in {time.perf_counter() - wall:.0f} s,"
            f" {time.process_time() - cpu:.0f} s of the processor;"
            f" validation {task.record['metrics']}"
        )
    assert isinstance(task, Speech)
    return task


def _tested(title: str, task: Speech, data: Any) -> None:
    found = task.report(read_utterances(data))
    console.print(f"{title}: weight of words {task.lm_weight}, bonus {task.word_bonus}")
    console.print(f"  WER {found.wer}\n  CER {found.cer}")
    console.print(f"  real-time factor {found.real_time_factor:.4f}")


ALL = {each.__name__: each for each in (an4, words, strings, streaming)}


def main() -> None:
    chosen = sys.argv[1:] or list(ALL)
    if unknown := set(chosen) - set(ALL):
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}")
    for name in chosen:
        ALL[name]()


if __name__ == "__main__":
    main()
