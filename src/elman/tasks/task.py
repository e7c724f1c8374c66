"""What all tasks share: settings, the fit loop, evaluation, saving and loading."""

import statistics
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from elman.cells import BUILTIN, Cell, resolve
from elman.errors import ElmanError, ModelError, SettingsError
from elman.files import is_file
from elman.folders import CHECKPOINT, claim, path_of
from elman.tasks.card import card
from elman.tasks.commands import Commands
from elman.tasks.meta import without_values
from elman.tasks.model import SequenceModel
from elman.tasks.schema import SavedConfig, checked
from elman.tasks.settings import validated
from elman.tasks.start import merged, take_weights, trained, weights_hash
from elman.tasks.storage import MODEL_FILES, Saved, write_model
from elman.train import Batches, Step, fit
from elman.train.tree import move
from elman.version import __version__

_PROGRESS = ("step", "epoch", "training_loss")
_NOT_FITTING = (
    *(LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError),
    *(AssertionError, MemoryError),
)


@dataclass(frozen=True)
class Prepared:
    """What a task makes of its data before training begins."""

    batches: Batches[Any]
    evaluate: Callable[[SequenceModel], dict[str, float]]
    data: dict[str, Any]  # what the model card says of the data
    metric: str  # the metric that chooses the best weights
    finish: Callable[[SequenceModel], None] | None = None  # to do with the best weights
    precision: torch.dtype | None = None  # of the inputs, if they are numbers


