"""A model's graphs as machine code, and what runs it here: what libraries and web pages hold."""

from collections.abc import Mapping
from dataclasses import dataclass

from elman.export.code.elements import names_of
from elman.export.native.functions import Module, build
from elman.export.native.running import loaded, run_here
from elman.export.native.targets import Target, compile_object
from elman.nn.export_spec import Run
from elman.nn.graph import Graph


@dataclass(frozen=True)
class Part:
    """The code of one graph: a module and its object file."""

    graph: Graph
    module: Module
    content: bytes


@dataclass(frozen=True)
class Compiled:
    """Parts by the names of their graphs, and what calls them."""

    target: Target
    parts: Mapping[str, Part]
    runs: Mapping[str, Run]
    notes: tuple[str, ...] = ()
    unchecked: str | None = None
    has_padding: bool = False


def parts_of(graphs: Mapping[str, Graph], name: str, target: Target) -> dict[str, Part]:
    """Each graph's code for a machine; a step's also runs over sequences.

    **Raises:** `ExportError` for what has no form in machine code.
    """
    found = {}
    for graph, own in names_of(graphs, name).items():
        sequence = graphs.get("sequence") if graph == "step" else None
        module = build(graphs[graph], own, target, sequence)
        content = compile_object(target, module.code)
        found[graph] = Part(graphs[graph], module, content)
    return found


def runs_of(graphs: Mapping[str, Graph], parts: Mapping[str, Part]) -> dict[str, Run]:
    """What code for this machine computes, by the names of the graphs."""
    found: dict[str, Run] = {}
    for name, part in parts.items():
        found |= loaded(graphs, name, part.module, part.content)
    return found


def others_here(graphs: Mapping[str, Graph], names: Mapping[str, Part]) -> dict[str, Run]:
    """The same by code that is made for this machine, where the parts are for another."""
    found: dict[str, Run] = {}
    for name in names:
        found |= run_here(graphs, name)
    return found
