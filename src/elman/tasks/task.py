"""What all tasks share: settings, the fit loop, evaluation, saving and loading."""

import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import nn

from elman.cells import BUILTIN, Cell, resolve
from elman.errors import ElmanError, ModelError, SettingsError
from elman.files import is_file
from elman.folders import CHECKPOINT, claim, path_of
from elman.html import is_page
from elman.tasks.arrow import answered, answered_schema
from elman.tasks.card import card
from elman.tasks.commands import Commands
from elman.tasks.comparison import no_better
from elman.tasks.ensemble import build, claim_folders, networks, seeds_of
from elman.tasks.hooks import Hooks
from elman.tasks.meta import without_values
from elman.tasks.prediction import Evaluation, Prediction, rows
from elman.tasks.schema import checked, with_nan
from elman.tasks.settings import validated
from elman.tasks.significance import Difference, Scored, difference
from elman.tasks.start import merged, trained
from elman.tasks.storage import MODEL_FILES, Saved, assign_weights, write_model
from elman.tasks.training import REPORT, Training
from elman.tasks.unreadable import in_place
from elman.train.inference import infer
from elman.train.resume import refuse_begun
from elman.train.tree import move
from elman.train.workers.one_process import OneProcess
from elman.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

_NOT_FITTING = (
    *(LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError),
    *(AssertionError, MemoryError),
)

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


