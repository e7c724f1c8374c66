"""Other ways of running a recurrent layer, to be compared with."""

import shutil
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from elman.bench import in_jax, in_onnx
from elman.bench.workload import Run, Work, of_module
from elman.cells import BUILTIN, Cell
from elman.errors import SettingsError
from elman.nn import Recurrent, layer


class Rival(NamedTuple):
    """A rival by its name.

    **Fields:**

    - `lack`: what this machine lacks for it, None if nothing.
    - `can`: whether it can do some work.
    - `start`: its run for that work, which returns what `ours` returns.
    - `unasked`: whether it takes part if nobody names it.
    """

    name: str
    lack: Callable[[], str | None]
    can: Callable[[Work], bool]
    start: Callable[[Work], Run]
    unasked: bool = True


_TWINS: dict[type[Cell], Callable[..., nn.Module]] = {
    BUILTIN["lstm"]: nn.LSTM,
    BUILTIN["gru"]: nn.GRU,
    BUILTIN["rnn"]: nn.RNN,
    BUILTIN["rnn_relu"]: lambda *sizes: nn.RNN(*sizes, nonlinearity="relu"),
}


def _torch_nn(job: Work) -> Run:
    module = _TWINS[type(job.layer.cell)](job.layer.input_size, job.layer.hidden_size)
    module.load_state_dict(job.layer.state_dict())
    return of_module(module, job)


def _loop(job: Work) -> Run:
    return of_module(_reference(job), job)


def _compiled_loop(job: Work) -> Run:
    torch._dynamo.reset()  # it stops to compile after some shapes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, while it compiles
        run = of_module(torch.compile(_reference(job), dynamic=False), job)
        run()
    return run


def _reference(job: Work) -> Recurrent:
    own = job.layer
    module = layer(own.cell, own.input_size, own.hidden_size, backend="reference")
    module.load_state_dict(own.state_dict())
    return module


def _compiler_lack() -> str | None:
    found = any(map(shutil.which, ("g++", "clang++", "c++", "cl")))
    return None if found else "torch.compile needs a C++ compiler, and none is found"


RIVALS = (
    Rival("torch.nn", lambda: None, lambda job: type(job.layer.cell) in _TWINS, _torch_nn),
    Rival("loop", lambda: None, lambda _: True, _loop),
    Rival("torch.compile", _compiler_lack, lambda _: True, _compiled_loop, unasked=False),
    Rival("jax", in_jax.lack, lambda _: True, in_jax.start),
    Rival("onnxruntime", in_onnx.lack, in_onnx.can, in_onnx.start),
)


def choose(names: Sequence[str] = ()) -> list[Rival]:
    """The rivals of these names; if none are named, all that are at hand and quick to start.

    >>> [rival.name for rival in choose(["loop", "torch.nn"])]
    ['torch.nn', 'loop']
    """
    known = [rival.name for rival in RIVALS]
    for name in names:
        if name not in known:
            raise SettingsError(f'rival "{name}" is unknown; there are {", ".join(known)}')
    if not names:
        return [rival for rival in RIVALS if rival.unasked and rival.lack() is None]
    chosen = [rival for rival in RIVALS if rival.name in names]
    for rival in chosen:
        if lack := rival.lack():
            raise SettingsError(f'rival "{rival.name}": {lack}')
    return chosen
