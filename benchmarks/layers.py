"""Speed of the layers as the README shows it: the rival's time divided by elman's.

    python benchmarks/layers.py

prints a table of `elman bench layers`: inference / training for each shape (T, B, I, H). The rival
is torch.nn where it has the cell, else a loop over the cell's own equations.
"""

import math
from collections import defaultdict

from elman import bench

CELLS = ("lstm", "gru", "rnn", "peephole_lstm")


def main() -> None:
    ratios: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    rivals = {}
    for row in bench.layers(CELLS, seconds=0.7):
        if row.mode in ("inference", "train"):
            shape = ", ".join(map(str, row.shape))
            ratios[shape, row.cell][row.mode] = row.ratio
            rivals[row.cell] = row.rival
    shapes = list(dict.fromkeys(shape for shape, _ in ratios))
    print("| T, B, I, H |", " | ".join(f"{cell} / {rivals[cell]}" for cell in CELLS), "|")
    print("|---|" + "---|" * len(CELLS))
    for shape in shapes:
        cells = (ratios[shape, cell] for cell in CELLS)
        shown = (f"{each['inference']:.2f} / {each['train']:.2f}" for each in cells)
        print(f"| {shape} |", " | ".join(shown), "|")
    means = []
    for cell in CELLS:
        both = []
        for mode in ("inference", "train"):
            logs = [math.log(ratios[shape, cell][mode]) for shape in shapes]
            both.append(f"{math.exp(sum(logs) / len(logs)):.2f}")
        means.append(" / ".join(both))
    print("| geometric mean |", " | ".join(means), "|")


if __name__ == "__main__":
    main()
