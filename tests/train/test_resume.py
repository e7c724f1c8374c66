"""Exact resume: after a crash, a kill -9 or Ctrl-C, the same bits as an unbroken run."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from elman.errors import ModelError, SettingsError
from elman.train import CHECKPOINT, ParameterGroup, Step, TrainingInterrupted, TrainSettings, fit
from elman.train.checkpoint import read_checkpoint
from elman.train.weights import copied, live_weights


class Noise:
    """Batches of random sequences (time, batch, 3), a function of epoch and position only."""

    def __init__(self, count: int = 8) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def epoch(self, e: int, start: int = 0) -> Iterator[torch.Tensor]:
        for i in range(start, self.count):
            generator = torch.Generator().manual_seed(1000 * e + i)
            yield torch.randn(5, 4, 3, generator=generator, dtype=torch.float64)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recur = nn.LSTM(3, 6, num_layers=2, dropout=0.3)
        self.norm = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x, state=None):
        y, state = self.recur(x, state)
        y = self.norm(y.flatten(0, 1)).unflatten(0, y.shape[:2])
        return self.head(y), state


def make_net() -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return Net().double()


def carried_loss(model: Net, x: torch.Tensor, state) -> Step:
    y, state = model(x[:-1], state)
    noise = 0.01 * random.random() + 0.01 * float(np.random.rand())
    return Step(nn.functional.mse_loss(y, x[1:]) + noise * y.square().mean(), x[1:].numel(), state)


def evaluate(model: Net) -> dict[str, float]:
    assert not model.training
    torch.rand(3), random.random(), np.random.rand()
    x = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return {"loss": nn.functional.mse_loss(model(x[:-1])[0], x[1:]).item()}


HARD = {
    "optimizer": "sgd",
    "momentum": 0.9,
    "lr": 0.05,
    "ema": 0.9,
    "warmup": 0.2,
    "clip": 0.3,
    "epochs": 4,
    "weight_decay": 0.01,
    "log_every": 3,
    "checkpoint_every": 5,
}


def weights_equal(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def assert_same_end(one: Path, other: Path) -> None:
    """The final checkpoints hold the same bits, but for what the clock says."""
    ends = [read_checkpoint(folder / CHECKPOINT) for folder in (one, other)]
    for end in ends:
        del end["at"]["seconds"]
    assert_equal_nests(*ends)


def assert_equal_nests(one, other) -> None:
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal_nests(one[key], other[key])
    elif isinstance(one, list | tuple):
        for a, b in zip(one, other, strict=True):
            assert_equal_nests(a, b)
    else:
        assert one == other


class CrashError(Exception):
    pass


def dying(at: int):
    """The loss of above that fails at its call number `at`."""
    calls = 0

    def loss(model, x, state):
        nonlocal calls
        calls += 1
        if calls == at:
            raise CrashError
        return carried_loss(model, x, state)

    return loss


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [(name, "cosine") for name in ("adamw", "adam", "nadam", "radam", "rmsprop", "sgd")]
    + [("sgd", name) for name in ("linear", "plateau", "constant")],
)
def test_resume_is_exact(tmp_path, optimizer, schedule):
    options = {**HARD, "optimizer": optimizer, "schedule": schedule}
    if optimizer not in ("sgd", "rmsprop"):
        options["momentum"] = 0.0
    settings = TrainSettings(**options)
    whole, broken = make_net(), make_net()
    keywords = {"settings": settings, "evaluate": evaluate, "progress": False}
    expected = fit(whole, Noise(), carried_loss, folder=tmp_path / "whole", **keywords)
    with pytest.raises(CrashError):
        fit(broken, Noise(), dying(14), folder=tmp_path / "broken", **keywords)
    broken = make_net()
    result = fit(broken, Noise(), carried_loss, folder=tmp_path / "broken", resume=True, **keywords)
    assert weights_equal(whole, broken)
    assert result.step == expected.step == 32
    assert (result.best, result.history) == (expected.best, expected.history)
    assert_same_end(tmp_path / "whole", tmp_path / "broken")

    def lines(name):
        text = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        return [{k: v for k, v in json.loads(x).items() if k != "seconds"} for x in text]

    assert lines("whole") == lines("broken")


@pytest.mark.parametrize("at", [1, 5, 8, 9, 17, 32])
@pytest.mark.parametrize("every", [None, 4])
def test_resume_is_exact_wherever_it_broke(tmp_path, at, every):
    options = {**HARD, "evaluate_every": every, "checkpoint_every": 4}
    if every is None:  # with layers that learn from step 13 on
        options |= {"optimizer": "adamw", "momentum": 0.0}
    settings = TrainSettings(**options)

    def run(model, loss, name, **more):
        layers = [ParameterGroup([*model.recur.parameters()], rate=0.5, frozen=0.4)]
        keywords = {"settings": settings, "evaluate": evaluate, "progress": False, **more}
        groups = layers if every is None else ()
        return fit(model, Noise(), loss, folder=tmp_path / name, groups=groups, **keywords)

    whole, broken = make_net(), make_net()
    run(whole, carried_loss, "whole")
    with pytest.raises(CrashError):
        run(broken, dying(at), "broken")
    run(broken, carried_loss, "broken", resume=True)
    assert weights_equal(whole, broken)
    assert_same_end(tmp_path / "whole", tmp_path / "broken")


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
import test_resume as t
def loss(model, x, state):
    time.sleep(0.01)
    return t.carried_loss(model, x, state)
t.fit(t.make_net(), t.Noise(), loss, settings=t.TrainSettings(**t.OFTEN), folder=Path({folder!r}),
      evaluate=t.evaluate, progress=False, resume=sys.argv[1] == "resume")
"""

