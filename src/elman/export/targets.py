"""What a model can be exported to: each target is one line here, imported when it is used.

A target has a function `build(graphs, options) -> Built`. It gets graphs by name ("sequence",
"step", "encode"), writes each operation in its own language, and returns something that can be run,
so that its numbers are compared with the model's, and the files' contents. It raises `ExportError`
for an operation that it does not have.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from elman.errors import ExportError
from elman.messages import shown
from elman.nn.export_spec import Run
from elman.nn.graph import Graph


@dataclass(frozen=True)
class Options:
    """The arguments of a target besides the graphs.

    - `name`: how the files begin that are not called by a graph's name, such as "model".
    - `int8`: whether weights are whole numbers of 8 bits.
    - `target`: for which machine code is made, such as "x86-64-v3"; None for this one.
    - `separate_weights`: whether the weights stand in a binary file of their own.
    - `preprocessing`: what a program has to do before and after, as `preprocess.json` has it.
    """

    name: str = "model"
    int8: bool = False
    target: str | None = None
    separate_weights: bool = False
    preprocessing: Mapping[str, Any] = field(default_factory=dict)


class Built(Protocol):
    """Files that are ready to be written, and what runs them."""

    @property
    def runs(self) -> Mapping[str, Run]:
        """Of each graph by its name what computes it, from inputs and states by name to outputs
        and new states; empty where it cannot be run here, which `unchecked` explains."""

    @property
    def unchecked(self) -> str | None:
        """Why the files cannot be run on this machine, None if they can."""

    @property
    def has_padding(self) -> bool:
        """Whether outputs hold the model's numbers also on steps beyond a sequence's length."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is to be known, such as that it was not run on the machine it is made for."""

    def files(self, about: Mapping[str, str]) -> Mapping[str, bytes]:
        """The files by name; `about` is what they say of themselves where they have room for it."""


Build = Callable[[Mapping[str, Graph], Options], Built]


class Target(NamedTuple):
    """Where a target's `build` is, and the ending of the file that its files are named after."""

    where: str
    ending: str

    def load(self) -> Build:
        """The function, imported now."""
        module, _, function = self.where.partition(":")
        found: Build = getattr(importlib.import_module(module), function)
        return found


TARGETS = {
    "c": Target("elman.export.to_c.target:build", ".c"),
    "library": Target("elman.export.to_library.target:build", ".a"),
    "onnx": Target("elman.export.to_onnx.target:build", ".onnx"),
    "wasm": Target("elman.export.to_wasm.target:build", ".wasm"),
}


def named(name: str) -> Target:
    """A target by name; ExportError for another name.

    >>> named("onnx").ending
    '.onnx'
    """
    if not isinstance(name, str) or name not in TARGETS:
        raise ExportError(f"to={shown(name)}: the targets are {', '.join(TARGETS)}")
    return TARGETS[name]
