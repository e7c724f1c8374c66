"""A graph as one C99 source and its header."""

import re
from dataclasses import dataclass

from elman.errors import ExportError
from elman.export.code.elements import identifier
from elman.export.code.interface import LENGTHS, Interface
from elman.export.code.sizes import definitions, fixed, of
from elman.export.to_c import header, public
from elman.export.to_c.code import moved
from elman.export.to_c.operations import write
from elman.export.to_c.program import Program
from elman.nn.graph import Graph


@dataclass(frozen=True)
class Source:
    """What is written: `NAME.c`, `NAME.h` and, where the weights are kept apart, `NAME.bin`."""

    interface: Interface
    text: str
    weights: bytes | None

    def files(self, note: str = "") -> dict[str, bytes]:
        """The files by their names; the lines of `note` stand in the header."""
        name = self.interface.name
        found = {
            f"{name}.c": self.text.encode(),
            f"{name}.h": header.text(self.interface, note).encode(),
        }
        if self.weights is not None:
            found[f"{name}.bin"] = self.weights
        return found


def source(graph: Graph, name: str, *, int8: bool = False, external: bool = False) -> Source:
    """Write a graph in C99, for one sequence at a time.

    **Arguments:** `name`: begins all names that a program sees, `name_step` and so on; `int8`:
    keep matrices as bytes with a scale for each row; `external`: keep the weights out of the
    source, in a file whose content the program passes on.

    **Raises:** `ExportError` for what has no form in C, and for a name that C does not take.

    >>> from elman.nn.graph_ops import apply
    >>> graph = Graph("step")
    >>> graph.output("y", apply(graph, "tanh", graph.input("x", ("B", 3))))
    >>> "int model_step(void *state, const float *x, float *y)" in source(graph, "model").text
    True
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or identifier(name) != name:
        raise ExportError(f'name must be a name in C, such as "model", got "{name[:60]}"')
    program = Program(graph, f"{name}_", int8=int8, external=external)
    _compute(program)
    interface = Interface.of(
        graph,
        name,
        program.memory.size + fixed(program.work),
        program.weights.count,
        external=external,
        int8=int8,
    )
    weights = program.weights.file() if external else None
    first = {identifier(name): numbers for name, numbers in graph.first.items()}
    parts = [
        f'#include "{name}.h"\n\n#include <math.h>\n#include <string.h>\n',
        program.weights.text(),
        program.runtime.text(),
        *program.functions,
        _function(program, interface),
        public.text(interface, first, weights),
    ]
    text = "\n".join(part.strip("\n") + "\n" for part in parts if part.strip())
    return Source(interface, text, weights)


def _compute(program: Program) -> None:
    """The statements that compute the outputs and bring the states one call further."""
    graph, code = program.graph, program.code
    for operation in graph.operations:
        write(program, operation)
    for before, after in graph.states:
        program.copy(identifier(before.name), program.pointer(after), of(before.shape))
    code.line(f"return {program.prefix.upper()}OK;")


def _function(program: Program, interface: Interface) -> str:
    """The function that computes everything."""
    statements, lines, offset = program.code.text(), [], 0
    lines += definitions(re.findall(r"\b\w+_less_\d+\b", statements))
    if re.search(rf"\b{LENGTHS}\b", statements):
        lines.append(f"const int32_t {LENGTHS}[1] = {{(int32_t)steps}};")
    for state in interface.states:
        place = f"state + {offset}" if offset else "state"
        lines.append(f"float *const {state.name} = {place};")
        offset += state.count.number or 0
    if program.work:
        lines.append(f"float *const layer_work = {moved('work', program.memory.size)};")
    body = "".join(f"    {line}\n" for line in lines) + statements
    parameters = interface.parameters("compute")
    unused = [name for name, _ in parameters if not re.search(rf"\b{name}\b", body)]
    body = "".join(f"    (void){name};\n" for name in unused) + body
    listed = ", ".join(declaration for _, declaration in parameters)
    return f"static int {program.prefix}compute({listed})\n{{\n{body}}}\n"
