"""What a forecaster remembers of the series that it has read, and of how good it was on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.cells import Cell
from elman.data import Panel
from elman.data.series.table_kind import TableKind
from elman.tasks.forecast.conformal import Calibration, Intervals
from elman.tasks.forecast.preprocessing import ForecastPreprocessing
from elman.tasks.forecast.series_state import Known, from_tensors, to_tensors
from elman.tasks.forecast.settings import ForecastSettings
from elman.tasks.forecast.stored import PATTERNS, check_tensors, restored_series, series_config
from elman.tensor_files import write_tensors

HISTORY = "history.safetensors"


@dataclass(frozen=True, eq=False)
class SeriesMemory:
    """The series that were read, and what the held-out steps taught.

    - `known`: of each series by name where its reading stands.
    - `ids`: the series' names as they stand in the table; `has_ids`: whether it has a column of
      them; `kind`: which kind of table it is.
    - `since`: of each series of training the position of its first held-out step.
    - `calibration`: how quantiles become intervals; None if they do not.
    - `patterns`: (m, h, K), how steps follow each other; see `patterns_of`.
    """

    known: Mapping[str, Known]
    ids: Mapping[str, Any]
    has_ids: bool
    kind: TableKind
    since: Mapping[str, int]
    calibration: Calibration | None
    patterns: NDArray[np.float64] = field(repr=False)

    @property
    def intervals(self) -> Intervals | None:
        """How the network's quantiles become intervals along a series."""
        return None if self.calibration is None else Intervals(self.calibration, self.since)

    def after(self, panel: Panel, known: Mapping[str, Known]) -> Self:
        """With the rows of a panel read, after which its series are `known`."""
        return replace(
            self,
            known={**self.known, **known},
            ids={**panel.ids, **self.ids},
            has_ids=self.has_ids if self.known else panel.has_ids,
        )

    def of(self, names: list[str]) -> Self:
        """With some of its series."""
        ids = {name: self.ids[name] for name in names if name in self.ids}
        return replace(self, known={name: self.known[name] for name in names}, ids=ids)

    def series_config(self) -> dict[str, Any]:
        """The series, in JSON's types."""
        series = {name: each.series for name, each in self.known.items()}
        return {"has_ids": self.has_ids, **series_config(self.kind, series, self.ids)}

    def to_config(self) -> dict[str, Any]:
        """The series and the intervals, in JSON's types."""
        calibration = None if self.calibration is None else self.calibration.widening.tolist()
        since = [[name, position] for name, position in self.since.items()]
        return {**self.series_config(), "calibration": calibration, "since": since}

    def tensors(self) -> dict[str, Tensor]:
        """Where the reading of each series stands."""
        return to_tensors(self.known)

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The readings, and how steps follow each other."""
        tensors = self.tensors() | {PATTERNS: torch.from_numpy(self.patterns)}
        return {HISTORY: lambda path: write_tensors(path, tensors)}

    @classmethod
    def restored(
        cls,
        config: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
        preprocessing: ForecastPreprocessing,
        settings: ForecastSettings,
        cell: Cell,
    ) -> Self:
        """From `to_config` and the tensors of `assets`; ModelError where they do not agree."""
        view = preprocessing.view
        found = restored_series(config, view, preprocessing.calendar, settings)
        check_tensors(tensors, len(found.series), view, settings, cell)
        known = {name: tensor for name, tensor in tensors.items() if name != PATTERNS}
        return cls(
            from_tensors(found.series, known, found.positive),
            found.ids,
            found.has_ids,
            found.kind,
            found.since,
            None if found.widening is None else Calibration(found.widening),
            tensors[PATTERNS].numpy(),
        )

    def with_series(
        self,
        config: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
        *given: Any,
    ) -> Self:
        """With the series of `series_config` and `tensors`; as `restored` for the rest."""
        if not config["series"]:
            return replace(self, known={}, ids={})
        own = {PATTERNS: torch.from_numpy(self.patterns)}
        return self.restored({**self.to_config(), **config}, {**tensors, **own}, *given)
