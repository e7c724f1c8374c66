"""A native library: what a linker, a C program and ctypes make of it."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from exported_layers import made

import elman
from elman.errors import ElmanError, ExportError
from elman.export.export import export
from elman.export.native.functions import build
from elman.export.native.targets import NAMED, compile_object
from elman.export.to_library.archive import archive
from elman.export.to_library.symbols import undefined
from elman.math import sin

CROSS = [name for name, target in NAMED.items() if not target.is_wasm]

PROGRAM = """
#include "net.h"
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    float x[3 * NET_X_SIZE], y[3 * NET_Y_SIZE];
    void *state = malloc(net_state_size());
    for (int i = 0; i < 3 * NET_X_SIZE; i++)
        x[i] = (float)i / 10.0f;
    net_reset(state);
    if (net_step(state, x, y) != NET_OK)
        return 1;
    if (net_run(state, x + NET_X_SIZE, 2, y + NET_Y_SIZE) != NET_OK)
        return 2;
    for (int i = 0; i < 3 * NET_Y_SIZE; i++)
        printf("%.9g\\n", y[i]);
    free(state);
    return net_step(NULL, x, y) == NET_NULL ? 0 : 3;
}
"""


CALLS_OUTSIDE = """
declare void @missing() nounwind
define void @own() nounwind {
    call void @missing()
    ret void
}
"""


def tool(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"there is none of {', '.join(names)} here")
    return found


def test_a_c_program_calls_it(tmp_path: Path) -> None:
    compiler = tool("gcc", "clang", "cc")
    layer = made("lstm", num_layers=2)
    export(layer, tmp_path / "net.a", to="library")
    (tmp_path / "main.c").write_text(PROGRAM)
    strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    line = [compiler, *strict, "main.c", "net.a", "-o", "main"]
    subprocess.run(line, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    x = torch.arange(15).view(3, 1, 5) / 10
    expected = layer(x)[0].detach().ravel()
    actual = torch.tensor([float(each) for each in done.stdout.split()])
    torch.testing.assert_close(actual, expected, atol=1e-6, rtol=1e-5)


def test_ctypes_calls_the_shared_library(tmp_path: Path) -> None:
    tool("gcc", "clang", "cc")
    layer = made("gru", bidirectional=True)
    done = export(layer, tmp_path, to="library")
    assert [path.name for path in done.files] == [
        "model.a",
        "model.h",
        "model.so",
        "preprocess.json",
    ]
    library = ctypes.CDLL(str(tmp_path / "model.so"))
    steps, floats = 7, np.float32
    library.model_state_size.restype = library.model_scratch_size.restype = ctypes.c_size_t
    state = np.zeros(library.model_state_size() // 4, floats)
    scratch = np.zeros(library.model_scratch_size(ctypes.c_size_t(steps)) // 4, floats)
    x, y = torch.randn(steps, 1, 5), np.zeros((steps, 26), floats)
    given = [ctypes.c_void_p(each.ctypes.data) for each in (state, scratch, x.numpy(), y)]
    library.model_reset(given[0])
    assert library.model_run(*given[:3], ctypes.c_size_t(steps), given[3]) == 0
    assert np.abs(y - layer(x)[0][:, 0].detach().numpy()).max() <= 1e-6


@pytest.mark.parametrize("machine", CROSS)
def test_code_for_other_machines_needs_nothing_from_outside(machine: str) -> None:
    layer = made("lstm", bidirectional=True, layer_norm=True)
    module = build(layer.export_spec().graph("sequence"), "m", NAMED[machine])
    content = compile_object(NAMED[machine], module.code)
    assert content[:4] == b"\x7fELF"
    assert undefined(content) == []


def test_undefined_functions_are_found() -> None:
    for machine in CROSS:
        assert undefined(compile_object(NAMED[machine], CALLS_OUTSIDE)) == ["missing"], machine


class Sine(elman.Cell):
    gates = ("a",)

    def step(self, x, r, s):  # type: ignore[no-untyped-def]
        return {"h": sin(x.a + r.a)}


def test_functions_that_a_microcontroller_has_not_are_named() -> None:
    with pytest.raises(ExportError, match=r"cortex-m4 would need .* from outside"):
        export(made(Sine), "unused", to="library", target="cortex-m4")


def test_what_was_not_run_is_told(tmp_path: Path) -> None:
    done = export(made("gru"), tmp_path, to="library", target="aarch64")
    assert "not run on aarch64" in str(done)
    assert "not run on aarch64" in (tmp_path / "model.h").read_text()
    assert not (tmp_path / "model.so").exists()


def test_the_archive_is_as_linkers_take_it(tmp_path: Path) -> None:
    ar, nm = tool("ar"), tool("nm")
    export(made("gru"), tmp_path, to="library")
    listed = subprocess.run(
        [ar, "t", tmp_path / "model.a"], capture_output=True, text=True, check=True
    )
    assert listed.stdout.split() == ["step.o"]
    index = subprocess.run(
        [nm, "-s", tmp_path / "model.a"], capture_output=True, text=True, check=True
    )
    for name in ("state_size", "reset", "step", "run"):
        assert f"model_{name} in step.o" in index.stdout
    odd = archive({"a.o": b"1", "b.o": b"22"}, {"a.o": [], "b.o": ["f"]})
    (tmp_path / "odd.a").write_bytes(odd)
    printed = subprocess.run([ar, "p", tmp_path / "odd.a"], capture_output=True, check=True)
    assert printed.stdout == b"122"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "pdp11"}, 'target "pdp11" is unknown; the known ones are host, x86-64-v2'),
        ({"target": "wasm32"}, 'target "wasm32" is unknown'),
        ({"int8": True}, "float32 weights alone"),
        ({"separate_weights": True}, "keeps its weights inside"),
    ],
)
def test_what_it_has_not_is_refused(options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ElmanError, match=message):
        export(made("gru"), tmp_path / "out", to="library", **options)
    assert not list((tmp_path / "out").glob("*"))
