"""The functions of a source that a program calls."""

from elman.export.code.interface import Interface
from elman.export.code.sizes import definitions
from elman.export.to_c.code import factor
from elman.export.to_c.literals import array
from elman.export.to_c.weights import HEADER
from elman.nn.graph import Array


def text(interface: Interface, first: dict[str, Array], weights: bytes | None) -> str:
    """Their definitions; `first` holds the first value of each state, by its name in C."""
    parts = [_check(interface, weights)] if weights is not None else []
    if interface.has_state:
        parts += [_state_size(interface), _reset(interface, first)]
    if interface.has_scratch:
        function = "run" if interface.form == "sequence" else "step"
        parts += [_scratch_size(interface), _with_scratch(interface, function)]
    else:
        parts += [_step(interface), _run_steps(interface)]
    return "\n".join(parts)


def head(interface: Interface, function: str) -> str:
    """The first line of "step" or "run"."""
    listed = ", ".join(declaration for _, declaration in interface.parameters(function))
    return f"int {interface.name}_{function}({listed})"


def scratch_head(interface: Interface) -> str:
    """The first line of the function that tells how much scratch memory is needed."""
    listed = ", ".join(f"size_t {name}" for name in interface.scratch_parameters)
    return f"size_t {interface.name}_scratch_size({listed})"


def _defined(first_line: str, *lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"{first_line}\n{{\n{body}}}\n"


def _check(interface: Interface, weights: bytes) -> str:
    words = [int.from_bytes(weights[at : at + 4], "little") for at in range(0, HEADER, 4)]
    upper = interface.name.upper()
    return _defined(
        f"int {interface.name}_check(const void *weights, size_t size)",
        f"static const uint32_t begin[] = {{{', '.join(f'{word}u' for word in words)}}};",
        "if (weights == NULL)",
        f"    return {upper}_NULL;",
        f"if (size != {len(weights)} || (uintptr_t)weights % sizeof(float) != 0)",
        f"    return {upper}_WEIGHTS;",
        f"return memcmp(weights, begin, sizeof begin) == 0 ? {upper}_OK : {upper}_WEIGHTS;",
    )


def _state_size(interface: Interface) -> str:
    return _defined(
        f"size_t {interface.name}_state_size(void)",
        f"return {interface.name.upper()}_STATE_FLOATS * sizeof(float);",
    )


def _scratch_size(interface: Interface) -> str:
    used = interface.scratch.variables
    unused = [name for name in interface.scratch_parameters if name not in used]
    return _defined(
        scratch_head(interface),
        *(f"(void){name};" for name in unused if f"{name}_less" not in " ".join(used)),
        *definitions(used),
        f"return {factor(interface.scratch)} * sizeof(float);",
    )


def _reset(interface: Interface, first: dict[str, Array]) -> str:
    lines, arrays, offset = (
        ["float *const floats = state;", "if (state == NULL)", "    return;"],
        "",
        0,
    )
    for state in interface.states:
        place = f"floats + {offset}" if offset else "floats"
        if first[state.name].any():
            name = f"{interface.name}_first_{state.name}"
            arrays += array(name, first[state.name]) + "\n"
            lines.append(f"memcpy({place}, {name}, sizeof {name});")
        else:
            lines.append(f"memset({place}, 0, {state.count.c} * sizeof(float));")
        offset += state.count.number or 0
    if not interface.states:
        lines = ["(void)state;"]
    return arrays + _defined(f"void {interface.name}_reset(void *state)", *lines)


def _null_check(interface: Interface, function: str) -> list[str]:
    names = [name for name, kind in interface.parameters(function) if "*" in kind]
    tests = " || ".join(f"{name} == NULL" for name in names)
    return [f"if ({tests})", f"    return {interface.name.upper()}_NULL;"]


def _call(interface: Interface, own: dict[str, str]) -> str:
    names = [name for name, _ in interface.parameters("compute")]
    arguments = ", ".join(own.get(name, name) for name in names)
    return f"return {interface.name}_compute({arguments});"


def _step(interface: Interface) -> str:
    work = f"(float *)state + {interface.state_floats}" if interface.states else "state"
    return _defined(
        head(interface, "step"),
        *_null_check(interface, "step"),
        _call(interface, {"work": work}),
    )


def _run_steps(interface: Interface) -> str:
    upper = interface.name.upper()
    counts = {each.name: each.count.c for each in interface.arrays}
    arguments = ", ".join(
        f"{name} + t * {counts[name]}" if name in counts else name
        for name, _ in interface.parameters("step")
    )
    return _defined(
        head(interface, "run"),
        *_null_check(interface, "run"),
        "for (size_t t = 0; t < steps; t++) {",
        f"    const int status = {interface.name}_step({arguments});",
        f"    if (status != {upper}_OK)",
        "        return status;",
        "}",
        f"return {upper}_OK;",
    )


def _with_scratch(interface: Interface, function: str) -> str:
    tests = " || ".join(f"{name} > INT32_MAX" for name in interface.scratch_parameters)
    return _defined(
        head(interface, function),
        *_null_check(interface, function),
        f"if ({tests})",
        f"    return {interface.name.upper()}_RANGE;",
        _call(interface, {"work": "scratch"}),
    )
