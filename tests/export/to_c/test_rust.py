"""The example that calls an exported layer from Rust."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import elman

EXAMPLE = Path(__file__).parents[3] / "examples" / "export_c.rs"
RUSTC = shutil.which("rustc") or shutil.which(Path.home() / ".cargo" / "bin" / "rustc")


@pytest.mark.skipif(RUSTC is None or shutil.which("ar") is None, reason="no rustc or ar is here")
def test_the_example_in_rust(cc: str, tmp_path: Path) -> None:
    layer = elman.GRU(2, 3).eval()
    elman.export(layer, tmp_path / "gru.c", to="c", form="step")
    assert RUSTC is not None
    for command in (
        [cc, "-std=c99", "-O2", "-c", "gru.c"],
        ["ar", "rcs", "libgru.a", "gru.o"],
        [RUSTC, str(EXAMPLE), "-L", ".", "-l", "static=gru", "-l", "m"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(["./export_c"], cwd=tmp_path, check=True, capture_output=True, text=True)
    actual = np.array([line.split() for line in done.stdout.splitlines()], float)
    x = torch.tensor([[[t, 1.0], [-t, 0.5]] for t in range(4)])
    with torch.no_grad():
        expected = layer(x)[0].reshape(4, 6).numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-6)