OFTEN = {**HARD, "checkpoint_every": 1, "epochs": 12}


def test_a_process_killed_twice_resumes_exactly(tmp_path):
    folder = tmp_path / "run"
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(here=str(Path(__file__).parent), folder=str(folder)))
    for how, step in (("anew", 21), ("resume", 60)):
        process = subprocess.Popen([sys.executable, str(script), how])
        log = folder / "metrics.jsonl"
        while not log.exists() or f'"step": {step},' not in log.read_text():
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    unbroken, resumed = make_net(), make_net()
    keywords = {"evaluate": evaluate, "progress": False}
    settings = TrainSettings(**{**OFTEN, "checkpoint_every": 1000})
    fit(resumed, Noise(), carried_loss, settings=settings, folder=folder, resume=True, **keywords)
    fit(
        unbroken, Noise(), carried_loss, settings=settings, folder=tmp_path / "unbroken", **keywords
    )
    assert weights_equal(unbroken, resumed)
    assert_same_end(tmp_path / "unbroken", folder)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", [8, 12])
@pytest.mark.parametrize("every", [None, 4])
def test_a_signal_stops_after_the_step_and_resumes_exactly(tmp_path, signum, at, every):
    settings = TrainSettings(**{**HARD, "evaluate_every": every, "checkpoint_every": 100})
    keywords = {"settings": settings, "evaluate": evaluate, "progress": False}
    fit(make_net(), Noise(), carried_loss, folder=tmp_path / "whole", **keywords)
    calls = 0

    def loss(model, x, state):
        nonlocal calls
        calls += 1
        if calls == at:
            signal.raise_signal(signum)
        return carried_loss(model, x, state)

    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(TrainingInterrupted, match=f"after step {at}; resume from") as caught:
        fit(make_net(), Noise(), loss, folder=tmp_path / "broken", **keywords)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.signum == signum
    assert (caught.value.result.step, caught.value.result.stopped_because) == (at, "interrupted")
    assert handlers == [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    fit(make_net(), Noise(), carried_loss, folder=tmp_path / "broken", resume=True, **keywords)
    assert_same_end(tmp_path / "whole", tmp_path / "broken")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("every", [None, 11])
@pytest.mark.parametrize("at", [10, 11])
def test_a_signal_in_the_last_step_of_max_steps(tmp_path, signum, every, at):
    settings = TrainSettings(**{**HARD, "max_steps": 11, "evaluate_every": every})
    keywords = {"settings": settings, "evaluate": evaluate, "progress": False}
    whole, broken = make_net(), make_net()
    expected = fit(whole, Noise(), carried_loss, folder=tmp_path / "whole", **keywords)
    calls = 0

    def loss(model, x, state):
        nonlocal calls
        calls += 1
        if calls == at:
            signal.raise_signal(signum)
        return carried_loss(model, x, state)

    with pytest.raises(TrainingInterrupted, match=f"after step {at}"):
        fit(make_net(), Noise(), loss, folder=tmp_path / "broken", **keywords)
    for _ in range(2):
        result = fit(
            broken, Noise(), carried_loss, folder=tmp_path / "broken", resume=True, **keywords
        )
        assert result.step == expected.step == 11
        assert result.history == expected.history
        assert weights_equal(whole, broken)
    assert_same_end(tmp_path / "whole", tmp_path / "broken")


def test_an_interrupted_model_holds_the_best_weights():
    seen = []

    def remember(model):
        seen.append(copied(live_weights(model)))
        return {"accuracy": float(-len(seen))}

    def loss(model, x, state):
        if len(seen) == 2:
            signal.raise_signal(signal.SIGINT)
        return carried_loss(model, x, state)

    model = make_net()
    with pytest.raises(TrainingInterrupted):
        fit(model, Noise(), loss, settings=TrainSettings(), evaluate=remember, progress=False)
    assert_equal_nests(live_weights(model), seen[0])


def test_tied_frozen_and_unused_parameters(tmp_path):
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 3)
            self.b = nn.Linear(3, 3)
            self.b.weight = self.a.weight
            self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)
            self.unused = nn.Parameter(torch.ones(2))
            self.empty = nn.Parameter(torch.ones(0))

    def loss(model, x, state):
        return Step(model.b(model.a(x.float())).square().mean(), 1, state)

    settings = TrainSettings(epochs=1, ema=0.5)
    model = Tied()
    fit(model, Noise(), loss, settings=settings, folder=tmp_path, progress=False)
    assert model.b.weight is model.a.weight
    assert torch.equal(model.frozen, torch.ones(2))
    assert torch.equal(model.unused, torch.ones(2))
    again = Tied()
    fit(again, Noise(), loss, settings=settings, folder=tmp_path, progress=False, resume=True)
    assert weights_equal(model, again)


