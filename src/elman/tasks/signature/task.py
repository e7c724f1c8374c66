"""Signature: verify that a signature is of the person who enrolled."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.baselines import Baseline
from elman.data import Ink, read_inks
from elman.data.arguments import check_number
from elman.data.values import shown
from elman.errors import DataError, ModelError, SettingsError
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction, rows
from elman.tasks.run_report.run import Own
from elman.tasks.signature.baselines import errors, scored, warping_baseline, warping_scores
from elman.tasks.signature.batches import DrawnTrials, OrderedTrials
from elman.tasks.signature.dataset import SignatureData, read_data
from elman.tasks.signature.flags import COMMANDS
from elman.tasks.signature.functions import Traced
from elman.tasks.signature.metrics import verification_metrics
from elman.tasks.signature.network import Compared, SignatureNetwork, loss_of
from elman.tasks.signature.plan import plan
from elman.tasks.signature.preprocessing import (
    COHORT,
    RANDOM_TESTS,
    RANDOM_TRAINING,
    SignaturePreprocessing,
)
from elman.tasks.signature.report import Report
from elman.tasks.signature.run_report import SignatureRun
from elman.tasks.signature.saved import SignatureConfig
from elman.tasks.signature.settings import SignatureSettings
from elman.tasks.signature.templates import MOST, Templates
from elman.tasks.signature.trials import Trial, trials
from elman.tasks.signature.verification import Verification, scores_of
from elman.tasks.start import weights_hash
from elman.tasks.task import Task
from elman.tasks.unreadable import in_place
from elman.train import Step
from elman.train.inference import infer
from elman.train.objective import Objective

_RECURRENT_WEIGHTS = (0.0, 0.1, 0.2, 0.3)  # among which validation chooses


class Signature(Task):
    """Verify signatures: whether one is of the person who enrolled with a few others.

    It learns on persons who are not to be verified: their genuine signatures and, where there are
    any, skilled forgeries of them; without these from signatures of others (random forgeries)
    alone, which a skilled forger is not kept out by. Data is whatever `elman.data.read_inks` reads,
    with the person of each signature and a label, "genuine" or "forgery".

    What it says is a likelihood for a convenience, and no proof of who wrote what.

    >>> from elman.data import Ink, Inks
    >>> rng = np.random.default_rng(0)
    >>> def sign(person):
    ...     t = np.linspace(0, 6, 80)
    ...     points = np.stack([t + np.sin(person * t), np.cos((person + 1) * t)], 1)
    ...     return Ink.of_strokes([points + 0.01 * rng.normal(size=(80, 2))], time=t / 6)
    >>> inks = [sign(person) for person in range(1, 6) for _ in range(6)]
    >>> names = [str(i) for i in range(len(inks))]
    >>> data = Inks(inks, None, [f"person {1 + i // 6}" for i in range(30)], names)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # there are no skilled forgeries
    ...     task = Signature(epochs=2, references=3).fit(data, progress=False)
    >>> task.enrol("ann", [sign(7) for _ in range(3)])
    3
    >>> task.verify("ann", sign(7)).is_genuine, task.verify("ann", sign(2)).is_genuine
    (True, False)
    """

    name = "signature"
    unit = "signatures"
    value_name = "genuine"
    settings_type = SignatureSettings
    commands = COMMANDS
    saved_type = SignatureConfig
    preprocessing_type = SignaturePreprocessing
    fixed = ("bidirectional",)
    found_after_training = ("recurrent_weight",)
    asset_names = (COHORT,)

    # Use

    @property
    def templates(self) -> Templates:
        """The enrolled persons; assign a loaded store of this model to use it."""
        model = weights_hash(self)
        found: Templates | None = self.__dict__.get("_templates")
        if found is None or found.model != model:  # none yet, or trained since
            known: SignaturePreprocessing = self.preprocessing
            found = self.__dict__["_templates"] = Templates(model, known.channels)
        return found

    @templates.setter
    def templates(self, value: Templates) -> None:
        if value.model != weights_hash(self):
            raise ModelError(
                "the templates are of another model, and what it compares may differ: enrol these"
                " persons again"
            )
        self.__dict__["_templates"] = value

    def enrol(self, person: str, inks: Any) -> int:
        """Take 1 to 10 genuine signatures as a person's references, in place of those there are.

        **Arguments:** `inks`: a list of `Ink` or of files, or what else `elman.data.read_inks`
        reads.

        **Returns:** how many. Raises `DataError` where one cannot be read or is a single point.
        Warns where they are fewer than the setting `references` asks for.
        """
        self._check_trained()
        samples = [each for source in _sources(inks) for each in _read(source)]
        if not 1 <= len(samples) <= MOST:
            raise SettingsError(
                f"{len(samples)} signatures of {shown(person)}: 1 to {MOST} are enrolled"
            )
        references = []
        for name, ink in samples:
            if len(ink) == 1:
                raise DataError(f"{name} is a single point, which no signature can be told by")
            references.append(self._traced(ink, name))
        self._check_channels([ink for _, ink in samples])
        asked = self.settings.references
        if len(samples) < asked:
            warnings.warn(
                f"{person} is enrolled by {len(samples)} signatures where {asked} are asked for:"
                " more is mistaken",
                stacklevel=2,
            )
        self.templates.put(person, references)
        return len(samples)

    def verify(self, person: str, ink: Any, *, threshold: float | None = None) -> Verification:
        """Whether a signature is of an enrolled person.

        **Arguments:** `ink`: an `Ink` or a file of one; `threshold`: the probability from which it
        is taken as genuine, the setting's if None.

        Raises `SettingsError` of a person who is not enrolled, `DataError` of ink without a point.

        Ink that lacks pressure or angles that the model reads is compared without, with a warning.
        """
        self._check_trained()
        samples = _read(ink)
        if len(samples) != 1:
            raise DataError(f"{len(samples)} pieces of ink: verify takes one signature")
        name, sample = samples[0]
        template = self.templates[person]
        trace = self._traced(sample, name)
        self._check_channels([sample])
        (score,) = scores_of(self.model, self.preprocessing, template, [trace])
        return self._verification(score, threshold)

    def _verification(self, score: float, threshold: float | None) -> Verification:
        if threshold is None:
            threshold = self.settings.threshold
        check_number("threshold", threshold, 0, 1)
        probability = float(torch.tensor(score, dtype=torch.float64).sigmoid())
        return Verification(score, probability, probability >= threshold)

    def _traced(self, ink: Ink, name: str) -> Traced:
        known: SignaturePreprocessing = self.preprocessing
        try:
            return known.traced(ink)
        except DataError as error:
            raise DataError(f"{name}: {error}") from None

    def _check_channels(self, inks: Sequence[Ink]) -> None:
        known: SignaturePreprocessing = self.preprocessing
        for channel in known.channels:
            if missing := sum(getattr(ink, channel) is None for ink in inks):
                warnings.warn(
                    f"{missing} of {len(inks)} signatures have no {channel}, which the model reads:"
                    " it goes on without, and more is mistaken",
                    stacklevel=3,
                )

    def predictions(
        self,
        data: Any,
        *,
        person: str | None = None,
        threshold: float | None = None,
        **options: Any,
    ) -> list[Prediction]:
        """Whether each signature is of the person it is said to be of, or why that is not known.

        **Arguments:** `data`: signatures, with the person of each unless `person` names one for
        all; `threshold`: see `verify`.
        """
        self._check_trained()
        if options:
            raise SettingsError(f"{next(iter(options))} is no option of predicting signatures")
        dataset = self.read(data, labelled=False)
        if person is None and dataset.samples.writers is None:
            raise SettingsError(
                "person is missing: the data does not say whose signatures these are"
            )
        if person is not None:
            self.templates[person]  # which raises of somebody who is not enrolled
        self._check_channels(dataset.samples.inks)
        found = [self._prediction(dataset, i, person, threshold) for i in range(len(dataset))]
        found = in_place(found, dataset, lambda reason: Prediction(None, reason))
        return [replace(each, columns=(self.value_name, self.input_name)) for each in found]

    def _prediction(
        self, data: SignatureData, number: int, person: str | None, threshold: float | None
    ) -> Prediction:
        name = data.shown(number)
        whose = person if person is not None else (data.samples.writers or [])[number]
        try:
            template = self.templates[whose]
            trace = self._traced(data.samples.inks[number], name)
        except (DataError, SettingsError) as error:
            return Prediction(None, str(error), input=name)
        (score,) = scores_of(self.model, self.preprocessing, template, [trace])
        found = self._verification(score, threshold)
        details = {
            "probability": round(found.probability, 4),
            "score": round(score, 4),
            "person": whose,
        }
        return Prediction(found.is_genuine, input=name, details=details)

    def rows(
        self, data: Any, *, person: str | None = None, threshold: float | None = None
    ) -> list[dict[str, Any]]:
        """The predictions as rows of a table; see `predictions`."""
        return rows(self.predictions(data, person=person, threshold=threshold), self.value_name)

    def report(self, data: Any) -> Report:
        """Metrics and scores of labelled data, beside dynamic time warping on the same comparisons.

        References are drawn anew `draws` times from the earlier half of each person's genuine
        signatures; the later ones, the forgeries and 20 signatures of others are compared with
        them.
        """
        self._check_trained()
        dataset = self.read(data, labelled=True)
        found = self._trials(dataset)
        output = self._outputs(dataset)
        warping = warping_scores(found)
        threshold = warping.curve(1 if (warping.kind == 1).any() else 2).threshold
        return Report(
            self.metrics(output, self.preprocessing, dataset),
            scored(found, _array(output)),
            list(dict.fromkeys(trial.person.name for trial in found)),
            verification_metrics(warping, threshold),
            warping,
        )

    # Hooks

    def read(self, data: Any, *, labelled: bool) -> SignatureData:
        """Signatures with persons and labels."""
        return read_data(data, self.settings, labelled=labelled)

    def split(self, data: SignatureData) -> tuple[SignatureData, SignatureData]:
        """Some persons, two at least, are held out."""
        return data.split(self.settings.held_out, self.settings.seed)

    def plan(self, train: SignatureData) -> Plan:
        """How long to train."""
        return plan(train, self.settings.batch_size, self.settings.preset)

    def fit_preprocessing(
        self, train: SignatureData, start: SignaturePreprocessing | None = None
    ) -> SignaturePreprocessing:
        """Channels, usual deviations and the linear part, or those of the model to start from."""
        if start is None:
            start = SignaturePreprocessing.learn(train, self.settings)
        if not train.has_forgeries:
            warnings.warn(
                "the data has no skilled forgeries: training knows random ones alone (signatures of"
                " other persons), and the model is not measured against skilled ones",
                stacklevel=5,
            )
        return start

    def build(self, preprocessing: SignaturePreprocessing) -> SignatureNetwork:
        """A linear part and recurrent layers; see `SignatureNetwork`."""
        settings = self.settings
        size, statistics = preprocessing.sizes
        recurrent = settings.layers(
            self.cell or settings.cell, settings.hidden_size, bidirectional=settings.bidirectional
        )
        network = SignatureNetwork(
            size,
            recurrent,
            settings.hidden_size,
            statistics,
            input_dropout=settings.input_dropout,
            dropout=settings.output_dropout,
        )
        if (start := preprocessing.start) is not None:
            for name in ("mean", "deviation", "weight", "bias"):
                getattr(network, name).copy_(torch.as_tensor(getattr(start.linear, name)))
            for name in ("usual_own", "scale", "shift"):
                getattr(network, name).fill_(getattr(start, name))
        return network

    def precision(self, preprocessing: SignaturePreprocessing) -> torch.dtype | None:  # noqa: ARG002
        """Deviations are float32."""
        return torch.float32

    def batches(
        self, preprocessing: SignaturePreprocessing, data: SignatureData, *, training: bool
    ) -> DrawnTrials | OrderedTrials:
        """Comparisons drawn anew each epoch, or those of an evaluation."""
        if not training:
            return OrderedTrials(self._trials(data), preprocessing)
        settings = self.settings
        return DrawnTrials(
            preprocessing.people(data, RANDOM_TRAINING, settings.seed),
            preprocessing,
            size=settings.batch_size,
            references=settings.references,
            seed=settings.seed,
        )

    def _trials(self, data: SignatureData) -> list[Trial]:
        """The comparisons of an evaluation, the same at every call."""
        settings, known = self.settings, self._preprocessing
        people = known.people(data, RANDOM_TESTS, 0)
        return trials(people, settings.draws, settings.references, seed=0)

    def loss(self, model: SignatureNetwork, batch: Compared, state: None) -> Step:
        """Cross entropy; genuine signatures weigh as much as forgeries."""
        return Step(loss_of(model(batch), batch), len(batch.targets), state)

    def outputs(self, model: SignatureNetwork, batch: Compared) -> Tensor:
        """The calibrated score of each signature, (B,)."""
        return model.verify(batch)

    def average(self, outputs: Sequence[Tensor]) -> Tensor:
        """The mean score."""
        return torch.stack(list(outputs)).mean(0)

    def decode(
        self,
        output: Sequence[Tensor],
        preprocessing: SignaturePreprocessing,  # noqa: ARG002
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """Whether each signature is taken as genuine."""
        found = [self._verification(float(each), options.get("threshold")) for each in output]
        return [
            Prediction(each.is_genuine, details={"probability": each.probability}) for each in found
        ]

    def metrics(
        self,
        output: Sequence[Tensor],
        preprocessing: SignaturePreprocessing,  # noqa: ARG002
        data: SignatureData,
    ) -> dict[str, float]:
        """See `elman.tasks.signature.metrics.verification_metrics`; and `loss`."""
        found = self._trials(data)
        threshold = float(np.log(self.settings.threshold / (1 - self.settings.threshold)))
        scores = scored(found, _array(output))
        logits, targets = self._balanced(output, found)
        loss = float(F.binary_cross_entropy_with_logits(logits, targets))
        return {**verification_metrics(scores, threshold), "loss": loss}

    def _balanced(self, output: Sequence[Tensor], found: Sequence[Trial]) -> tuple[Tensor, Tensor]:
        """Scores (N, 1) and targets of as many genuine signatures as forgeries."""
        kinds = np.concatenate([trial.person.kinds for trial in found])
        hard = 1 if (kinds == 1).any() else 2
        genuine, forged = np.flatnonzero(kinds == 0), np.flatnonzero(kinds == hard)
        count = max(len(genuine), len(forged))
        chosen = np.concatenate([np.resize(genuine, count), np.resize(forged, count)])
        logits = torch.stack(list(output))[torch.from_numpy(chosen)]
        return logits[:, None], torch.from_numpy(kinds[chosen] == 0).float()[:, None]

    @property
    def objective(self) -> Objective:
        """The cross entropy, of as many genuine signatures as forgeries."""
        return Objective("loss", maximize=False)

    def calibrate(self, model: nn.Module, validation: SignatureData) -> None:
        """Set the weight of the recurrent part: that with which the validation data is likeliest,
        if it gains more than its standard error over persons on the linear score alone."""
        assert isinstance(model, SignatureNetwork)
        batches = self.batches(self._preprocessing, validation, training=False)
        found = self._trials(validation)
        losses = {}
        for weight in _RECURRENT_WEIGHTS:
            model.recurrent_weight.fill_(weight)
            output = infer(model, batches, self.outputs)  # type: ignore[arg-type]
            losses[weight] = self._losses(output, found)
        model.recurrent_weight.fill_(weight_that_gains(losses))

    def _losses(self, output: Sequence[Tensor], found: Sequence[Trial]) -> NDArray[np.float64]:
        """The cross entropy of each person's signatures."""
        counts = [len(trial.person.kinds) for trial in found]
        parts = np.split(np.arange(len(output)), np.cumsum(counts)[:-1])
        names = [trial.person.name for trial in found]
        losses = []
        for name in sorted(set(names)):
            own = [i for i, each in enumerate(names) if each == name]
            scores = [output[k] for i in own for k in parts[i].tolist()]
            logits, targets = self._balanced(scores, [found[i] for i in own])
            losses.append(float(F.binary_cross_entropy_with_logits(logits, targets)))
        return np.array(losses)

    def baselines(self, train: SignatureData, held_out: SignatureData) -> list[Baseline]:  # noqa: ARG002
        """Dynamic time warping with distances normalised by the references."""
        return [warping_baseline(self._trials(held_out))]

    def scores(
        self,
        output: Sequence[Tensor],
        preprocessing: SignaturePreprocessing,  # noqa: ARG002
        data: SignatureData,
    ) -> NDArray[np.float64]:
        """What each signature adds to the equal error rate."""
        return errors(scored(self._trials(data), _array(output)))

    def facts(self, train: SignatureData, validation: SignatureData) -> dict[str, Any]:
        """Numbers of signatures and persons, and what the pen recorded."""
        known: SignaturePreprocessing = self._preprocessing
        return {
            "training_signatures": len(train),
            "training_persons": len(train.persons),
            "skilled_forgeries": known.has_forgeries,
            "validation_signatures": len(validation),
            "validation_persons": len(validation.persons),
            "pen": ", ".join(known.channels) or "position and time alone",
            "training_sha256": train.samples.sha256,
            **({"left_out": len(train.left_out)} if train.left_out else {}),
        }

    def report_parts(self, train: SignatureData, held_out: SignatureData) -> Own:  # noqa: ARG002
        """The DET curve, and the errors that the model is surest of, drawn."""
        return SignatureRun(self, held_out).own()

    def _example(self) -> Callable[[], object]:
        known: SignaturePreprocessing = self.preprocessing
        time = np.arange(200) / 100
        points = np.stack([time, np.sin(9 * time)], 1)
        pen = {each: np.full(200, 0.5) for each in known.channels}
        ink = Ink.of_strokes([points], time=time, **pen)
        template = Templates("", known.channels)
        template.put("a", [known.traced(ink)] * 5)
        person = template["a"]
        return lambda: scores_of(self.model, known, person, [known.traced(ink)])


