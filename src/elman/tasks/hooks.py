"""What each task states of itself: its data, network, loss, answers and metrics."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.baselines import Baseline
from elman.errors import ExportError, SettingsError
from elman.nn.export_spec import ExportSpec
from elman.tasks.messages import Messages
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.protocols import Memory, Preprocessing
from elman.tasks.run_report.run import Own
from elman.tasks.schema import SavedConfig
from elman.tasks.session import Session
from elman.tasks.settings import RecurrentSettings
from elman.tasks.storage import Saved
from elman.tasks.table_columns import TableColumns
from elman.train import ParameterGroup, Step
from elman.train.objective import Objective


class Hooks(ABC):
    """The parts of a task, which `elman.tasks.Task` puts together.

    In the order of a fit: `read` the data, `split` it, `plan`, `fit_preprocessing`, `build` the
    network, make `batches`, take the `loss` of each; of held-out data the `outputs`, their
    `metrics` and by `objective` the best weights; `calibrate`; compare the `scores` with
    `baselines`; later `decode` the outputs of new data.
    """

    settings: Any
    name: ClassVar[str]
    unit: ClassVar[str]  # what a batch's loss is a mean of
    settings_type: ClassVar[type[Any]]
    saved_type: ClassVar[type[SavedConfig]] = SavedConfig
    preprocessing_type: ClassVar[type[Preprocessing]]
    messages: ClassVar[type[Messages]] = Messages  # how a server's messages become inputs
    value_name: ClassVar[str] = "value"  # the column of a prediction's value
    input_name: ClassVar[str] = "input"  # the column of a prediction's input
    fixed: ClassVar[tuple[str, ...]] = ()  # settings that weights and preprocessing depend on
    found_after_training: ClassVar[
        tuple[str, ...]
    ] = ()  # weights that training does not start from
    compared_by: ClassVar[str | None] = None  # the metric that is the mean of `scores`
    calibration_changes_metrics: ClassVar[bool] = True  # so that `calibrate` asks for new ones
    learns_again: ClassVar[str] = "preprocessing"  # the name of what `learn_again` changes
    asset_names: ClassVar[tuple[str, ...]] = ()  # the names of all files that preprocessing writes

    def read(self, data: Any, *, labelled: bool) -> Any:
        """The data as a `Dataset`; `DataError` names file and line of what cannot be used.

        How to read it may depend on `self._preprocessing`, None while training from nothing.
        """
        raise NotImplementedError

    def split(self, data: Any) -> tuple[Any, Any]:
        """A dataset's part for training, and the one held out for validation."""
        raise NotImplementedError

    def plan(self, train: Any) -> Plan:  # noqa: ARG002
        """Settings that suit the data, for all that were not given."""
        return Plan()

    def fit_preprocessing(self, train: Any, start: Any = None) -> Any:
        """The `Preprocessing` that a dataset needs, or that of the model to start from."""
        raise NotImplementedError

    def learn_again(self, data: Any) -> Any:  # noqa: ARG002
        """A `Preprocessing` that has learnt from all data, those that were split off to validate
        included, once the best weights and their metrics are known; None to keep the old one."""
        return None

    def found(self, name: str, value: Any) -> bool:  # noqa: ARG002
        """Whether the trained model found this value for a setting of `fixed` that was open."""
        return False

    def settings_from(self, start: Any) -> dict[str, Any]:
        """Settings that follow from a trained model of another task, to begin with its weights.

        `SettingsError` where training cannot begin with it, as it cannot if not overridden.
        """
        raise SettingsError(
            f"start_from is a model of the task {start.name}, and this is {self.name}"
        )

    def take_from(self, start: Any, model: Any) -> None:
        """Write into the network what it shares with that of another task, see `settings_from`."""
        raise NotImplementedError

    def build(self, preprocessing: Any) -> nn.Module:
        """The network, with fresh weights."""
        raise NotImplementedError

    def initialise(self, model: Any) -> list[str]:  # noqa: ARG002
        """Write what training from nothing begins with into fresh weights, and say what it is, a
        line each; nothing if not overridden."""
        return []

    def parameter_groups(self, model: Any) -> Sequence[ParameterGroup]:  # noqa: ARG002
        """Parts of the network that learn at a lower rate or only later; none by default."""
        return ()

    def precision(self, preprocessing: Any) -> torch.dtype | None:  # noqa: ARG002
        """The type of the weights where inputs are numbers of this type; else torch's default."""
        return None

    def batches(self, preprocessing: Any, data: Any, *, training: bool) -> Any:
        """A dataset's batches: for training `elman.train.Batches`, else `OrderedBatches`."""
        raise NotImplementedError

    def loss(self, model: Any, batch: Any, state: Any) -> Step:
        """The loss of one batch."""
        raise NotImplementedError

    def chance(self, train: Any) -> float | None:  # noqa: ARG002
        """The loss of the best constant prediction of the training data; None if not known."""
        return None

    def outputs(self, model: Any, batch: Any) -> Tensor | Sequence[Any]:
        """The network's outputs of a batch, one an input."""
        raise NotImplementedError

    def average(self, outputs: Sequence[Any]) -> Any:
        """What `outputs` gave of one batch by several networks, as one; see `elman.tasks.ensemble`.

        A task that does not override it has no ensembles.
        """
        raise NotImplementedError

    def decode(
        self, output: Sequence[Any], preprocessing: Any, options: Mapping[str, Any]
    ) -> list[Prediction]:
        """The answers from the network's outputs, without inputs and errors."""
        raise NotImplementedError

    def metrics(self, output: Sequence[Any], preprocessing: Any, data: Any) -> dict[str, float]:
        """How good the network's outputs are for a labelled dataset, `objective` included."""
        raise NotImplementedError

    @property
    def objective(self) -> Objective:
        """The metric that chooses the best weights."""
        return Objective("loss", maximize=False)

    def calibrate(self, model: Any, validation: Any) -> None:  # noqa: B027
        """Find, with the best weights, what training leaves open; nothing if not overridden.

        What it adds to `planned` is printed.
        """

    def baselines(self, train: Any, held_out: Any) -> list[Baseline]:  # noqa: ARG002
        """Simple methods trained on the same data and measured on the same; none by default."""
        return []

    def scores(self, output: Sequence[Any], preprocessing: Any, data: Any) -> NDArray[np.float64]:
        """What each example adds to the metric of the `baselines`, (N,), from its output."""
        raise NotImplementedError

    def recall(self, saved: Saved) -> Memory | None:  # noqa: ARG002
        """What a saved model remembers of the data that it has read; None if nothing."""
        return None

    def facts(self, train: Any, validation: Any) -> dict[str, Any]:
        """What the model card says of the data, `training_sha256` included; `chosen` is what was
        found in it and why, if anything was."""
        raise NotImplementedError

    def session(self, *args: Any, **options: Any) -> Session:  # noqa: ARG002
        """A stream of input with a state of its own; see `elman.tasks.session`."""
        raise SettingsError(f"the task {self.name} has no sessions")

    def table_columns(self) -> TableColumns:
        """What the trained task reads and adds where it answers a table row by row.

        `SettingsError` where it does not, as it does not if not overridden.
        """
        raise SettingsError(
            f"the task {self.name} does not answer a table row by row: predict gives its answers"
        )

    @property
    def chunk_length(self) -> int | None:
        """The time steps that truncated backpropagation goes back; None if to the first step."""
        return None

    def batch_to_diagnose(self, preprocessing: Any, data: Any) -> Any:
        """The batch of a labelled dataset that `elman.diagnose` follows, as `loss` takes it."""
        return next(iter(self.batches(preprocessing, data, training=True).epoch(0)))

    def report_parts(self, train: Any, held_out: Any) -> Own:  # noqa: ARG002
        """The task's own sections and advice in a run's report; none by default."""
        return Own()

    def description(self) -> str:
        """The network in a few words, for the model card's title."""
        settings = self.settings
        return settings.description if isinstance(settings, RecurrentSettings) else settings.cell

    def export_spec(self) -> ExportSpec:
        """The trained network's graphs and what comes before and after: for `elman.export`."""
        raise ExportError(f"models of the task {self.name} cannot be exported")

    @abstractmethod
    def _example(self) -> Callable[[], object]:
        """One small prediction, to measure the latency."""
