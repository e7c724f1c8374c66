"""A step from shards in one process: what it computes, and what it refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from elman.data.batching import Chunk
from elman.errors import SettingsError
from elman.train import Step, TrainingInterrupted, TrainSettings, fit
from elman.train.shards import with_shards
from elman.train.workers import OneProcess


class Letters:
    def __init__(self, streams: int = 5, count: int = 4) -> None:
        self.streams, self.count = streams, count

    def __len__(self) -> int:
        return self.count

    def epoch(self, e: int, start: int = 0) -> Iterator[Chunk]:
        for number in range(start, self.count):
            generator = torch.Generator().manual_seed(10 * e + number)
            x = torch.randint(6, (7, self.streams), generator=generator)
            yield Chunk(x[:-1], x[1:])


class Net(nn.Module):
    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding, self.recur, self.head = nn.Embedding(6, 4), nn.LSTM(4, 5), nn.Linear(5, 6)
        for name, part in parts.items():
            setattr(self, name, part)


def loss(model: Net, batch: Chunk, state: Any) -> Step:
    output, state = model.recur(model.embedding(batch.inputs), state)
    scores = model.head(output).flatten(0, 1)
    return Step(nn.functional.cross_entropy(scores, batch.targets.flatten()), len(scores), state)


def trained(shards: int | None, net: Net | None = None, compute: Any = loss, **options: Any) -> Net:
    net = Net() if net is None else net
    settings = {"epochs": 2, "optimizer": "sgd", "lr": 0.5, "clip": 0.4, "schedule": "constant"}
    fit(
        net,
        options.pop("batches", Letters()),
        compute,
        settings=TrainSettings(**{**settings, "shards": shards, **options}),
        progress=False,
    )
    return net


@pytest.mark.parametrize("shards", [1, 2, 3, 5, 8])
def test_without_randomness_shards_train_as_the_whole_batch(shards: int) -> None:
    whole, divided = trained(None), trained(shards)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(divided.state_dict()[name], value, rtol=1e-4, atol=1e-6)
    assert not torch.equal(whole.recur.weight_hh_l0, Net().recur.weight_hh_l0)


def test_states_are_carried_by_shard_and_through_a_checkpoint(tmp_path: Any) -> None:
    calls = 0

    def stopped(model: Net, batch: Chunk, state: Any) -> Step:
        nonlocal calls
        calls += 1
        if calls == 3 * 3:  # in the last shard of the third step
            import signal

            signal.raise_signal(signal.SIGTERM)
        return loss(model, batch, state)

    def run(compute: Any, resume: bool = False) -> Net:
        settings = TrainSettings(epochs=1, shards=3, lr=0.1)
        net = Net()
        options = {"settings": settings, "folder": tmp_path / "run", "progress": False}
        fit(net, Letters(), compute, resume=resume, **options)
        return net

    with pytest.raises(TrainingInterrupted, match="after step 3"):
        run(stopped)
    resumed = run(loss, resume=True)
    whole = trained(3, epochs=1, lr=0.1, optimizer="adamw", clip=1.0, schedule="cosine")
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)


def test_parameters_of_several_kinds_and_one_that_is_not_used() -> None:
    net = Net(unused=nn.Linear(2, 2), scale=nn.Linear(1, 1).double())

    def scaled(model: Net, batch: Chunk, state: Any) -> Step:
        step = loss(model, batch, state)
        return Step(step.loss * model.scale.weight.squeeze(), step.count, step.state)

    before = {name: value.clone() for name, value in net.state_dict().items()}
    trained(3, net, scaled, weight_decay=0.1)
    after = net.state_dict()
    assert torch.equal(after["unused.weight"], before["unused.weight"])
    assert after["scale.weight"].dtype == torch.float64
    assert not torch.equal(after["scale.weight"], before["scale.weight"])


def test_dropout_of_a_shard_does_not_depend_on_the_others() -> None:
    seen: dict[int, list[float]] = {}

    def drawing(shards: int) -> Any:
        seen[shards] = []

        def draw(model: Net, batch: Chunk, state: Any) -> Step:
            seen[shards].append(float(torch.rand(())))
            return loss(model, batch, state)

        return draw

    for shards in (2, 3):
        trained(shards, compute=drawing(shards), epochs=1)
    assert seen[2][0::2] == seen[3][0::3]
    assert seen[2][1::2] == seen[3][1::3]
    assert len({*seen[3]}) == 12


def test_the_monitor_looks_at_the_first_shard() -> None:
    def entries(shards: int, streams: int) -> list[Any]:
        result = fit(
            Net(),
            Letters(streams),
            loss,
            settings=TrainSettings(epochs=1, shards=shards, monitor="gradients", monitor_every=2),
            progress=False,
        )
        return [entry["layers"] for entry in result.gradients]

    found = entries(3, 5)
    assert len(found) == 3  # steps 1, 2 and 4
    assert all(layers for layers in found)


def test_a_network_that_batches_change_is_refused() -> None:
    net = Net(norm=nn.BatchNorm1d(5))

    def normed(model: Net, batch: Chunk, state: Any) -> Step:
        output, _ = model.recur(model.embedding(batch.inputs))
        scores = model.head(model.norm(output.flatten(0, 1)))
        return Step(nn.functional.cross_entropy(scores, batch.targets.flatten()), len(scores))

    with pytest.raises(SettingsError, match=r"norm\.running_mean.*layer or group normalisation"):
        trained(2, net, normed)


def test_batches_that_cannot_be_divided_are_refused() -> None:
    class Pairs(Letters):
        def epoch(self, e: int, start: int = 0) -> Iterator[Any]:
            return (tuple(chunk) for chunk in super().epoch(e, start))

    with pytest.raises(SettingsError, match=r"shards=2: batches of type tuple.*shard\(number"):
        trained(2, batches=Pairs())


def test_the_number_of_shards_of_a_run() -> None:
    class Four(OneProcess):
        size = 4

    settings = TrainSettings()
    saved = {"settings": {"shards": 6}}
    assert with_shards(settings, OneProcess(), None).shards is None
    assert with_shards(settings, Four(), None).shards == 4
    assert with_shards(settings, Four(), saved).shards == 6
    assert with_shards(settings, OneProcess(), saved).shards == 6
    assert with_shards(TrainSettings(shards=5), Four(), saved).shards == 5
    with pytest.raises(SettingsError, match="shards=3 for 4 workers"):
        with_shards(TrainSettings(shards=3), Four(), None)
    with pytest.raises(SettingsError, match="a run without shards"):
        with_shards(settings, Four(), {"settings": {"shards": None}})


def test_a_run_with_a_budget_ends(tmp_path: Any) -> None:
    trained(2, budget=0.3, epochs=10**4, schedule="cosine")
