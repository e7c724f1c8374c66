"""C99 as a target: one source and its header, compiled and called here to compare its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from elman.errors import ExportError
from elman.export.targets import Options
from elman.export.to_c.native import Native, compiler
from elman.export.to_c.source import Source, source
from elman.nn.export_spec import Run
from elman.nn.graph import Graph

_NO_COMPILER = "no C compiler is here (cc, gcc or clang, or what CC names), so it was not compiled"


@dataclass(frozen=True)
class Sources:
    """A source, and what calls it where it could be compiled."""

    source: Source
    runs: Mapping[str, Run]
    unchecked: str | None

    def files(self, about: Mapping[str, str]) -> Mapping[str, bytes]:
        """The source, its header, which says what `about` says, and the weights where apart."""
        note = "\n".join(f"{key}: {value}" for key, value in about.items())
        return self.source.files(note)


def build(graphs: Mapping[str, Graph], options: Options) -> Sources:
    """The source of the step where the model has one, which also runs over sequences; else of the
    whole sequence."""
    if options.target is not None:
        raise ExportError(
            f"target={options.target}: C is the same for all machines; name it to the compiler"
        )
    name = next((each for each in ("step", "sequence") if each in graphs), None)
    if name is None:
        raise ExportError(f'a model of {" and ".join(graphs)} has no form in C: export to="onnx"')
    written = source(graphs[name], options.name, int8=options.int8)
    command = compiler()
    if command is None:
        return Sources(written, {}, _NO_COMPILER)
    return Sources(written, {name: Native(graphs[name], written, command)}, None)
