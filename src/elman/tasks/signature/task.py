"""Signature: verify that a signature is of the person who enrolled."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from elman.data import Ink, read_inks
from elman.data.values import shown
from elman.errors import DataError, ModelError, SettingsError
from elman.tasks.prediction import Prediction, rows
from elman.tasks.run_report.run import Own
from elman.tasks.signature.baselines import scored, warping_scores
from elman.tasks.signature.dataset import SignatureData
from elman.tasks.signature.functions import Traced
from elman.tasks.signature.metrics import verification_metrics
from elman.tasks.signature.parts import SignatureParts, array_of
from elman.tasks.signature.preprocessing import (
    SignaturePreprocessing,
)
from elman.tasks.signature.report import Report
from elman.tasks.signature.run_report import SignatureRun
from elman.tasks.signature.session import SignatureSession
from elman.tasks.signature.templates import MOST, Templates
from elman.tasks.signature.verification import Verification, scores_of
from elman.tasks.start import weights_hash
from elman.tasks.unreadable import in_place

_RECURRENT_WEIGHTS = (0.0, 0.1, 0.2, 0.3)  # among which validation chooses


class Signature(SignatureParts):
    """Verify signatures: whether one is of the person who enrolled with a few others.

    It learns on persons who are not to be verified: their genuine signatures and, where there are
    any, skilled forgeries of them; without these from signatures of others (random forgeries)
    alone, which a skilled forger is not kept out by. Data is whatever `elman.data.read_inks` reads,
    with the person of each signature and a label, "genuine" or "forgery".

    What it says is a likelihood for a convenience, and no proof of who wrote what.

    >>> import warnings
    >>> import numpy as np
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
                raise DataError(f"{name} is a single point, which is too little to verify")
            references.append(self._traced(ink, name))
        self._check_channels([ink for _, ink in samples])
        asked = self.settings.references
        if len(samples) < asked:
            warnings.warn(
                f"{person} is enrolled with {len(samples)} signatures, {asked} are recommended:"
                " errors are more likely",
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

    def session(
        self,
        *,
        references: int | None = None,
        threshold: float | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> SignatureSession:
        """A session of one person: its first signatures are references, those after are verified.

        **Arguments:** `references`: how many enrol, the setting's number if None; `threshold`: as
        in `verify`; `state`: of an earlier session, with its references. Nobody is enrolled in
        `templates`.
        """
        self._check_trained()
        return SignatureSession(self, references=references, threshold=threshold, state=state)

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
                    " they are compared without it, and errors are more likely",
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
            raise SettingsError(f"{next(iter(options))} is not an option for signatures")
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

        References are drawn `draws` times from the earlier half of each person's genuine
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
            scored(found, array_of(output)),
            list(dict.fromkeys(trial.person.name for trial in found)),
            verification_metrics(warping, threshold),
            warping,
        )

    def report_parts(self, train: SignatureData, held_out: SignatureData) -> Own:  # noqa: ARG002
        """The DET curve, and the error rates person by person."""
        return SignatureRun(self, held_out).own()


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
