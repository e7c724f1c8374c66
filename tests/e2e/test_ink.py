"""The check of handwriting by the command line."""

from pathlib import Path
from typing import Any

import numpy as np

from elman.data import Ink, write_ink


def run(command: Any, *words: str) -> tuple[int, str, str]:
    process = command("data", "check", *words)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_the_check_of_a_folder_of_ink(tmp_path: Path, command: Any) -> None:
    line = Ink.of_strokes([[(0, 0), (0, 9)]], time=np.array([0.0, 1.0]))
    back = Ink.of_strokes([[(0, 0), (5, 9)]], time=np.array([0.0, -1.0]))
    for name, ink in (("l/1.inkml", line), ("l/2.inkml", back), ("o/3.inkml", Ink.of_strokes([]))):
        write_ink(ink, tmp_path / name)
    (tmp_path / "o/4.inkml").write_text("<ink><trace>1 x</trace></ink>")
    code, out, err = run(command, ".")
    assert code == 0, err
    assert out.startswith("3 pieces of ink, 2 strokes, 4 points; 2 different texts\n")
    assert "1 time runs back\n" in out
    assert "1 no strokes, left out\n" in out
    assert "  number 3: o/4.inkml:1: point 0 of the trace" in out
    assert err == ""


def test_flags_of_sound_are_refused_for_ink(tmp_path: Path, command: Any) -> None:
    write_ink(Ink.of_strokes([[(0, 0)]]), tmp_path / "a.inkml")
    code, out, err = run(command, "a.inkml", "--longest", "20")
    assert (code, out) == (2, "")
    assert err == "elman: error: a.inkml holds handwriting: --longest does not apply\n"
