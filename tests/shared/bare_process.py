"""Exported files run by numpy, ctypes and ONNX Runtime, where elman and torch cannot be imported.

A script: of each line of stdin, a call as JSON, it writes a line with what it gives.
"""

import base64
import ctypes
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"float": np.float32, "int32_t": np.int32, "unsigned char": np.uint8}


def text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


@cache
def session(path: str) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def onnx(file: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """All outputs by name of inputs {name: {kind, shape, data}}."""
    arrays = {
        name: np.frombuffer(base64.b64decode(each["data"]), each["kind"]).reshape(each["shape"])
        for name, each in inputs.items()
    }
    own = session(file)
    found = zip(own.get_outputs(), own.run(None, arrays), strict=True)
    return {
        output.name: {"kind": array.dtype.name, "shape": array.shape, "data": text(array)}
        for output, array in found
    }


@cache
def functions(file: str, header: str) -> tuple[Any, str, str]:
    """A library, what its header says, and how its functions begin."""
    said = re.sub(r"\n( \* )?", " ", Path(header).read_text())
    return ctypes.CDLL(file), said, Path(header).stem


def code(file: str, header: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each sequence its outputs and the states after it."""
    library, said, name = functions(file, header)
    return [one(library, said, name, case) for case in cases]


def one(library: Any, said: str, name: str, case: dict[str, Any]) -> dict[str, Any]:
    call, lengths = case["call"], case["lengths"]
    parameters = re.search(rf" int {name}_{call}\(([^)]*)\);", said)[1]  # type: ignore[index]
    manual = said[: said.index(f" int {name}_{call}(")].rsplit("/*", 1)[1]
    counts = {n: eval(count, {}, lengths) for n, count in re.findall(r"(\w+)\[([^]]*)\]", manual)}
    given: list[Any] = []
    outputs: dict[str, Any] = {}
    state = np.frombuffer(base64.b64decode(case["states"]), np.float32)
    memory = state.copy()
    for parameter in parameters.split(", "):
        kind, own = re.fullmatch(r"(?:const )?(.+?) ?\*?(\w+)", parameter).groups()  # type: ignore[union-attr]
        if own in case["inputs"]:
            array = np.frombuffer(base64.b64decode(case["inputs"][own]), KINDS[kind]).copy()
            assert len(array) == counts[own], (own, len(array), counts)
        elif own in lengths:
            given.append(ctypes.c_size_t(lengths[own]))
            continue
        elif own == "state":
            memory = np.zeros(size(library, f"{name}_state_size"), np.float32)
            library[f"{name}_reset"](ctypes.c_void_p(memory.ctypes.data))
            memory[: len(state)] = state
            array = memory
        elif own == "scratch":
            names = re.search(rf"size_t {name}_scratch_size\(([^)]*)\)", said)[1]  # type: ignore[index]
            sizes = [lengths[each.split()[-1]] for each in names.split(", ")]
            array = np.zeros(size(library, f"{name}_scratch_size", *sizes), np.float32)
        else:
            array = outputs[own] = np.zeros(counts[own], KINDS[kind])
        given.append(array)
    pointers = [
        ctypes.c_void_p(each.ctypes.data) if isinstance(each, np.ndarray) else each
        for each in given
    ]
    status = library[f"{name}_{call}"](*pointers)
    assert status == 0, status
    return {
        "outputs": {n: text(array) for n, array in outputs.items()},
        "states": text(memory[: len(state)]),
    }


def size(library: Any, name: str, *given: int) -> int:
    function = library[name]
    function.restype = ctypes.c_size_t
    return int(function(*map(ctypes.c_size_t, given))) // 4


def main() -> None:
    sys.modules["elman"] = sys.modules["torch"] = None  # type: ignore[assignment]
    for line in sys.stdin:
        asked = json.loads(line)
        found = {"onnx": onnx, "code": code}[asked.pop("function")](**asked)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
