"""The functions of an exported source: their names, parameters and the memory that they need."""

from dataclasses import dataclass

from elman.errors import ExportError
from elman.export.to_c.literals import ELEMENTS
from elman.export.to_c.program import Program, identifier
from elman.export.to_c.sizes import ONE, Size, of
from elman.nn.graph import Form, Value

LENGTHS = "lengths"  # an input that C has not: a call computes one sequence of `steps`


@dataclass(frozen=True)
class Parameter:
    """An array that the caller passes: its name, the type of its elements and how many."""

    name: str
    kind: str
    count: Size
    constant: bool  # it is read and not written

    @property
    def declaration(self) -> str:
        """The parameter as C declares it."""
        return f"{'const ' if self.constant else ''}{self.kind} *{self.name}"


@dataclass(frozen=True)
class Interface:
    """What a caller has to know of a source."""

    name: str
    form: Form
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    states: tuple[Parameter, ...]
    work: Size  # floats, without the states
    external: bool
    int8: bool
    weight_bytes: int
    limits: tuple[tuple[str, int], ...]  # of ids: the name of the input, what they stay below

    @classmethod
    def of(cls, program: Program) -> "Interface":
        """The interface of a program whose statements are written."""
        graph, weights = program.graph, program.weights
        states = tuple(_parameter(before, constant=False) for before, _ in graph.states)
        for state in states:
            if state.count.fixed is None or state.kind != "float":
                raise ExportError(
                    f'the state "{state.name}" grows with the input and has no form in C: export'
                    ' to="onnx"'
                )
        given = [each for each in graph.inputs if each.name != LENGTHS]
        return cls(
            program.prefix.removesuffix("_"),
            graph.form,
            tuple(_parameter(each, constant=True) for each in given),
            tuple(_parameter(each, constant=False) for each in graph.outputs),
            states,
            program.memory.size + Size((program.work,) if program.work else ()),
            weights.external,
            weights.int8,
            weights.count,
            tuple(graph.below.items()),
        )

    @property
    def state_floats(self) -> int:
        """Floats of the states alone."""
        return sum(each.count.fixed or 0 for each in self.states)

    @property
    def memory_floats(self) -> int:
        """Floats that a state takes: of one step also what it computes on the way."""
        work = (self.work.fixed or 0) if self.form == "step" else 0
        return max(self.state_floats + work, 1)

    @property
    def scratch(self) -> Size:
        """Floats of scratch memory that a whole sequence takes, at least one."""
        return self.work if self.work.terms[:1] > (0,) else self.work + ONE

    @property
    def arrays(self) -> tuple[Parameter, ...]:
        """Inputs and outputs."""
        return (*self.inputs, *self.outputs)

    def parameters(self, function: str) -> list[tuple[str, str]]:
        """Name and declaration of each parameter of "step", "run" or "compute"."""
        found = [("state", "float *state")] if self.states else []
        if function == "compute":
            found.append(("work", "float *work"))
        elif self.form == "step":
            found = [("state", "void *state")]
        else:
            found = [("state", "void *state")] if self.states else []
            found.append(("scratch", "void *scratch"))
        if self.external:
            kind = "unsigned char" if function == "compute" else "void"
            found.append(("weights", f"const {kind} *weights"))
        given = [(each.name, each.declaration) for each in self.inputs]
        if function == "run" or (function == "compute" and self.form == "sequence"):
            given.append(("steps", "size_t steps"))
        return [*found, *given, *((each.name, each.declaration) for each in self.outputs)]


def _parameter(value: Value, *, constant: bool) -> Parameter:
    return Parameter(identifier(value.name), ELEMENTS[value.dtype], of(value.shape), constant)


