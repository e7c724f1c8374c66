"""From LLVM IR to functions in memory, for the processor that this runs on."""

import ctypes
import os
import platform
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import llvmlite.ir as ir
import numpy as np

from elman.compiler import cache as disk
from elman.compiler.cpu import bfloat16, threads
from elman.compiler.cpu.emit import POINTER, Code, Shape
from elman.compiler.locks import ForkLock
from elman.version import __version__

_lock = ForkLock()
_kept: list[Any] = []  # what owns the machine code


@dataclass(frozen=True)
class Target:
    """A processor: its name and features for LLVM, and what kernels are written for."""

    name: str
    features: str
    width: int  # bytes of a vector
    registers: int

    @property
    def multiplies_pairs(self) -> bool:
        """Whether the processor has products of bfloat16 pairs for whole vectors."""
        return self.width == 64 and "+avx512bf16" in self.features.split(",")

    @property
    def gains_by_pairs(self) -> bool:
        """Whether such products take less time than those of float32: AMD's processors do twice
        as many a second, Intel's, whose bfloat16 is quick in AMX only, half as many."""
        return self.multiplies_pairs and self.name.startswith("znver")

    def shape(self, *, double: bool, half: bool = False) -> Shape:
        """What to write for one number type; with `half`, float32 with bfloat16 products."""
        return Shape(
            double,
            self.width // (8 if double else 4),
            self.registers,
            _is_x86(),
            os.name == "posix",
            bool(threads.openmp_symbols()),
            half,
            half and self.multiplies_pairs,
        )


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


@cache
def host(widest: int = 64) -> Target:
    """This processor, its vectors used up to so many bytes."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    name = llvm.get_host_cpu_name()
    if widest < 64:
        wide: tuple[str, ...] = ("avx512", "avx10", "evex")
        features.update({n: False for n in features if n.startswith(wide)})
        name = "x86-64-v3" if _is_x86() else name
    if widest < 32:
        wide = ("avx", "fma", "vaes", "vpclmul")
        features.update({n: False for n in features if n.startswith(wide)})
        name = "x86-64-v2" if _is_x86() else name
    if not _is_x86():
        return Target(name, features.flatten(), 16, 32)
    if features.get("avx512f") and features.get("avx512vl") and features.get("avx512dq"):
        return Target(name, features.flatten(), 64, 32)
    both = features.get("avx2") and features.get("fma")
    return Target(name, features.flatten(), 32 if both else 16, 16)


@cache
def compiler_sources() -> str:
    """The digest of all code between equations and LLVM IR: another one writes other kernels."""
    return digest_of(files("elman.compiler"))


def digest_of(compiler: Traversable) -> str:
    """The SHA-256 of the modules of a folder and of its folder `cpu`."""
    digest = sha256()
    for folder in (compiler, compiler / "cpu"):
        for module in sorted(folder.iterdir(), key=lambda each: each.name):
            if module.name.endswith(".py"):
                content = module.read_bytes()
                digest.update(f"{module.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def load(target: Target, key: str, write: Any, names: tuple[str, ...]) -> dict[str, int]:
    """Addresses of the functions of a module; `write()` gives its IR if no object is kept.

    The key need not tell of the code of this package that writes the IR: see `compiler_sources`.
    """
    version = ".".join(map(str, (*llvm.llvm_version_info, llvmlite.__version__)))
    symbols = threads.openmp_symbols()
    compiler = f"{__version__} {compiler_sources()}"
    parts = (compiler, version, target, bool(symbols), platform.system(), key)
    with _lock:
        machine = _machine(target)
        triple = llvm.get_default_triple()
        content = disk.fetch(repr(parts), lambda: object_of(machine, write(), triple))
        jit = llvm.create_lljit_compiler(machine)
        library = llvm.JITLibraryBuilder().add_object_img(content).add_current_process()
        for name, address in symbols.items():
            library.import_symbol(name, address)
        for name in names:
            library.export_symbol(name)
        tracker = library.link(jit, "elman")
        _kept.append((jit, tracker))
        return {name: tracker[name] for name in names}


@cache
def _machine(target: Target) -> Any:
    triple = llvm.Target.from_default_triple()
    return triple.create_target_machine(cpu=target.name, features=target.features, opt=3)


def object_of(machine: Any, code: str, triple: str) -> bytes:
    """The object file of a module of LLVM IR, optimised for a machine."""
    module = llvm.parse_assembly(code)
    module.triple = triple
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


@cache
def multiplies_pairs_rightly() -> bool:
    """Multiply some pairs, once a process, and compare."""
    machine = host()
    assert machine.multiplies_pairs
    shape = machine.shape(double=False, half=True)
    names = (("a", POINTER), ("b", POINTER), ("total", POINTER))
    code = Code(ir.Module("elman"), shape, "dot", names, exported=True)
    a, b = (bfloat16.load(code, code[name], code.whole(0)) for name in "ab")
    result = bfloat16.dot(code, a, b, code.load(code["total"], 0))
    code.store(result, code["total"], 0)
    code.finish()
    address = load(machine, "pairs", lambda: str(code.module), ("dot",))["dot"]
    draw = np.random.default_rng(0)
    numbers = draw.integers(-32, 32, (2, shape.lanes, 2)).astype(np.float32) / 8  # exact
    total = draw.integers(-8, 8, shape.lanes).astype(np.float32)
    expected = total + (numbers[0] * numbers[1]).sum(1)
    bits = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(address)
    function(bits[0].ctypes.data, bits[1].ctypes.data, total.ctypes.data)
    return bool((total == expected).all())
