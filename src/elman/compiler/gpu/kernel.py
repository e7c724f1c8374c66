"""From a kernel's text to what runs, compiled by Triton at its first launch."""

import linecache
from functools import cache
from hashlib import sha256
from typing import Any

from elman.compiler.gpu import backward, forward
from elman.compiler.gpu.fragments import SIZES
from elman.compiler.gpu.variant import Variant

_HEAD = f"""\
import triton
import triton.language as tl


@triton.jit(do_not_specialize={SIZES!r})
"""
_PASSES = {"forward": forward, "backward": backward}


class Kernel:
    """The forward or the backward kernel of a variant."""

    def __init__(self, name: str, variant: Variant) -> None:
        self.variant = variant
        self.pointers = _PASSES[name].pointers(variant)
        self.text = _HEAD + _PASSES[name].source(variant)
        # Triton asks for the text of the function by its file's name.
        file = f"<elman {name} {sha256(self.text.encode()).hexdigest()[:16]}>"
        linecache.cache[file] = (len(self.text), None, self.text.splitlines(True), file)
        names: dict[str, Any] = {"__name__": "elman.compiler.gpu.generated"}
        exec(compile(self.text, file, "exec"), names)
        self.function = names[name]


@cache
def kernel_of(name: str, variant: Variant) -> Kernel:
    """The `forward` or `backward` kernel; written once."""
    return Kernel(name, variant)
