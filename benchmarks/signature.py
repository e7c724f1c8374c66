"""Error rates of signature verification on the writers of SVC2004, beside time warping.

Persons are parted into five groups; each is verified by a model trained on the others. References
are five signatures drawn ten times from the first ten of each person; the later ten, all skilled
forgeries and 20 random ones are verified.

    python benchmarks/signature.py [--groups 5] [--seeds 1]
"""

import argparse
import time
import warnings

import numpy as np

from elman.data import Inks, read_inks
from elman.tasks.signature import Signature
from elman.tasks.signature.metrics import Scores


def main() -> None:
    """Train on all groups but one in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="sig_svc2004_w01_25")
    parser.add_argument("--groups", type=int, default=5)
    parser.add_argument("--only", type=int, help="so many of the groups")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--settings", nargs="*", default=[], help="NAME=VALUE of the task")
    given = parser.parse_args()
    settings = {name: float(v) for name, v in (each.split("=") for each in given.settings)}
    settings = {name: int(v) if v == int(v) else v for name, v in settings.items()}
    data = read_inks(given.data, text="label")
    persons = sorted(set(data.writers or ()), key=lambda name: (len(name), name))
    began, found, warping = time.monotonic(), [], []
    for group in np.array_split(np.array(persons), given.groups)[: given.only]:
        task = Signature(baselines=False, seeds=given.seeds, **settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            task.fit(_of(data, set(persons) - set(group)), progress=False)
        report = task.report(_of(data, set(group)))
        found.append(report.scores)
        warping.append(report.warping_scores)
        print(f"{', '.join(group)}: {time.monotonic() - began:.0f} s", flush=True)
    print("\n| | skilled, one threshold | skilled, one a person | random | random, one a person |")
    print("|---|---|---|---|---|")
    for name, parts in (("model", found), ("DTW", warping)):
        cells = [
            f"{100 * rates.mean():.2f} ± {100 * rates.std():.2f} %"
            for kind in (1, 2)
            for rates in _together(parts).equal_error_rates(kind)
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\n{time.monotonic() - began:.0f} s in all")


def _of(data: Inks, persons: set[str]) -> Inks:
    return data.select(i for i, writer in enumerate(data.writers or ()) if writer in persons)


def _together(parts: list[Scores]) -> Scores:
    first = np.cumsum([0, *(part.person.max() + 1 for part in parts)])
    return Scores(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.person + n for part, n in zip(parts, first, strict=False)]),
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.draw for part in parts]),
    )


if __name__ == "__main__":
    main()
