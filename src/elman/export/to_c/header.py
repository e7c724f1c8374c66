"""The header of an exported source, which is also its manual."""

import textwrap

from elman.export.code.interface import Interface, Parameter
from elman.export.code.sizes import definitions
from elman.export.to_c import public
from elman.export.to_c.code import factor

_WIDTH = 96


def text(interface: Interface, note: str, about: str | None = None) -> str:
    """The header; `note` are lines of what is known of the model, `about` says what the functions
    are defined in if it is no C source."""
    name, upper = interface.name, interface.name.upper()
    if about is None:
        about = (
            f"A recurrent network in C99, exported by elman: {name}.c needs the standard library"
            " alone, allocates nothing and has no global variables that change, so that calls with"
            " different memory may run at the same time. Link with -lm."
        )
    comment = [about, _weights(interface), *_harmless(note).splitlines()]
    parts = [
        _comment(*comment),
        f"#ifndef {upper}_H\n#define {upper}_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n"
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        "/* What the functions return. */\n"
        f"enum {{ {upper}_OK = 0, {upper}_NULL = 1, {upper}_RANGE = 2, {upper}_WEIGHTS = 3 }};\n",
        *_constants(interface),
    ]
    if interface.external:
        parts.append(
            _comment(
                f"Whether the content of {name}.bin, `size` bytes from an address that floats may"
                f" have, is that of this source: {upper}_OK, or else {upper}_WEIGHTS, also on a"
                " machine of another byte order. The other functions do not look."
            )
            + f"int {name}_check(const void *weights, size_t size);\n"
        )
    if interface.has_state:
        parts.append(_of_state(interface))
    parts += _functions(interface)
    parts.append("#ifdef __cplusplus\n}\n#endif\n\n#endif\n")
    return "\n".join(parts)


def _comment(*paragraphs: str) -> str:
    lines = []
    for paragraph in paragraphs:
        lines += textwrap.wrap(paragraph, _WIDTH)
    return "/* " + "\n * ".join(lines) + " */\n"


def _harmless(note: str) -> str:
    """Text that neither ends a comment nor begins another one."""
    for mark in ("/*", "*/", "??"):
        while mark in note:
            note = note.replace(mark, f"{mark[0]} {mark[1]}")
    return note


def _weights(interface: Interface) -> str:
    size = f"{interface.weight_bytes} bytes"
    kind = "The weights take"
    if interface.int8:
        kind = "The matrices are kept as int8 with a scale for each row; the weights take"
    return f"{kind} {size}{f', in {interface.name}.bin' if interface.external else ''}."


def _constants(interface: Interface) -> list[str]:
    upper = interface.name.upper()
    lines = []
    if interface.has_state:
        lines.append(f"#define {upper}_STATE_FLOATS {interface.memory_floats} /* of a state */")
        offset = 0
        for each in interface.states:
            count = each.count.number or 0
            where = f"/* where {each.name}[{count}] begins in a state, in floats */"
            lines.append(f"#define {upper}_{each.name.upper()}_AT {offset} {where}")
            offset += count
    for each in interface.arrays:
        each_upper = each.name.upper()
        if not interface.has_scratch:
            lines.append(f"#define {upper}_{each_upper}_SIZE {each.count.c} /* elements a step */")
        else:
            lines.append(f"/* {each.name}: {each.count.c} elements */")
    return ["\n".join(lines) + "\n"]


def _of_state(interface: Interface) -> str:
    name, upper = interface.name, interface.name.upper()
    parts = _listed(interface.states) or "nothing"
    return (
        _comment(
            f"Bytes of a state: {upper}_STATE_FLOATS floats, which may also be declared as `float"
            f" state[{upper}_STATE_FLOATS]`. It begins with {parts}, has no pointers, and may be"
            " copied with memcpy to go on from there twice."
        )
        + f"size_t {name}_state_size(void);\n\n"
        + _comment("Begin a new sequence. Must be called before the first step.")
        + f"void {name}_reset(void *state);\n"
    )


def _listed(arrays: tuple[Parameter, ...]) -> str:
    return ", ".join(f"{each.name}[{each.count.c}]" for each in arrays)


def _functions(interface: Interface) -> list[str]:
    upper = interface.name.upper()
    errors = [f"{upper}_NULL if a pointer is NULL"]
    errors += [
        f"{upper}_RANGE if {name} holds an id outside 0 to {below - 1}"
        for name, below in interface.limits
    ]
    returned = f"Returns {upper}_OK, {', '.join(errors)}. Inputs and outputs must not overlap."
    arrays = f"reads {_listed(interface.inputs)}; writes {_listed(interface.outputs)}"
    if not interface.has_scratch:
        step = f"One time step: {arrays}. {returned} After an error the state is as it was."
        run = (
            "`steps` time steps, one after the other: the arrays hold those of all steps, the first"
            " step first. At an error it stops; the steps before have been taken."
        )
        return [
            _comment(step) + public.head(interface, "step") + ";\n",
            _comment(run) + public.head(interface, "run") + ";\n",
        ]
    state = (
        " The states go on from those of the call before; call reset between sequences."
        if interface.states
        else ""
    )
    used = interface.scratch.variables
    where = " ".join(definitions(used)).replace("const size_t ", "where ").replace(";", "")
    size = f"{factor(interface.scratch)} * sizeof(float) {where}".strip()
    function = "run" if interface.form == "sequence" else "step"
    what = "A whole sequence of `steps` steps" if function == "run" else "One step"
    return [
        _comment(f"Bytes of scratch memory: {size}.") + f"{public.scratch_head(interface)};\n",
        _comment(f"{what}: {arrays}.{state} {returned}") + public.head(interface, function) + ";\n",
    ]
