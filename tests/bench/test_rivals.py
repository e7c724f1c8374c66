"""That rivals compute what the layer does, in every way in which they are timed."""

from typing import Any

import pytest
import torch
from torch.testing import assert_close

from elman.bench import rivals
from elman.bench.rivals import RIVALS, Rival, choose
from elman.bench.workload import DisagreementError, Work, check, ours, work
from elman.cells import BUILTIN
from elman.errors import SettingsError
from elman.math import exp, maximum, softplus, where
from elman.nn import layer

BY_NAME = {rival.name: rival for rival in RIVALS}


class Odd(BUILTIN["rnn"]):
    """Most operations that an equation may have."""

    gates = ("a", "b")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        a = where((x.a > 0) & ~(r.a > 1), softplus(x.a), exp(-(x.a * x.a)))
        return {"h": maximum(a - 0.5 * s.h, (x.b + r.b) / (1 + a)) - abs(s.h)}


def jobs(cell: Any) -> dict[str, Work]:
    torch.manual_seed(0)
    own = layer(cell, 3, 5, backend="compiled")
    x = torch.randn(4, 2, 3)
    with torch.no_grad():
        _, state = own(torch.randn(3, 2, 3))
    return {
        "inference": work(own, x),
        "train": work(own, x, gradients=True),
        "step": work(own, x[:1], state),
        "one step's training": work(own, x[:1], gradients=True),
    }


def at_hand(name: str) -> Rival:
    lack = BY_NAME[name].lack()
    if lack is not None:
        pytest.skip(lack)
    return BY_NAME[name]


@pytest.mark.parametrize("cell", [*BUILTIN, Odd], ids=str)
@pytest.mark.parametrize("name", ["torch.nn", "loop", "jax", "onnxruntime"])
def test_rivals_compute_the_same(name: str, cell: Any) -> None:
    rival = at_hand(name)
    done = 0
    for job in jobs(cell).values():
        if rival.can(job):
            got, expected = rival.start(job)(), ours(job)()
            assert job.layer.backend_used == "compiled"
            check(name, got, expected)
            weights = len(list(job.layer.parameters()))
            assert len(got) == (1 if job.upstream is None else 2 + weights)
            done += 1
    with_twin = {"torch.nn": ("rnn", "rnn_relu", "lstm", "gru")}
    with_twin["onnxruntime"] = (*with_twin["torch.nn"], "peephole_lstm")
    assert done == (
        (4 if name != "onnxruntime" else 2) if cell in with_twin.get(name, (cell,)) else 0
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own, in threads that it starts
def test_a_compiled_loop_computes_the_same() -> None:
    rival = at_hand("torch.compile")
    for job in jobs("gru").values():
        check(rival.name, rival.start(job)(), ours(job)())
    torch._dynamo.reset()  # other tests compile the same code, which it does a few times only


def test_a_rival_that_computes_something_else_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.bench import layers

    def wrong(job: Work) -> Any:
        return lambda: [1.01 * each for each in BY_NAME["loop"].start(job)()]

    fake = Rival("liar", lambda: None, lambda _: True, wrong)
    monkeypatch.setattr(rivals, "RIVALS", (*RIVALS, fake))
    with pytest.raises(DisagreementError, match="liar computes something else: result 0"):
        list(layers(["gru"], [(3, 2, 4, 4)], 0.0, ["inference"], ["liar"]))


@pytest.mark.parametrize("got", [[torch.ones(3)], [torch.tensor([1.0, float("nan")])]])
def test_shapes_and_nan_are_not_passed_over(got: Any) -> None:
    with pytest.raises(DisagreementError):
        check("it", got, [torch.ones(2)])


def test_choosing() -> None:
    assert "torch.compile" not in [rival.name for rival in choose()]
    assert [rival.name for rival in choose(["loop"])] == ["loop"]
    with pytest.raises(SettingsError, match='rival "cudnn" is unknown; there are'):
        choose(["cudnn"])


def test_what_is_lacking_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (("in_jax", "jax"), ("in_onnx", "onnxruntime")):
        monkeypatch.setattr(f"elman.bench.{module}.find_spec", lambda _: None)
        with pytest.raises(SettingsError, match="is not installed: pip install"):
            choose([name])
        assert name not in [rival.name for rival in choose()]
    monkeypatch.setattr(rivals.shutil, "which", lambda _: None)
    with pytest.raises(SettingsError, match="needs a C"):
        choose(["torch.compile"])


def test_the_onnx_model_is_valid_and_does_what_the_layer_does() -> None:
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    from elman.bench.in_onnx import model

    for cell in ("lstm", "gru", "rnn", "rnn_relu", "peephole_lstm"):
        job = jobs(cell)["step"]
        made = model(job)
        onnx.checker.check_model(made, full_check=True)
        names = ["X", *(f"initial_{name}" for name in job.layer.cell.state)]
        given = dict(zip(names, [v.detach().numpy() for v in (job.x, *job.states)], strict=True))
        if cell == "rnn_relu":
            continue  # the evaluator knows only tanh
        y = torch.from_numpy(ReferenceEvaluator(made).run(["Y"], given)[0][:, 0].copy())
        assert_close(y, ours(job)()[0], rtol=1e-4, atol=1e-5)
