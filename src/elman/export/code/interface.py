"""The functions of an exported source: their names, parameters and the memory that they need."""

from dataclasses import dataclass

from elman.errors import ExportError
from elman.export.code.elements import ELEMENTS, identifier
from elman.export.code.sizes import ONE, STEPS, Size, of
from elman.nn.graph import Form, Graph, Value

LENGTHS = "lengths"  # an input that code has not: a call computes one sequence of `steps`


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
    def of(
        cls,
        graph: Graph,
        name: str,
        work: Size,
        weight_bytes: int,
        *,
        external: bool = False,
        int8: bool = False,
    ) -> "Interface":
        """The interface of a graph's code.

        **Raises:** `ExportError` for a state whose size depends on the input.
        """
        states = tuple(_parameter(before, constant=False) for before, _ in graph.states)
        for state in states:
            if state.count.number is None or state.kind != "float":
                raise ExportError(
                    f'the state "{state.name}" grows with the input and has no form in C or in'
                    ' machine code: use to="onnx"'
                )
        given = [each for each in graph.inputs if each.name != LENGTHS]
        return cls(
            name,
            graph.form,
            tuple(_parameter(each, constant=True) for each in given),
            tuple(_parameter(each, constant=False) for each in graph.outputs),
            states,
            work,
            external,
            int8,
            weight_bytes,
            tuple(graph.below.items()),
        )

    @property
    def state_floats(self) -> int:
        """Floats of the states alone."""
        return sum(each.count.number or 0 for each in self.states)

    @property
    def memory_floats(self) -> int:
        """Floats that a state takes: of one step also what it computes on the way."""
        work = 0 if self.has_scratch else self.work.number or 0
        return max(self.state_floats + work, 1)

    @property
    def scratch(self) -> Size:
        """Floats of scratch memory that a whole sequence takes, at least one."""
        return self.work + ONE if self.work.number == 0 else self.work

    @property
    def lengths(self) -> list[str]:
        """How long inputs are besides `steps`, as parameters."""
        names = {name for each in self.inputs for name in each.count.variables}
        return sorted(name for name in names if name != STEPS and "_less_" not in name)

    @property
    def has_scratch(self) -> bool:
        """Whether how much memory is needed depends on the lengths of inputs."""
        return self.form == "sequence" or bool(self.lengths)

    @property
    def has_state(self) -> bool:
        """Whether there is a state that the caller keeps."""
        return bool(self.states) or not self.has_scratch

    @property
    def scratch_parameters(self) -> list[str]:
        """On what the size of the scratch memory may depend."""
        return [*([STEPS] if self.form == "sequence" else []), *self.lengths]

    @property
    def arrays(self) -> tuple[Parameter, ...]:
        """Inputs and outputs."""
        return (*self.inputs, *self.outputs)

    def parameters(self, function: str) -> list[tuple[str, str]]:
        """Name and declaration of each parameter of "step", "run" or "compute"."""
        found = []
        if self.has_state:
            found.append(("state", "float *state" if function == "compute" else "void *state"))
        if function == "compute":
            found.append(("work", "float *work"))
        elif self.has_scratch:
            found.append(("scratch", "void *scratch"))
        if self.external:
            kind = "unsigned char" if function == "compute" else "void"
            found.append(("weights", f"const {kind} *weights"))
        given = [(each.name, each.declaration) for each in self.inputs]
        if function == "run" or (function == "compute" and self.form == "sequence"):
            given.append((STEPS, f"size_t {STEPS}"))
        given += [(name, f"size_t {name}") for name in self.lengths]
        return [*found, *given, *((each.name, each.declaration) for each in self.outputs)]


def _parameter(value: Value, *, constant: bool) -> Parameter:
    return Parameter(identifier(value.name), ELEMENTS[value.dtype], of(value.shape), constant)