def test_a_finished_run_is_not_overwritten_and_resumes_to_its_end(tmp_path):
    settings = TrainSettings(epochs=2)
    model, again = make_net(), make_net()
    keywords = {"folder": tmp_path, "progress": False, "evaluate": evaluate}
    result = fit(model, Noise(), carried_loss, settings=settings, **keywords)
    with pytest.raises(SettingsError, match=r"step 16.*resume=True.*another folder"):
        fit(again, Noise(), carried_loss, settings=settings, **keywords)
    log = (tmp_path / "metrics.jsonl").read_bytes()
    assert fit(again, Noise(), carried_loss, settings=settings, resume=True, **keywords) == result
    assert weights_equal(model, again)
    assert log == (tmp_path / "metrics.jsonl").read_bytes()


def test_a_run_that_failed_before_its_first_step_may_be_started_again(tmp_path):
    settings = TrainSettings(epochs=1)
    with pytest.raises(CrashError):
        fit(make_net(), Noise(), dying(1), settings=settings, folder=tmp_path, progress=False)
    fit(make_net(), Noise(), carried_loss, settings=settings, folder=tmp_path, progress=False)


def test_a_constant_schedule_may_be_prolonged(tmp_path):
    short = TrainSettings(epochs=2, schedule="constant", max_steps=11)
    long = TrainSettings(epochs=3, schedule="constant")
    whole, pieces = make_net(), make_net()
    fit(whole, Noise(), carried_loss, settings=long, progress=False)
    fit(pieces, Noise(), carried_loss, settings=short, folder=tmp_path, progress=False)
    fit(pieces, Noise(), carried_loss, settings=long, folder=tmp_path, resume=True, progress=False)
    assert weights_equal(whole, pieces)


