"""What `Video` reaches on clips whose frames tell nothing one by one, and on Moving MNIST.

    python benchmarks/video.py                       # all of them
    python benchmarks/video.py motions tip           # some

- `motions`: eight motions of handwritten digits, told on digits that were not seen.
- `tip`: digits as the tip of a pen draws them, one dot a frame, encoded to MP4 and decoded again;
  tested on 14 other writers.
- `events`: long clips of handwritten digits that now and then do one of eight motions: what, from
  when to when, on digits that were not seen.
- `hands`: four gestures as sequences of fingertips, by `Classify`.
- `mnist`: Moving MNIST, 10 frames given and 10 predicted, of digits that were not seen; the squared
  error is summed over a frame, after 20 minutes of training.
- `radar`: rain over Finland, trained on an event of 2016 and tested on one of 2017, 10 frames given
  and 10 predicted (50 minutes): the squared error of a pixel, white being 1, times 1000, and the
  critical success index at 20 dBZ, beside the extrapolation along the optical flow.

Nothing is set but the data, and the thresholds of rain. `--seeds 3` gives each seed's figures.
Needs the datasets vid_mnist_digits, hw_pendigits_orig, vid_hand_point_history and vid_radar_fmi
(elman data list).
"""

import csv
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from cyclopts import App

from elman.data import (
    Clip,
    mnist_digits,
    motion_clips,
    motion_events,
    moving_digits,
    pen_tip,
    read_clips,
    read_inks,
    write_clip,
)
from elman.tasks import Classify, Video

app = App(help=__doc__)
TRAINED, TESTED = 800, 800  # clips of motions
SEQUENCES = 15_000  # of Moving MNIST
BUDGET = "20m"
VIDEOS = 60  # of 300 frames, with events
RADAR_BUDGET = "15m"
RAIN = 104.0  # brightness of 20 dBZ


def motions(seed: int) -> None:
    """Accuracy on unseen digits."""
    train = motion_clips(mnist_digits("train")[0], TRAINED, seed=seed)
    test = motion_clips(mnist_digits("test")[0], TESTED, seed=seed + 1)
    _tell("motions", Video(seed=seed), train, test)


def tip(seed: int) -> None:
    """Accuracy on unseen writers."""
    with tempfile.TemporaryDirectory() as folder:
        train, test = (_encoded(part, Path(folder) / part) for part in ("train", "test"))
        task = Video(seed=seed, cache=str(Path(folder) / "frames"))
        _tell("pen tip", task, train, test)


def events(seed: int) -> None:
    """F1 of events that overlap by half of their union, and the labels of frames."""
    train, test = (_long_clips(part, seed) for part in ("train", "test"))
    task, started = Video(seed=seed, kind="events", size=16, held_out=0.15), time.perf_counter()
    task.fit(train)
    minutes = (time.perf_counter() - started) / 60
    _tell_events(f"events, seed {seed}", task.evaluate(test))
    print(f"  trained in {minutes:.1f} min")
    for row in task.record["baselines"]:
        _tell_events(f"  {row['name']} (validation data)", row["metrics"])


def _long_clips(part: Literal["train", "test"], seed: int) -> tuple[list[Clip], list[Any]]:
    clips, found = motion_events(mnist_digits(part)[0], VIDEOS, seed=seed + (part == "test") * 1000)
    return [Clip(clip, rate=10) for clip in clips], found


def _tell_events(name: str, found: dict[str, float]) -> None:
    kept = ("event_f1", "event_precision", "event_recall", "frame_f1", "frame_accuracy")
    print(f"{name}: " + ", ".join(f"{each} {found[each]:.3f}" for each in kept))


def hands(seed: int) -> None:
    """Accuracy on blocks of time that were held out."""
    name = "vid_hand_point_history"
    _tell("hands", Classify(seed=seed), f"{name}:train", f"{name}:test")


def mnist(seed: int) -> None:
    """The squared error of a frame, lead by lead, on unseen digits."""
    train = moving_digits(mnist_digits("train")[0], SEQUENCES, seed=seed)
    held_out = moving_digits(mnist_digits("train")[0], 200, seed=seed + 1000)
    task = Video(seed=seed, budget=BUDGET)
    task.fit(train, held_out)
    found = task.evaluate("vid_mnist_digits/moving:test")
    leads = " ".join(f"{found[f'mse_{i}']:.0f}" for i in range(1, 11))
    print(f"mnist, seed {seed}: mse {found['mse']:.1f}, ssim {found['ssim']:.3f}; by lead: {leads}")
    _baselines(task)


def radar(seed: int) -> None:
    """Errors and hits of another event, lead by lead, beside forecasts without a model."""
    task = Video(seed=seed, budget=RADAR_BUDGET, thresholds=(RAIN,))
    task.fit("vid_radar_fmi:train")
    test = read_clips("vid_radar_fmi:test", labelled=False)
    print(f"radar, seed {seed}: 1000 x squared error, CSI at 20 dBZ; by lead")
    _tell_rain("model", task.evaluate(test))
    for name, found in task.simple_forecasts(test).items():
        _tell_rain(name, found)


def _tell_rain(name: str, found: dict[str, float]) -> None:
    leads = " ".join(f"{found[f'csi_{RAIN:g}_{i}']:.2f}" for i in range(1, 11))
    print(f"  {name}: {1000 * found['pixel_mse']:.2f}, {found[f'csi_{RAIN:g}']:.3f}; {leads}")


def _encoded(part: str, folder: Path) -> Path:
    """The pens' tips of a part of the data as MP4, and a table of them."""
    inks = read_inks(f"hw_pendigits_orig:{part}")
    folder.mkdir()
    writers = inks.writers or [""] * len(inks)
    with (folder / "clips.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "group"])
        for i, (ink, text) in enumerate(zip(inks, inks.texts or (), strict=True)):
            write_clip(pen_tip(ink), folder / f"{i}.mp4", rate=25)
            table.writerow([f"{i}.mp4", text, writers[i]])
    return folder / "clips.csv"


def _tell(name: str, task: Any, train: Any, test: Any) -> None:
    started = time.perf_counter()
    task.fit(train)
    minutes = (time.perf_counter() - started) / 60
    found = task.evaluate(test)
    line = f"{name}, seed {task.settings.seed}: accuracy {found['accuracy']:.4f}"
    print(f"{line}, trained in {minutes:.1f} min")
    _baselines(task)


def _baselines(task: Any) -> None:
    for row in task.record["baselines"]:
        print(f"  {row['name']}: {row['baseline']:.4f} on the validation data")


PARTS = {
    **{"motions": motions, "tip": tip, "events": events, "hands": hands},
    **{"mnist": mnist, "radar": radar},
}


@app.default
def run(*names: str, seeds: int = 1) -> None:
    """Run the named benchmarks, or all."""
    for name in names or PARTS:
        for seed in range(seeds):
            PARTS[name](seed)


if __name__ == "__main__":
    app()
