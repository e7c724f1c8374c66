"""Handwriting synthesis: writing that looks like the training data's, of a text or without."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.data import Ink
from elman.data.arguments import check_number
from elman.data.checks import whole
from elman.data.values import shown
from elman.errors import DataError, SettingsError
from elman.nn.export_spec import ExportSpec
from elman.tasks.handwriting.dataset import HandwritingData, read_data
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.synthesis.baselines import baselines, gaussian
from elman.tasks.synthesis.batches import PointBatches, Points, Sample, by_length
from elman.tasks.synthesis.export import export_spec
from elman.tasks.synthesis.flags import COMMANDS
from elman.tasks.synthesis.generation import Style, Written, write
from elman.tasks.synthesis.likelihood import log_likelihood
from elman.tasks.synthesis.messages import SynthesisMessages
from elman.tasks.synthesis.network import WriterNetwork
from elman.tasks.synthesis.plan import plan
from elman.tasks.synthesis.preprocessing import Strokes, SynthesisPreprocessing
from elman.tasks.synthesis.run_report import SynthesisRun
from elman.tasks.synthesis.saved import SynthesisConfig
from elman.tasks.synthesis.settings import SynthesisSettings
from elman.tasks.task import Task
from elman.train import Step
from elman.train.inference import ByLength
from elman.train.objective import Objective

_MOST_BIAS = 20.0
_CELLS = 16  # of the baseline's table, in a deviation


class Synthesis(Task):
    """Learn how a pen moves from point to point, and write by doing so (Graves 2013, *Generating
    sequences with recurrent neural networks*).

    Data is whatever `elman.data.read_inks` reads. Where samples have texts, the network learns to
    write a given text through a soft window on its characters; `condition="nothing"` keeps to the
    ink alone. Each point's offset from the last has a density, a mixture of bivariate Gaussians,
    and the pen then draws on, lifts or ends (Ha & Eck 2017).

    `evaluate` gives `nll`, the negative log-likelihood in nats a point: of the offset as a density
    in the data's own units (`offset_nll`; the first point's place is left out) and of the pen state
    (`pen_nll`). Coordinates in whole numbers are made continuous by uniform noise of ±0.5, so that
    the density cannot grow without bound. `predict` gives the `nll` of each sample.

    >>> import numpy as np
    >>> from elman.data import Ink
    >>> samples = [Ink.of_strokes([[(0, 0), (w, 9)], [(w, 0), (0, 9)]]) for w in range(3, 9)]
    >>> task = Synthesis(hidden_size=8, components=2, epochs=2)
    >>> task = task.fit(samples * 5, progress=False)
    >>> ink = task.generate(bias=1, seed=0, most=6)
    >>> len(ink) <= 6
    True
    """

    name = "synthesis"
    unit = "points"
    value_name, input_name = "nll", "name"
    settings_type = SynthesisSettings
    commands = COMMANDS
    messages = SynthesisMessages
    saved_type = SynthesisConfig
    preprocessing_type = SynthesisPreprocessing
    fixed = ("condition", "components", "window", "embedding_size", "spacing")

    @property
    def _known(self) -> SynthesisPreprocessing:
        """What the training data was found to be; while training, too."""
        return cast("SynthesisPreprocessing", self._preprocessing)

    @property
    def model(self) -> WriterNetwork:
        """The trained network; SettingsError before `fit`."""
        return cast("WriterNetwork", super().model)

    # use

    def generate(self, text: str | None = None, **options: Any) -> Ink:
        """Write a piece of ink; `options` are those of `samples`."""
        return self.samples(1, text, **options)[0]

    def samples(
        self,
        count: int,
        text: str | None = None,
        *,
        bias: float = 0.0,
        style: Any = None,
        seed: int | None = None,
        most: int | None = None,
    ) -> list[Ink]:
        """Write several pieces of ink, in the units of the training data, from (0, 0) on.

        **Arguments:**

        - `text`: what to write; None of a model that has learnt from ink alone.
        - `bias`: 0 draws from the density as it is; above 0 more likely components gain weight and
          deviations shrink by exp(-bias), for tidier and less varied writing.
        - `style`: a sample in whose hand to write on: a file of ink or an `Ink`, with a text
          `(ink, text)`. The network reads it first; what is returned is only what comes after.
        - `seed`: the same seed writes the same; None draws another each time.
        - `most`: points after which writing is stopped with a warning; by default three times as
          many as the training data needs.
        """
        self._check_trained()
        count = whole(count, "count", 1)
        check_number("bias", bias, 0, _MOST_BIAS)
        if most is not None:
            most = whole(most, "most", 1)
        self._check_text(text)
        hand = None if style is None else Style.of(style, self._known)
        found = self._written([text or ""] * count, seed, bias=bias, style=hand, most=most)
        if found.unfinished:
            warnings.warn(
                f"{found.unfinished} of {count} pieces were stopped after {found.most} points,"
                " before their end",
                stacklevel=3 if count == 1 else 2,
            )
        return found.inks

    def strokes(self, data: HandwritingData) -> list[Strokes]:
        """Offsets in the data's units and pen states of each sample."""
        return [self._known.strokes(ink) for ink in data.samples.inks]

    # the parts of a task

    def read(self, data: Any, *, labelled: bool) -> HandwritingData:  # noqa: ARG002
        """The samples, with texts where all have one."""
        return read_data(data, self.settings, labelled=None)

    def split(self, data: HandwritingData) -> tuple[HandwritingData, HandwritingData]:
        """Training and validation data; writers, where they are known, are held out whole."""
        train, held_out = data.split(self.settings.held_out, self.settings.seed)
        if held_out.samples.texts is None or self.settings.condition == "nothing":
            return train, held_out
        known = set("".join(train.texts))
        kept = [i for i, text in enumerate(held_out.texts) if set(text) <= known]
        if not kept:
            raise DataError("every held-out text has characters that are not in the training texts")
        return train, HandwritingData(held_out.samples.select(kept))

    def plan(self, train: HandwritingData) -> Plan:
        """By the numbers of samples and points."""
        return plan(train, self.asked, self.settings.preset)

    def fit_preprocessing(
        self, train: HandwritingData, start: SynthesisPreprocessing | None = None
    ) -> SynthesisPreprocessing:
        """The scale of offsets, and the characters of texts."""
        settings = self.settings
        if settings.condition == "text" and settings.num_layers < 2:
            raise SettingsError(
                f"num_layers={settings.num_layers}: writing a text needs 2 or more, as the window"
                " lies between the first and the second"
            )
        return SynthesisPreprocessing.learn(train, settings, start)

    def precision(self, preprocessing: SynthesisPreprocessing) -> torch.dtype:  # noqa: ARG002
        """Points are float32."""
        return torch.float32

    def build(self, preprocessing: SynthesisPreprocessing) -> WriterNetwork:
        """Recurrent layers over points, the window on a text, and the mixture density."""
        characters = len(preprocessing.characters)
        characters += bool(characters)  # the end of a text
        cell = self.cell or self.settings.cell
        return WriterNetwork(self.settings, cell, characters, preprocessing.pace)

    def batches(
        self, preprocessing: SynthesisPreprocessing, data: HandwritingData, *, training: bool
    ) -> PointBatches | ByLength[Points]:
        """Samples of similar length; those too long to train on are left out with a warning."""
        samples = self._samples(preprocessing, data)
        noise = 1 / preprocessing.scale if preprocessing.is_integer else 0.0
        if not training:
            return by_length(samples, noise)
        settings = self.settings
        kept = [each for each in samples if len(each.pens) <= settings.longest]
        if left_out := len(samples) - len(kept):
            words = f"{left_out:,} of {len(samples):,} samples have more than longest="
            words += f"{settings.longest:,} points"
            if not kept:
                raise DataError(f"{words}: resample them by spacing, or train on shorter ones")
            warnings.warn(f"{words} and are not trained on", stacklevel=4)
        return PointBatches(kept, settings.batch_size, seed=settings.seed, noise=noise)

    def _samples(
        self, preprocessing: SynthesisPreprocessing, data: HandwritingData
    ) -> list[Sample]:
        ids: list[Any] = [()] * len(data)
        if preprocessing.has_text:
            preprocessing.check_texts(data)
            ids = [preprocessing.ids(text) for text in data.texts]
        strokes = [preprocessing.strokes(ink) for ink in data.samples.inks]
        return [
            Sample((each.offsets / preprocessing.scale).astype(np.float32), each.pens, own)
            for each, own in zip(strokes, ids, strict=True)
        ]

    def loss(self, model: WriterNetwork, batch: Points, state: None) -> Step:
        """The negative log-likelihood a point."""
        offsets, pens = self._log_likelihood(model, batch)
        count = int(batch.lengths.sum())
        return Step(-(offsets.sum() + pens.sum()) / count, count, state)

    def _log_likelihood(self, model: WriterNetwork, batch: Points) -> tuple[Tensor, Tensor]:
        scores, _ = model(batch.inputs, batch.texts, lengths=batch.lengths)
        return log_likelihood(scores, batch, self._known.scale)

    def chance(self, train: HandwritingData) -> float:
        """That of one Gaussian and the frequencies of pen states."""
        strokes = self.strokes(train)
        return gaussian(strokes, strokes).metrics["nll"]

    def outputs(self, model: WriterNetwork, batch: Points) -> list[Tensor]:
        """Of each sample the nats of its offsets, those of its pen states, and points, (3,)."""
        offsets, pens = (-each.double().sum(0) for each in self._log_likelihood(model, batch))
        return list(torch.stack([offsets, pens, batch.lengths.to(offsets)], 1))

    def decode(
        self,
        output: Sequence[Tensor],
        preprocessing: SynthesisPreprocessing,  # noqa: ARG002
        options: Mapping[str, Any],  # noqa: ARG002
    ) -> list[Prediction]:
        """The nats a point of each sample."""
        return [Prediction(_metrics([row])["nll"]) for row in output]

    def metrics(
        self,
        output: Sequence[Tensor],
        preprocessing: SynthesisPreprocessing,  # noqa: ARG002
        data: HandwritingData,  # noqa: ARG002
    ) -> dict[str, float]:
        """`nll`, and of it `offset_nll` and `pen_nll`."""
        return _metrics(output)

    @property
    def objective(self) -> Objective:
        """The negative log-likelihood."""
        return Objective("nll", maximize=False)

    def baselines(self, train: HandwritingData, held_out: HandwritingData) -> list[Baseline]:
        """Densities that know nothing of the points before."""
        cell = 1.0 if self._known.is_integer else self._known.scale / _CELLS
        return baselines(self.strokes(train), self.strokes(held_out), cell)

    def scores(
        self,
        output: Sequence[Tensor],
        preprocessing: SynthesisPreprocessing,  # noqa: ARG002
        data: HandwritingData,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """The nats of each sample."""
        found: NDArray[np.float64] = torch.stack(list(output))[:, :2].sum(1).numpy()
        return found

    def facts(self, train: HandwritingData, validation: HandwritingData) -> dict[str, Any]:
        """Numbers of samples and points, units, and the characters of texts."""
        known = self._known
        points = sum(len(each.pens) for each in self.strokes(train))
        return {
            "training_samples": len(train),
            "training_points": points,
            "validation_samples": len(validation),
            "deviation_of_offsets": f"{known.scale:.6g} {_unit(known)}",
            **({"dequantised": "coordinates are whole numbers"} if known.is_integer else {}),
            **({"characters": known.characters} if known.has_text else {}),
            "training_sha256": train.samples.sha256,
            **({"left_out": len(train.left_out)} if train.left_out else {}),
        }

    def report_parts(self, train: HandwritingData, held_out: HandwritingData) -> Own:
        """What the model writes, training samples and the data."""
        return SynthesisRun(self, train, held_out).own()

    # what these need

    def _check_text(self, text: str | None) -> None:
        known = self._known
        if text is not None and not isinstance(text, str):
            raise SettingsError(f"text must be a string, got {shown(text)}")
        if known.has_text and not text:
            raise SettingsError("text is missing: this model writes a given text")
        if text and not known.has_text:
            raise SettingsError(
                "text: this model has learnt from ink alone and cannot write a given text"
            )
        if text:
            known.ids(text)

    def _written(self, texts: Sequence[str], seed: int | None, **options: Any) -> Written:
        generator = torch.Generator()
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(whole(seed, "seed"))
        usual: dict[str, Any] = {"bias": 0.0, "style": None, "most": None}
        return write(self.model, self._known, texts, generator=generator, **{**usual, **options})

    def export_spec(self) -> ExportSpec:
        """The graph that writes a point; see `docs/export.md`."""
        return export_spec(self)

    def _example(self) -> Callable[[], object]:
        text = self._known.characters[:1]
        return lambda: self._written([text], 0, most=1)


def _metrics(rows: Sequence[Tensor]) -> dict[str, float]:
    """Of samples' nats of offsets, of pen states, and points, (3,) each."""
    offsets, pens, points = torch.stack(list(rows)).double().sum(0).tolist()
    return {
        "nll": (offsets + pens) / points,
        "offset_nll": offsets / points,
        "pen_nll": pens / points,
    }


def _unit(known: SynthesisPreprocessing) -> str:
    """The unit of the data's coordinates."""
    return "units of the data" if known.unit is None else f"units of {known.unit:g} mm"
