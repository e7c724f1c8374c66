"""Code for processors other than this one: made and looked at, not run."""

import platform

import llvmlite.binding as llvm
import pytest

from elman.cells import BUILTIN
from elman.compiler import equations
from elman.compiler.cpu import kernel, target
from elman.compiler.schedule import plan

on_x86 = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="needs LLVM's x86 target"
)


def assembly(machine: target.Target, *, double: bool = False, half: bool = False) -> str:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    step = equations(BUILTIN["gru"](), normed=True)
    text = kernel.build(plan(step), machine.shape(double=double, half=half))
    module = llvm.parse_assembly(text)
    module.verify()
    made: str = target._machine(machine).emit_assembly(module)
    return made


@on_x86
@pytest.mark.parametrize("double", [True, False])
def test_avx512(double: bool) -> None:
    made = assembly(target.Target("znver4", "", 64, 32), double=double)
    assert "%zmm31" in made


@on_x86
def test_bfloat16_pairs_are_multiplied_by_the_processor_where_it_can() -> None:
    able = target.Target("znver4", "+avx512f,+avx512bf16", 64, 32)
    assert able.multiplies_pairs
    assert able.gains_by_pairs
    assert not target.Target("emeraldrapids", able.features, 64, 32).gains_by_pairs
    assert assembly(able, half=True).count("vdpbf16ps") > 100
    unable = target.Target("x86-64-v4", "+avx512f", 64, 32)
    assert not unable.multiplies_pairs
    assert "vdpbf16ps" not in assembly(unable, half=True)


@pytest.mark.skipif(not target.host().multiplies_pairs, reason="not on this processor")
def test_bfloat16_pairs_are_multiplied_rightly_here() -> None:
    assert target.multiplies_pairs_rightly()


@on_x86
def test_plain_vectors() -> None:
    made = assembly(target.Target("x86-64-v2", "", 16, 16))
    assert "ymm" not in made
    assert "mulps" in made
