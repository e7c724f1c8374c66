"""The parts of the task Signature: its data, network, loss and what is found after training."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.baselines import Baseline
from elman.data import Ink
from elman.data.arguments import check_number
from elman.errors import ExportError
from elman.nn.export_spec import ExportSpec
from elman.tasks.ensemble import networks
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.signature.baselines import errors, scored, warping_baseline
from elman.tasks.signature.batches import DrawnTrials, OrderedTrials
from elman.tasks.signature.dataset import SignatureData, read_data
from elman.tasks.signature.flags import COMMANDS
from elman.tasks.signature.messages import SignatureMessages
from elman.tasks.signature.metrics import verification_metrics
from elman.tasks.signature.network import Compared, SignatureNetwork, loss_of
from elman.tasks.signature.plan import plan
from elman.tasks.signature.preprocessing import (
    COHORT,
    RANDOM_TESTS,
    RANDOM_TRAINING,
    SignaturePreprocessing,
)
from elman.tasks.signature.saved import SignatureConfig
from elman.tasks.signature.settings import SignatureSettings
from elman.tasks.signature.templates import Templates
from elman.tasks.signature.trials import Trial, trials
from elman.tasks.signature.verification import Verification, scores_of
from elman.tasks.task import Task
from elman.train import Step
from elman.train.inference import infer
from elman.train.objective import Objective

_RECURRENT_WEIGHTS = (0.0, 0.1, 0.2, 0.3)  # among which validation chooses
_FEWEST_PERSONS = 5  # of whom it chooses


class SignatureParts(Task):
    """The parts that `elman.tasks.Task` puts together; `Signature` is how they are used."""

    name = "signature"
    unit = "signatures"
    value_name = "genuine"
    settings_type = SignatureSettings
    commands = COMMANDS
    messages = SignatureMessages
    saved_type = SignatureConfig
    preprocessing_type = SignaturePreprocessing
    fixed = ("bidirectional",)
    found_after_training = ("recurrent_weight",)
    asset_names = (COHORT,)

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
                "the data has no skilled forgeries: training uses random forgeries only (signatures"
                " of other persons), and the model is not evaluated on skilled ones",
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
        """Comparisons drawn again each epoch, or those of an evaluation."""
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
        loss = loss_of(model(batch), batch)
        return Step(loss, len(batch.targets), state, batch.weights.sum())

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
        scores = scored(found, array_of(output))
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
        """Set the weight of the recurrent part: that with which the validation data is most likely,
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
        return errors(scored(self._trials(data), array_of(output)))

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

    def export_spec(self) -> ExportSpec:
        """Refused: `ExportError`, which says how much the layers count."""
        weight = max(float(each.recurrent_weight) for each in networks(self.model))  # type: ignore[arg-type]
        raise ExportError(
            "signature models cannot be exported: a score is computed from the deviations of a"
            " signature, after alignment in time with each reference, and is normalised by those of"
            f" {len(self.preprocessing.cohort.traces)} signatures of training persons, which no"
            f" graph of layers expresses; the recurrent layers have a weight of {weight:g} in it."
            " Verify with elman, or serve the model (elman serve)"
        )

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

    # what these need

    def _verification(self, score: float, threshold: float | None) -> Verification:
        if threshold is None:
            threshold = self.settings.threshold
        check_number("threshold", threshold, 0, 1)
        probability = float(torch.tensor(score, dtype=torch.float64).sigmoid())
        return Verification(score, probability, probability >= threshold)


def weight_that_gains(losses: Mapping[float, NDArray[np.float64]]) -> float:
    """The weight of the least mean loss over persons (N,) if, in comparison with weight 0, it gains
    more than one standard error of the mean gain; else 0, as of fewer than five persons, of whom
    the standard error says little.

    >>> alone = np.array([0.3, 0.4, 0.2, 0.3, 0.4])
    >>> weight_that_gains({0.0: alone, 0.1: alone - 0.05})
    0.1
    >>> weight_that_gains({0.0: alone, 0.1: alone[::-1] - 0.01})
    0.0
    """
    best = min(losses, key=lambda weight: float(losses[weight].mean()))
    gains = losses[0.0] - losses[best]
    if len(gains) < _FEWEST_PERSONS or not gains.mean() > gains.std(ddof=1) / len(gains) ** 0.5:
        return 0.0
    return best


def array_of(output: Sequence[Tensor]) -> NDArray[np.float64]:
    """The scores of all signatures, (N,)."""
    found: NDArray[np.float64] = torch.stack(list(output)).double().numpy()
    return found
