"""Whether this processor's products of bfloat16 pairs are there and right."""

import ctypes
from functools import cache

import llvmlite.ir as ir
import numpy as np

from elman.compiler.cpu import pairs, target
from elman.compiler.cpu.emit import POINTER, Code


@cache
def works() -> bool:
    """Multiply some pairs, once a process, and compare."""
    machine = target.host()
    assert machine.multiplies_pairs
    shape = machine.shape(double=False, half=True)
    names = (("a", POINTER), ("b", POINTER), ("total", POINTER))
    code = Code(ir.Module("elman"), shape, "dot", names, exported=True)
    a, b = (pairs.load(code, code[name], code.whole(0)) for name in "ab")
    result = pairs.dot(code, a, b, code.load(code["total"], 0))
    code.store(result, code["total"], 0)
    code.finish()
    address = target.load(machine, "pairs", lambda: str(code.module), ("dot",))["dot"]
    draw = np.random.default_rng(0)
    numbers = draw.integers(-32, 32, (2, shape.lanes, 2)).astype(np.float32) / 8  # exact
    total = draw.integers(-8, 8, shape.lanes).astype(np.float32)
    expected = total + (numbers[0] * numbers[1]).sum(1)
    bits = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(address)
    function(bits[0].ctypes.data, bits[1].ctypes.data, total.ctypes.data)
    return bool((total == expected).all())