@pytest.mark.parametrize(
    ("before", "after"),
    [({"epochs": 3}, {"epochs": 2}), ({"max_steps": 9}, {"max_steps": 4}), ({}, {"max_steps": 4})],
)
def test_a_run_cannot_be_made_shorter_than_it_was(tmp_path, before, after):
    settings = [
        TrainSettings(**{"epochs": 3, "schedule": "constant", **d}) for d in (before, after)
    ]
    keywords = {"folder": tmp_path, "progress": False}
    fit(make_net(), Noise(), carried_loss, settings=settings[0], **keywords)
    with pytest.raises(SettingsError, match=r"(epochs|max_steps) was .* start_from"):
        fit(make_net(), Noise(), carried_loss, settings=settings[1], resume=True, **keywords)


def test_other_settings_batches_and_weights_are_refused_by_name(tmp_path):
    def resumed(model, batches, **changes):
        settings = TrainSettings(**{"epochs": 1, **changes})
        fit(
            model,
            batches,
            carried_loss,
            settings=settings,
            folder=tmp_path,
            resume=True,
            progress=False,
        )

    keywords = {"folder": tmp_path, "progress": False}
    with pytest.raises(ModelError, match="no such checkpoint"):
        resumed(make_net(), Noise())
    fit(make_net(), Noise(), carried_loss, settings=TrainSettings(epochs=1), **keywords)
    with pytest.raises(SettingsError, match=r"lr was 0\.001 and is 0\.5, seed was 0 and is 4"):
        resumed(make_net(), Noise(), lr=0.5, seed=4)
    with pytest.raises(SettingsError, match="epochs was 1 and is 2"):
        resumed(make_net(), Noise(), epochs=2)
    with pytest.raises(SettingsError, match=r"len\(batches\) was 8 and is 9"):
        resumed(make_net(), Noise(9))
    with pytest.raises(SettingsError, match=r"'weight_ih_l0' is missing there and float64 \(12, 3"):
        resumed(nn.LSTM(3, 3).double(), Noise())
    with pytest.raises(SettingsError, match=r"'recur.weight_ih_l0' is float64 .* float32 \(24, 3"):
        resumed(make_net().float(), Noise())
    resumed(make_net(), Noise(), checkpoint_every=3, log_every=7, device="cpu")


def test_a_state_that_no_checkpoint_can_hold_is_refused_by_name(tmp_path):
    settings = TrainSettings(epochs=1, checkpoint_every=1)
    with pytest.raises(SettingsError, match="'state/x', a set"):
        fit(
            make_net(),
            Noise(),
            lambda m, b, s: Step(carried_loss(m, b, None).loss, 1, {"x": {1}}),
            settings=settings,
            folder=tmp_path,
            progress=False,
        )


def test_modes_and_generators_are_left_as_they_were():
    model = make_net()
    model.eval()
    model.head.train()
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    modes = []

    def loss(model, x, state):
        modes.append((model.training, model.recur.training))
        return carried_loss(model, x, state)

    fit(model, Noise(2), loss, settings=TrainSettings(epochs=1), evaluate=evaluate, progress=False)
    assert modes == [(True, True)] * 2
    assert (model.training, model.recur.training, model.head.training) == (False, False, True)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    assert (before[2] == np.random.get_state()[1]).all()


def test_a_module_frozen_in_eval_mode_stays_so():
    model = make_net()
    model.norm.eval()
    mean = model.norm.running_mean.clone()
    fit(
        model,
        Noise(2),
        carried_loss,
        settings=TrainSettings(epochs=1),
        evaluate=evaluate,
        progress=False,
    )
    assert torch.equal(model.norm.running_mean, mean)
    assert not model.norm.training


def test_evaluation_does_not_change_the_training():
    one, other = make_net(), make_net()
    settings = TrainSettings(epochs=2)
    fit(one, Noise(), carried_loss, settings=settings, progress=False)
    weights = []

    def loss(model, x, state):
        step = carried_loss(model, x, state)
        weights.append(copied(live_weights(model)))
        return step

    often = TrainSettings(epochs=2, evaluate_every=1)
    fit(other, Noise(), loss, settings=often, evaluate=evaluate, progress=False)
    again = []

    def silent(model, x, state):
        again.append(copied(live_weights(model)))
        return carried_loss(model, x, state)

    fit(make_net(), Noise(), silent, settings=settings, progress=False)
    for a, b in zip(weights, again, strict=True):
        assert_equal_nests(a["recur.weight_hh_l0"], b["recur.weight_hh_l0"])
