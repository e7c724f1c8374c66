"""C99 as a target: a source and its header, compiled and called here to compare the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.errors import ExportError
from elman.export.code.elements import identifier, names_of
from elman.export.targets import Options
from elman.export.to_c.native import Native, compiler
from elman.export.to_c.source import Source, source
from elman.nn.export_spec import Run
from elman.nn.graph import Graph

_NO_COMPILER = (
    "no C compiler is here (cc, gcc, clang, or what the variable CC names), so that the source was"
    " neither compiled nor run"
)


@dataclass(frozen=True)
class Sources:
    """Sources, and what calls them where they could be compiled."""

    sources: tuple[Source, ...]
    runs: Mapping[str, Run]
    unchecked: str | None
    notes: tuple[str, ...] = ()
    has_padding: bool = False

    def files(self, about: Mapping[str, str]) -> Mapping[str, bytes]:
        """Each source, its header, which says what `about` says, and its weights where apart."""
        note = "\n".join(f"{key}: {value}" for key, value in about.items())
        found: dict[str, bytes] = {}
        for each in self.sources:
            found |= each.files(note)
        return found


class Runs(dict[str, Run]):
    """Calls of what is written; a sequence that is written as a step is run step by step, so that
    metrics of whole sequences can be measured."""

    def __init__(self, runs: Mapping[str, Run], graphs: Mapping[str, Graph]) -> None:
        super().__init__(runs)
        self._graphs = graphs

    def __missing__(self, name: str) -> Run:
        if name != "sequence" or "step" not in self or name not in self._graphs:
            raise KeyError(name)
        return lambda inputs: stepped(self._graphs[name], self._graphs["step"], self, inputs)


def stepped(
    sequence: Graph, step: Graph, runs: Mapping[str, Run], inputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What a graph of a sequence gives, by the steps of each sequence of a batch; outputs of the
    end are those of the last step, and 0 of an empty sequence."""
    lengths = inputs["lengths"]
    found: dict[str, Tensor] = {}
    for at, length in enumerate(lengths.tolist()):
        states = {
            before.name: inputs.get(before.name, torch.from_numpy(step.first[before.name]))
            for before, _ in step.states
        }
        states = {n: s[:, at : at + 1] if s.shape[1] > 1 else s for n, s in states.items()}
        for t in range(length):
            given = {v.name: inputs[v.name][t, at : at + 1] for v in step.inputs}
            row = runs["step"]({**given, **states})
            states = {before.name: row[after.name] for before, after in step.states}
            for value in sequence.outputs:
                part = row[value.name]
                of_steps = value.shape[0] == "T"
                lead = (int(lengths.max()), len(lengths)) if of_steps else (len(lengths),)
                whole = found.setdefault(value.name, part.new_zeros(*lead, *part.shape[1:]))
                whole[(t, at) if of_steps else at] = part[0]
    return found


def build(graphs: Mapping[str, Graph], options: Options) -> Sources:
    """The source of the step where the model has one, whose `run` takes sequences; else of the
    whole sequence. Of an encoder-decoder both its parts."""
    if options.target is not None:
        raise ExportError(
            f"target={options.target}: C is the same for all machines; leave target out"
        )
    names = names_of(graphs, identifier(options.name))
    given = {"int8": options.int8, "external": options.separate_weights}
    written = {part: source(graphs[part], chosen, **given) for part, chosen in names.items()}
    command = compiler()
    if command is None:
        return Sources(tuple(written.values()), {}, _NO_COMPILER)
    runs = {part: Native(graphs[part], each, command) for part, each in written.items()}
    return Sources(tuple(written.values()), Runs(runs, graphs), None)