def weight_that_gains(losses: Mapping[float, NDArray[np.float64]]) -> float:
    """The weight of the least mean loss over persons (N,) if, in comparison with weight 0, it gains
    more than one standard error of the mean gain; else 0, as of a single person.

    >>> weight_that_gains({0.0: np.array([0.3, 0.4]), 0.1: np.array([0.2, 0.35])})
    0.1
    >>> weight_that_gains({0.0: np.array([0.3, 0.4]), 0.1: np.array([0.1, 0.5])})
    0.0
    """
    best = min(losses, key=lambda weight: float(losses[weight].mean()))
    gains = losses[0.0] - losses[best]
    if len(gains) < 2 or not gains.mean() > gains.std(ddof=1) / len(gains) ** 0.5:
        return 0.0
    return best


def _array(output: Sequence[Tensor]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = torch.stack(list(output)).double().numpy()
    return found


def _sources(inks: Any) -> list[Any]:
    """Several files, or one source."""
    if isinstance(inks, list) and inks and all(isinstance(each, (str, Ink)) for each in inks):
        return inks
    return [inks]


def _read(source: Any) -> list[tuple[str, Ink]]:
    """Names and ink of a source of which nothing may be left out."""
    found = read_inks(source, labelled=False)
    if found.left_out:
        raise DataError(next(iter(found.left_out.values())))
    return list(zip(found.names, found.inks, strict=True))
