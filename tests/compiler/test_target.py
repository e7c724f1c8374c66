"""Code for processors other than this one: made and looked at, not run."""

import platform
import shutil
import zipfile
from pathlib import Path

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


def test_objects_of_another_compiler_are_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    written = []

    def write() -> str:
        written.append(1)
        return "define void @nothing() { ret void }"

    for _ in range(2):
        target.load(target.host(), "key", write, ("nothing",))
    assert len(written) == 1
    monkeypatch.setattr(target, "compiler_sources", lambda: "others")
    target.load(target.host(), "key", write, ("nothing",))
    assert len(written) == 2


def test_the_digest_tells_of_every_module_that_takes_part(tmp_path: Path) -> None:
    package = Path(target.__file__).parents[1]
    copy = shutil.copytree(package, tmp_path / "compiler")
    assert target.digest_of(copy) == target.compiler_sources()
    found = {target.compiler_sources()}
    for name in ("expression.py", "derivative.py", "schedule.py", "cpu/emit.py", "cpu/target.py"):
        path = copy / name
        path.write_bytes(path.read_bytes() + b"\n")
        found.add(target.digest_of(copy))
    (copy / "cpu" / "mathematics.py").write_bytes((copy / "cpu" / "math.py").read_bytes())
    found.add(target.digest_of(copy))
    (copy / "cpu" / "math.py").unlink()
    assert len({*found, target.digest_of(copy)}) == 8


def test_the_digest_of_a_zip_file(tmp_path: Path) -> None:
    package = Path(target.__file__).parents[1]
    shutil.make_archive(str(tmp_path / "elman"), "zip", package.parents[1], "elman/compiler")
    inside = zipfile.Path(tmp_path / "elman.zip", "elman/compiler/")
    assert target.digest_of(inside) == target.compiler_sources()