class Task(ABC):
    """A network for one kind of use: encode, recur, head, decode.

    A subclass names its settings and says how data become batches, a loss and metrics; all else
    is here. `settings` are keywords of the class; `cell` may also be an `elman.Cell` of your own.
    After `fit`, `history` holds the metrics of every evaluation and `record` what the model card
    says.
    """

    name: ClassVar[str]
    unit: ClassVar[str]  # what a batch's loss is a mean of
    settings_type: ClassVar[type[Any]]
    commands: ClassVar[Commands | None] = None  # for the command line; by default without flags
    saved_type: ClassVar[type[SavedConfig]] = SavedConfig
    fixed: ClassVar[tuple[str, ...]] = ()  # settings that weights and preprocessing depend on
    found_after_training: ClassVar[
        tuple[str, ...]
    ] = ()  # weights that training does not start from
    asset_names: ClassVar[tuple[str, ...]] = ()  # the names of all files that `_assets` may give

    def __init__(self, **settings: Any) -> None:
        own = settings.get("cell")
        self.cell: Cell | None = None
        if own is not None and not isinstance(own, str):
            self.cell = resolve(own)
            settings["cell"] = _name(self.cell)
        self.settings: Any = validated(self.settings_type, settings)
        if self.cell is None:
            resolve(self.settings.cell)
        self.given = frozenset(
            settings
        )  # the names of settings that are not left at their defaults
        self._start: Any = None  # while training: the trained task that it started from
        self._model: SequenceModel | None = None
        self.record: dict[str, Any] = {}
        self.history: list[dict[str, float]] = []

    # What a subclass says

    @abstractmethod
    def _prepare(self, data: Any, validation: Any) -> Prepared:
        """Read the data, learn vocabulary or scale from it and make the model."""

    @abstractmethod
    def _loss(self, model: SequenceModel, batch: Any, state: Any) -> Step:
        """The loss of one batch."""

    @abstractmethod
    def _config(self) -> dict[str, Any]:
        """Besides the settings, what `_restore` needs."""

    @abstractmethod
    def _assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The files of preprocessing, each with what writes it."""

    @abstractmethod
    def _restore(self, saved: Saved) -> SequenceModel:
        """From `_config` and `_assets` the task as it was, and a model without weights."""

    @abstractmethod
    def _example(self) -> Callable[[], object]:
        """One small prediction, to measure the latency."""

    @abstractmethod
    def evaluate(self, data: Any) -> dict[str, float]:
        """The metrics of the data."""

    @abstractmethod
    def predict(self, data: Any) -> Any:
        """What the model says of the data."""

    @abstractmethod
    def rows(self, data: Any) -> list[dict[str, Any]]:
        """The predictions with their inputs, a dict each: for tables and files."""

    @abstractmethod
    def _batch(self, data: Any) -> Any:
        """A batch of the data, as `_loss` takes it."""

    # What all share

    @property
    def model(self) -> SequenceModel:
        """The trained network; SettingsError before `fit`."""
        self._check_trained()
        assert self._model is not None
        return self._model

    def _check_trained(self) -> None:
        if self._model is None:
            raise SettingsError(f"this {type(self).__name__} is not trained: call fit first")

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return next(self.model.parameters()).device

    def fit(
        self,
        data: Any,
        validation: Any = None,
        *,
        folder: Path | str | None = None,
        resume: bool = False,
        start_from: "Task | Path | str | None" = None,
        progress: bool = True,
    ) -> Self:
        """Train from nothing, or from a trained model of the same task.

        **Arguments:**

        - `data`, `validation`: what to train on and what to choose the best weights by; without
          `validation` a share of the data is held out.
        - `folder`: where checkpoints, the log and at the end the model are written; nothing is
          written if None. It must be new, empty or one that elman wrote.
        - `resume`: go on from the folder's checkpoint, with the same data and settings, to the very
          weights of an unbroken run.
        - `start_from`: a trained task, a model's folder or its name on the hub, to start from its
          weights and preprocessing with a new optimizer: other data, more epochs, another schedule.
          Settings that were not given to this task are those of that model.
        - `progress`: show a progress bar, or lines where there is no terminal.

        **Returns:** the task itself. Raises `SettingsError` for settings with which the weights of
        `start_from` do not fit, `DataError` for labels or characters that it does not know, and
        `FileError` where files in `folder` that elman did not write would be lost.
        """
        if folder is not None:
            folder = path_of(folder, "folder")
            if resume and not is_file(folder / CHECKPOINT):
                raise ModelError(f"{folder / CHECKPOINT}: no such checkpoint to resume from")
            claim(folder, [*MODEL_FILES, *self.asset_names])
        start = None if start_from is None else trained(self, start_from, folder)
        if start is not None:
            self.cell, self.settings = self.cell or start.cell, merged(self, start)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            self._start = start
            prepared = self._prepare(data, validation)
            self.model.to(dtype=prepared.precision)
            if start is not None:
                take_weights(self, start)
        result = fit(
            self.model,
            prepared.batches,
            self._loss,
            settings=self.settings,
            folder=folder,
            evaluate=prepared.evaluate,
            metric=prepared.metric,
            progress=progress,
            unit=self.unit,
            data=prepared.data["training_sha256"],
            start=None if start is None else weights_hash(start),
            resume=resume,
        )
        self.history = result.history
        self.model.eval()
        found = [entry for entry in self.history if entry["step"] == result.best_step]
        if not found:
            warnings.warn(
                f"{prepared.metric} was NaN at every evaluation: the last weights are kept",
                stacklevel=2,
            )
        best = (found or self.history)[-1]
        metrics = {name: value for name, value in best.items() if name not in _PROGRESS}
        if prepared.finish is not None:
            prepared.finish(self.model)
            metrics = prepared.evaluate(self.model)
        self.record = {
            "data": prepared.data,
            "metrics": {name: round(value, 6) for name, value in metrics.items()},
            "training": {
                "steps": result.step,
                "best_step": result.best_step,
                "stopped_because": result.stopped_because,
                "seconds": round(result.seconds, 1),
                "clipped_share": round(result.clipped, 4),
                **({} if start is None else {"started_from": weights_hash(start)}),
            },
            "latency_ms": self._latency(),
        }
        if folder is not None:
            self.save(folder)
        return self

    def examine(
        self, data: Any
    ) -> tuple[SequenceModel, Any, Callable[[Any, Any], Any], int | None]:
        """What `elman.diagnose` looks at: the network, a batch of the data, loss, chunk length."""
        model = self.model
        if data is None:
            raise SettingsError("data is missing: name a file or a dataset to diagnose on")
        batch = move(self._batch(data), self.device)
        chunk: int | None = getattr(self.settings, "chunk_length", None)
        return model, batch, lambda model, batch: self._loss(model, batch, None), chunk

    def save(self, path: Path | str) -> None:
        """Write the model folder: configuration, weights, preprocessing and a model card.

        The folder must be new, empty or one that elman wrote; files there that elman did not write
        stay as they are. Raises `FileError` where one of them would be written over.
        """
        self._check_trained()
        path = path_of(path, "path")
        config = {
            "elman": __version__,
            "task": self.name,
            "settings": self.settings.model_dump(mode="json"),
            **self._config(),
            "record": self.record,
        }
        tensors = self.model.state_dict()
        text = card(self.name, config, sum(p.numel() for p in self.model.parameters()))
        write_model(path, config, tensors, text, self._assets())

    @classmethod
    def _load(cls, saved: Saved, cells: Mapping[str, Cell]) -> Self:
        try:
            checked(cls.saved_type, saved.config)
        except ModelError as error:
            raise ModelError(f"{saved.path} does not hold what its task needs: {error}") from None
        settings, record = saved.config["settings"], saved.config["record"]
        name = str(settings.get("cell"))[:100]
        if name not in BUILTIN and name not in cells:
            raise ModelError(
                f'{saved.path} uses the cell "{name}", which is not built in: pass it as'
                f" elman.load(path, cells=[{name}])"
            )
        try:
            task = cls(**{**settings, "cell": cells.get(name, name), "device": "auto"})
            task.record = record
            if task.settings.num_layers > len(saved.tensors):
                raise ModelError(f"there are no weights for {task.settings.num_layers} layers")
            with without_values():
                model = task._restore(saved)
            _assign(model, saved.tensors)
        except _NOT_FITTING as error:
            what = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
            raise ModelError(f"{saved.path} does not hold what its task needs: {what}") from None
        except ElmanError as error:
            what = " ".join(str(error).split())[:300]
            raise ModelError(f"{saved.path} does not hold what its task needs: {what}") from None
        task._model = model.eval()
        return task

    def _latency(self) -> float:
        """Median time of a small prediction, in milliseconds."""
        run = self._example()
        times = []
        for _ in range(15):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return round(1000 * statistics.median(times), 3)


def _name(cell: Cell) -> str:
    """The name by which settings call a cell: a built-in one's own, else its class's."""
    own = type(cell)
    return next((name for name, builtin in BUILTIN.items() if builtin is own), own.__name__)


def _assign(model: SequenceModel, tensors: Mapping[str, Tensor]) -> None:
    """Give a model without weights its own, in the precision that they were saved in.

    What would be of `torch.get_default_dtype()` may be of another, if it is one in all weights.
    """
    expected, usual = model.state_dict(), torch.get_default_dtype()
    saved = [tensors[n].dtype for n, t in expected.items() if t.dtype == usual and n in tensors]
    precision = saved[0] if saved and saved[0].is_floating_point else usual
    for name in {**expected, **tensors}:
        wanted = expected.get(name)
        if wanted is not None and wanted.dtype == usual:
            wanted = wanted.to(precision)
        if (found := _form(tensors.get(name), "missing")) != (form := _form(wanted, "none")):
            raise ModelError(f"weight {name} is {found} where the settings ask for {form}")
    model.load_state_dict(dict(tensors), assign=True)


def _form(tensor: Tensor | None, nothing: str) -> str:
    if tensor is None:
        return nothing
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
