"""What a forecaster reads: series, of which the last steps may be held out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from elman.data import Panel

_SHORT = 0.1  # of the series are so short that they do not count for what is held out


@dataclass(frozen=True)
class SeriesData:
    """Series on one calendar.

    - `panel`: those that are read.
    - `held_out`: how many steps at the end of each series training does not see; 0 of data that was
      not split.
    - `whole`: of data to train on, the panel with the steps that are held out.
    """

    panel: Panel
    held_out: int = 0
    whole: Panel | None = None

    def __len__(self) -> int:
        return len(self.panel)

    @property
    def left_out(self) -> Mapping[int, str]:
        """Nothing: a series that cannot be read is an error."""
        return {}

    def shown(self, number: int) -> str:
        """A series' name."""
        return self.panel.series[number].name

    @property
    def longest(self) -> int:
        """Steps of the longest series, with those that are held out."""
        return max(len(each) for each in (self.whole or self.panel).series)

    def split(self, horizon: int, given: float | None) -> "tuple[SeriesData, SeriesData]":
        """What to train on, and the same series with the steps that are held out.

        `given` are the steps, or their share of the longest series; without it there are as many
        as a tenth of that, or twice the horizon, but at most a quarter of nearly all series, and
        always a horizon.
        """
        lengths = [len(each) for each in self.panel.series]
        usual = int(np.quantile(lengths, _SHORT, method="nearest"))
        share = min(max(2 * horizon, self.longest // 10), usual // 4)
        steps = max(horizon, share)
        if given is not None:
            steps = int(given) if given >= 1 else max(horizon, round(given * self.longest))
        whole = replace(self, held_out=steps)
        return replace(whole, panel=self.panel.cut(steps), whole=self.panel), whole
