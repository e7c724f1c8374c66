"""Steps of sequences of unequal lengths in ONNX: which are real, and what was at the end."""

import numpy as np

from elman.export.to_onnx.writer import Writer


def count(writer: Writer, size: str) -> str:
    """The numbers from 0 below a size, an int64 vector of one number, as a vector."""
    zero, one = (writer.constant(np.array(n, np.int64), "n") for n in (0, 1))
    return writer.add("Range", zero, writer.add("Squeeze", size), one)


def mask(writer: Writer, size: str, lengths: str) -> str:
    """Which of so many steps are real, (T, B)."""
    steps = writer.add("Unsqueeze", count(writer, size), writer.whole(1))
    return writer.add("Less", steps, writer.add("Unsqueeze", lengths, writer.whole(0)))


def at_length(writer: Writer, before: str, steps: str, lengths: str) -> str:
    """Of (T, B, ...) the last real step, (B, ...); `before`, (1, B, ...), of an empty sequence."""
    whole = writer.add("Concat", before, steps, axis=0)
    columns = count(writer, writer.size(steps, 1))
    both = [writer.add("Unsqueeze", each, writer.whole(1)) for each in (lengths, columns)]
    return writer.add("GatherND", whole, writer.add("Concat", *both, axis=1))
