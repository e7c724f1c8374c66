"""The machines that native code is written for, by name."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from elman.compiler.cpu.emit import Shape
from elman.compiler.cpu.target import host as this_machine
from elman.compiler.cpu.target import object_of
from elman.errors import ExportError

_X86, _ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"


@dataclass(frozen=True)
class Target:
    """A machine: its names for LLVM, numbers in a vector, vector registers."""

    name: str
    triple: str
    cpu: str
    features: str = ""
    lanes: int = 4
    registers: int = 16

    @property
    def shape(self) -> Shape:
        """What functions are written for: float32, one thread."""
        return Shape(False, self.lanes, self.registers, x86=False, posix=False, team=False)

    @property
    def word(self) -> int:
        """Bits of an address and of C's size_t."""
        return 32 if self.triple.startswith(("wasm32", "thumb", "arm", "riscv32")) else 64

    @property
    def is_wasm(self) -> bool:
        """Whether its object files are WebAssembly's."""
        return self.triple.startswith("wasm")


NAMED = {
    each.name: each
    for each in (
        Target("x86-64-v2", _X86, "x86-64-v2"),
        Target("x86-64-v3", _X86, "x86-64-v3", lanes=8),
        Target("x86-64-v4", _X86, "x86-64-v4", lanes=16, registers=32),
        Target("aarch64", _ARM, "generic", "+neon", registers=32),
        Target("riscv64", "riscv64-unknown-linux-gnu", "generic-rv64", "+m,+a,+f,+d,+c", 1, 32),
        Target("cortex-m4", "thumbv7em-none-eabihf", "cortex-m4", lanes=1, registers=32),
        Target("cortex-m7", "thumbv7em-none-eabihf", "cortex-m7", lanes=1, registers=32),
        Target("wasm32", "wasm32-unknown-unknown", "generic", "+simd128"),
        Target("wasm32-relaxed", "wasm32-unknown-unknown", "generic", "+simd128,+relaxed-simd"),
    )
}


@cache
def host() -> Target:
    """This machine."""
    found = this_machine()
    triple = llvm.get_default_triple()
    return Target("host", triple, found.name, found.features, found.width // 4, found.registers)


def resolve(name: str) -> Target:
    """The target of a name; "host" is this machine.

    >>> resolve("aarch64").triple
    'aarch64-unknown-linux-gnu'
    """
    if name == "host":
        return host()
    if name not in NAMED or NAMED[name].is_wasm:
        known = ", ".join(each for each, target in NAMED.items() if not target.is_wasm)
        raise ExportError(f'target "{name[:60]}" is unknown; the known ones are host, {known}')
    return NAMED[name]


def runs_here(target: Target) -> bool:
    """Whether code for the target runs on this machine: the vectors are not longer than its own."""
    own = host()
    return target == own or (target.triple == _X86 == own.triple and target.lanes <= own.lanes)


def compile_object(target: Target, code: str) -> bytes:
    """The object file of a module of LLVM IR."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    static = target.is_wasm or target.triple.endswith("none-eabihf")
    machine: Any = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=3,
        reloc="static" if static else "pic",
    )
    return object_of(machine, code, target.triple)