class Task(Hooks):
    """A network for one kind of use: encode, recur, head, decode.

    A subclass names its settings and says how data become batches, a loss, answers and metrics;
    all else is here. `settings` are keywords of the class; `cell` may also be an `elman.Cell` of
    your own. After `fit`, `history` holds the metrics of every evaluation (of
    several networks those of the first) and `record` what the
    model card says.
    """

    commands: ClassVar[Commands | None] = None  # for the command line; by default without flags

    def __init__(self, **settings: Any) -> None:
        settings = self.settings_type.current(settings, stacklevel=2)
        own = settings.get("cell")
        self.cell: Cell | None = None
        if own is not None and not isinstance(own, str):
            self.cell = resolve(own)
            settings["cell"] = _name(self.cell)
        self.settings: Any = validated(self.settings_type, settings)
        if self.cell is None:
            resolve(self.settings.cell)
        self.asked = {name: getattr(self.settings, name) for name in settings}  # not left open
        self.planned: list[str] = []  # what `plan` chose, in words
        self._start: Any = None  # while training: the trained task that it started from
        self._model: Any = None
        self._preprocessing: Any = None
        self._memory: Any = None  # what a trained task remembers of data, if it does
        self.record: dict[str, Any] = {}
        self.history: list[dict[str, float]] = []
        self.report_page: Path | None = None  # of the last fit, where it has a folder

    def _parts(self) -> list[Any]:
        """What is saved beside settings and weights."""
        return [self.preprocessing, *([self._memory] if self._memory else [])]

    # Use

    def predictions(self, data: Any, **options: Any) -> list[Prediction]:
        """The answer for each input, in the order of the inputs, or why there is none."""
        self._check_trained()
        dataset = self.read(data, labelled=False)
        found = self.decode(self._outputs(dataset, options), self.preprocessing, options)
        columns = self.value_name, self.input_name
        named = [
            Prediction(each.value, each.error, dataset.shown(i), each.details, columns)
            for i, each in enumerate(found)
        ]
        return in_place(named, dataset, lambda reason: Prediction(None, reason, columns=columns))

    def predict(self, data: Any) -> Any:
        """The value for each input, in the order of the inputs; None for one that has an error."""
        return [each.value for each in self.predictions(data)]

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """The predictions with their inputs, a dict each: for tables and files."""
        return rows(self.predictions(data), self.value_name)

    def arrow(
        self, batches: "Iterable[pa.RecordBatch]", *, column_prefix: str = "", **options: Any
    ) -> "Iterator[pa.RecordBatch]":
        """Arrow batches with the answers to their rows, in the order of the rows.

        This is what engines for large data map over a table, as Spark's `mapInArrow` does; see
        `elman.scale`. A batch in memory at a time is enough.

        **Arguments:**

        - `batches`: all with the same columns, those among them that the settings name (`text`,
          `features` or `path`, `source`).
        - `column_prefix`: what the names of the new columns begin with.
        - `options`: of `predictions`, those that change no column, as the `beam` of translations.

        **Returns:** the columns that came and those of `arrow_schema`, in batches of at most 2048
        rows. A row without an answer has nulls and, in the column `error`, the reason.

        Raises `SettingsError` for a task that does not answer row by row, and `DataError` where a
        column is missing.

        >>> import pyarrow as pa
        >>> from elman.tasks import Classify
        >>> data = (["good film", "bad film"] * 20, ["+", "-"] * 20)
        >>> task = Classify(hidden_size=8, epochs=10, lr=0.02).fit(data, progress=False)
        >>> batch = pa.RecordBatch.from_pydict({"id": [7, 8], "text": ["a good film", None]})
        >>> found = pa.Table.from_batches(task.arrow([batch]))
        >>> found.column_names
        ['id', 'text', 'label', 'probability', 'error']
        >>> found["label"].to_pylist(), found["error"].to_pylist()
        (['+', None], [None, 'the text is empty'])
        """
        self._check_trained()
        known = self.table_columns()
        for name in options:
            if name not in known.options:
                can = ", ".join(known.options) or "none"
                raise SettingsError(f"{name} is not an option for tables; this task has: {can}")
        return answered(self, known, batches, column_prefix, options)

    def arrow_schema(self, schema: "pa.Schema", *, column_prefix: str = "") -> "pa.Schema":
        """The columns that `arrow` gives for batches with those of `schema`."""
        self._check_trained()
        return answered_schema(self.table_columns(), schema, column_prefix)

    def evaluate(self, data: Any) -> dict[str, float]:
        """The metrics of labelled data."""
        metrics: dict[str, float] = self.report(data).metrics
        return metrics

    def report(self, data: Any) -> Any:
        """An `Evaluation` of labelled data."""
        self._check_trained()
        dataset = self.read(data, labelled=True)
        return Evaluation(self.metrics(self._outputs(dataset), self.preprocessing, dataset))

    def compare(self, other: Self, data: Any, **options: Any) -> list[Difference]:
        """This model beside another one of the same task on labelled data, by paired bootstrap.

        **Arguments:** `options`: of decoding, as in `report` where a task has any.

        **Returns:** of each metric its value for both, and the p value of the difference.
        Raises `SettingsError` where the task cannot compare models, or they read other examples.
        """
        self._check_comparable(other)
        return [difference(self.scored(data, **options), other.scored(data, **options))]

    def scored(self, data: Any) -> Scored:
        """What each example of labelled data adds to a metric; of a task with `compared_by`."""
        self._check_trained()
        if self.compared_by is None:
            raise SettingsError(f"models of the task {self.name} cannot be compared")
        dataset = self.read(data, labelled=True)
        found = self.scores(self._outputs(dataset), self.preprocessing, dataset)
        return Scored(self.compared_by, found, [dataset.shown(i) for i in range(len(dataset))])

    def _check_comparable(self, other: Any) -> None:
        self._check_trained()
        if type(other) is not type(self):
            name = getattr(other, "name", type(other).__name__)
            raise SettingsError(
                f"a model of the task {name} cannot be compared with one of the task {self.name}"
            )
        other._check_trained()

    def _outputs(self, dataset: Any, options: Mapping[str, Any] = NO_OPTIONS) -> list[Any]:  # noqa: ARG002
        """The network's outputs of a dataset; those of a task that searches depend on options."""
        batches = self.batches(self.preprocessing, dataset, training=False)
        return infer(self.model, batches, self.answers)

    def answers(self, model: nn.Module, batch: Any) -> Any:
        """The outputs of a batch; those of an ensemble as one."""
        found = [self.outputs(each, batch) for each in networks(model)]
        return self.average(found) if len(found) > 1 else found[0]

    # What all share

    @property
    def preprocessing(self) -> Any:
        """What was learnt from the training data; SettingsError before `fit`."""
        self._check_trained()
        return self._preprocessing

    @property
    def model(self) -> nn.Module:
        """The trained network; SettingsError before `fit`."""
        self._check_trained()
        model: nn.Module = self._model
        return model

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
        workers: OneProcess | None = None,
        after_evaluation: Callable[[Mapping[str, float]], None] | None = None,
    ) -> Self:
        """Train from nothing, or from a trained model.

        **Arguments:**

        - `data`, `validation`: what to train on and what to choose the best weights by; without
          `validation` a share of the data is held out.
        - `folder`: where checkpoints, the log and at the end the model and a report page,
          `report.html`, are written; nothing is written if None. It must be new, empty or one that
          elman wrote.
        - `resume`: continue from the folder's checkpoint, with the same data and settings, to the
          same weights as without the interruption.
        - `start_from`: a trained task, a model's folder or its name on the hub, to start from its
          weights and preprocessing with a new optimizer: other data, more epochs, another schedule.
          Settings that were not given to this task are those of that model. Of another task's
          model only what both have in common is taken: a classifier of texts may begin with a
          language model.
        - `progress`: show a progress bar, or lines where there is no terminal.
        - `workers`: those that train together, as `elman.train.workers.joined` gives them; all call
          `fit` with the same arguments. The first alone writes and shows anything, and its task
          alone is trained afterwards: the others load what it saved.
        - `after_evaluation`: called with the metrics of each evaluation; what it raises ends
          training.

        **Returns:** the task itself. If it fails or is interrupted, the task is as it was before.
        Raises `SettingsError` for settings with which the weights of `start_from` do not fit,
        `DataError` for labels or characters that it does not know, and `FileError` where files in
        `folder` that elman did not write would be lost.
        """
        seeds_of(self)  # which refuses several where they cannot be averaged
        workers = workers or OneProcess()
        is_first = workers.is_first
        folder, progress = (folder, progress) if is_first else (None, False)
        if folder is not None:
            folder = path_of(folder, "folder")
            if resume and not is_file(folder / CHECKPOINT):
                raise ModelError(f"{folder / CHECKPOINT}: no such checkpoint to resume from")
            claim(folder, [*MODEL_FILES, *self.asset_names, REPORT], {REPORT: is_page})
            if not resume:
                refuse_begun(folder / CHECKPOINT)
        began = time.monotonic()
        start = None if start_from is None else trained(self, start_from, folder)
        task = copy(self)  # takes all changes, so that a run that fails changes nothing
        if start is not None:
            task.cell, task.settings = task.cell or start.cell, merged(task, start)
            if start.name != task.name:  # so that the plan keeps them
                task.asked = {**task.asked, **task.settings_from(start)}
        if folder is not None:
            claim_folders(folder, task, resume=resume)
        training = Training(
            task,
            start,
            data,
            validation,
            progress=progress,
            workers=workers,
            after_evaluation=after_evaluation,
        )
        if progress and not resume:
            training.announce()
        training.run(folder=folder, resume=resume, began=began, unit=self.unit)
        if not is_first:
            return self
        task.model.eval()
        task.history = training.results[0].history
        task.record = {**training.record(), "latency_ms": task._latency()}
        if baselines := training.baselines():
            task.record["baselines"] = baselines
        task._start, task.asked = None, self.asked
        if folder is not None:
            task.save(folder)
        vars(self).update(vars(task))
        if folder is not None:
            self.report_page = training.write_report(folder)
        if (found := training.learnt_again()) is not None:
            self._preprocessing = found
            if folder is not None:
                self.save(folder)
        if warning := no_better(baselines):
            warnings.warn(warning, stacklevel=2)
        return self

    def examine(self, data: Any) -> tuple[nn.Module, Any, Callable[[Any, Any], Any], int | None]:
        """What `elman.diagnose` looks at: the network, a batch of the data, loss, chunk length."""
        model = networks(self.model)[0]
        if data is None:
            raise SettingsError("data is missing: name a file or a dataset to diagnose on")
        batch = self.batch_to_diagnose(self.preprocessing, self.read(data, labelled=True))
        batch = move(batch, self.device)
        return model, batch, lambda model, batch: self.loss(model, batch, None), self.chunk_length

    def save(self, path: Path | str) -> None:
        """Write the model folder: configuration, weights, preprocessing and a model card.

        The folder must be new, empty or one that elman wrote. Of a model that was saved there
        before nothing stays; files that elman did not write stay as they are. Raises `FileError`
        where one of them would be overwritten.
        """
        self._check_trained()
        path = path_of(path, "path")
        config = {
            "elman": __version__,
            "task": self.name,
            "settings": self.settings.model_dump(mode="json"),
            **{name: v for part in self._parts() for name, v in part.to_config().items()},
            "record": self.record,
        }
        tensors = self.model.state_dict()
        assets = {name: w for part in self._parts() for name, w in part.assets().items()}
        parameters = sum(p.numel() for p in self.model.parameters())
        count = len(networks(self.model))
        several = f", {count} networks" if count > 1 else ""
        title = f"{self.name}: {self.description()}{several}"
        text = card(title, __version__, self.record, parameters)
        write_model(path, config, tensors, text, assets)

    @classmethod
    def _load(cls, saved: Saved, cells: Mapping[str, Cell]) -> Self:
        try:
            checked(cls.saved_type, saved.config)
        except ModelError as error:
            raise ModelError(f"{saved.path} does not hold what its task needs: {error}") from None
        settings = cls.settings_type.current(saved.config["settings"])
        record = with_nan(saved.config["record"])
        name = str(settings.get("cell"))[:100]
        if name not in BUILTIN and name not in cells:
            raise ModelError(
                f'{saved.path} uses the cell "{name}", which is not built in: pass it as'
                f" elman.load(path, cells=[{name}])"
            )
        try:
            task = cls(**{**settings, "cell": cells.get(name, name), "device": "auto"})
            task.record = record
            with without_values():
                task._preprocessing = cls.preprocessing_type.from_saved(saved, task.settings)
                task._memory = task.recall(saved)
                model = build(task, task._preprocessing)
            assign_weights(model, saved.tensors)
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
