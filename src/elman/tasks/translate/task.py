"""Translate texts: read a source, write a target, attending to the source at each step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray

from elman.baselines import Baseline
from elman.data import Pairs
from elman.data.shards.read import Shards
from elman.data.text.vocabulary import PIECES
from elman.data.values import shown
from elman.errors import SettingsError
from elman.nn.attention import Memory
from elman.nn.export_spec import ExportSpec
from elman.tasks.encoder_decoder import EncoderDecoder
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.significance import Difference, check_same
from elman.tasks.streamed import StreamedBatches
from elman.tasks.table_columns import TableColumns
from elman.tasks.task import NO_OPTIONS, Task
from elman.tasks.translate.back_translation import with_synthetic
from elman.tasks.translate.baselines import baselines
from elman.tasks.translate.batches import PairBatch, TrainingPairs, by_length, of_memory, streamed
from elman.tasks.translate.dataset import TranslateData, cleaned, read_data
from elman.tasks.translate.decoding import DecodeOptions, Translator, token_nats
from elman.tasks.translate.export import export_spec
from elman.tasks.translate.flags import COMMANDS
from elman.tasks.translate.from_language import settings_of, take
from elman.tasks.translate.length_penalty import chosen, sample
from elman.tasks.translate.messages import TranslateMessages
from elman.tasks.translate.metrics import scores, sentence_chrf
from elman.tasks.translate.network import Readout, translator
from elman.tasks.translate.plan import plan
from elman.tasks.translate.preprocessing import (
    SOURCE,
    TARGET,
    TranslateConfig,
    TranslatePreprocessing,
)
from elman.tasks.translate.report import Output, TranslationReport
from elman.tasks.translate.run_report import TranslateRun
from elman.tasks.translate.session import TranslateSession, pieces
from elman.tasks.translate.settings import TranslateSettings
from elman.tasks.translate.sharded import read_shards, split_shards
from elman.train import Step
from elman.train.inference import ByLength, infer
from elman.train.objective import Objective

_BATCH = 64  # sources in a batch of inference
_MEMORY = len(Memory._fields)


class Translate(Task):
    """Write for each source text a target text.

    An encoder of both directions reads the source; a decoder, whose first layer attends to it
    (Bahdanau et al. 2015), writes the target token by token. Data is whatever
    `elman.data.read_pairs` reads; to translate, texts or the path of a file with one a line.

    >>> pairs = [(f"{n}", f"<{n}>") for n in range(10, 50)]
    >>> task = Translate(tokens="characters", hidden_size=32, epochs=60, lr=0.01, baselines=False)
    >>> task = task.fit(pairs, pairs, progress=False)
    >>> task.predict(["12", "34"])
    ['<12>', '<34>']
    """

    name = "translate"
    unit = "tokens"
    value_name = "translation"
    input_name = "source"
    settings_type = TranslateSettings
    commands = COMMANDS
    saved_type = TranslateConfig
    messages = TranslateMessages
    calibration_changes_metrics = False
    preprocessing_type = TranslatePreprocessing
    asset_names = (SOURCE, TARGET)
    fixed = (
        *("tokens", "source_tokens", "target_tokens", "vocabulary_size", "joint_vocabulary"),
        *("lowercase", "normalisation"),
        *(
            "placeholders",
            "chinese",
            "embedding_size",
            "decoder_layers",
            "attention",
            "tie_weights",
        ),
        "input_feeding",
    )

    @property
    def model(self) -> EncoderDecoder:
        """The trained network; SettingsError before `fit`."""
        return cast("EncoderDecoder", super().model)

    # use

    def predictions(self, data: Any, **options: Any) -> list[Prediction]:
        """The translation of each text, with its score, in the order of the texts.

        **Arguments:** see `elman.tasks.translate.decoding.DecodeOptions`. With `n_best` above 1 the
        details of a prediction hold all of them as `n_best`, with `alignments` the attention's
        weights, (tokens, source tokens), as `attention`.
        """
        return super().predictions(data, **options)

    def stream(self, text: str, **options: Any) -> Iterator[str]:
        """The translation of one text in pieces, as the search becomes certain of them.

        **Arguments:** as in `predictions`; but for sampling, n-best lists, and the copying and
        ranking by attention, which need the whole translation.
        """
        if not isinstance(text, str):
            raise SettingsError(f"text={shown(text)}: a text is needed")
        asked = self._decoding(options)
        if asked.draws or asked.n_best > 1 or asked.alignments:
            raise SettingsError("stream follows one beam: no temperature, n_best or alignments")
        return pieces(self._translator(self.model, asked), text)

    def session(
        self, *, state: Mapping[str, Any] | None = None, partial: bool = False, **options: Any
    ) -> TranslateSession:
        """Text that comes in pieces, each line translated when its end has come.

        **Arguments:** `state`: of an earlier session of this model, which goes on; `partial`:
        whether a server gives the pieces of a line on the way, as `stream` does and with its
        limits; lines are not batched then; the others as in `predictions`.
        """
        self._check_trained()
        return TranslateSession(self, options, state, partial=partial)

    def table_columns(self) -> TableColumns:
        """Sources, by default of the column `source`; the best translation and its score."""
        answers = {"translation": str, "score": float}
        options = "beam", "prefix", "terms", "no_repeat_ngram"
        return TableColumns((self.settings.source or "source",), answers, options)

    def report(self, data: Any, **options: Any) -> TranslationReport:
        """Metrics of pairs; a source that occurs several times is translated once, and all its
        targets are its references, in the Unicode form and Chinese script that the model writes."""
        self._check_trained()
        dataset = self.read(data, labelled=True)
        output = self._outputs(dataset, options)
        first: dict[str, str] = {}
        for source, each in zip(dataset.sources, output, strict=True):
            first.setdefault(source, each.texts[0])
        sources, references = self._normal_targets(dataset.pairs).references()
        translations = [first[source] for source in sources]
        found = scores(translations, references, lowercase=self.settings.lowercase)
        metrics = {**found.metrics, **self._plain_metrics(output, dataset)}
        return TranslationReport(metrics, found.signatures, sources, translations, references)

    def compare(self, other: Self, data: Any, **options: Any) -> list[Difference]:
        """BLEU, chrF and TER of this model and another one, by paired bootstrap (Koehn 2004)."""
        from elman.tasks.translate.significance import paired

        self._check_comparable(other)
        own, others = self.report(data, **options), other.report(data, **options)
        check_same(own.sources, others.sources)
        return paired(own, others)

    def _outputs(
        self, dataset: TranslateData, options: Mapping[str, Any] = NO_OPTIONS
    ) -> list[Output]:
        asked = self._decoding(options)
        batches = by_length(self.preprocessing, dataset.sources, dataset.targets, _BATCH)
        return infer(self.model, batches, lambda model, batch: self._found(model, batch, asked))

    def _decoding(self, options: Mapping[str, Any]) -> DecodeOptions:
        return DecodeOptions.of(self.settings, options)

    # the parts of a task

    def read(self, data: Any, *, labelled: bool) -> TranslateData:
        """The pairs, or the sources alone; pairs to train on are checked."""
        shards = Shards.at(data, "pairs") if labelled else None
        settings = self.settings
        if shards is None:
            found = read_data(data, settings, labelled=labelled)
        else:
            found = read_shards(shards, settings)
        known: TranslatePreprocessing | None = self._preprocessing
        start = None if self._start is None else self._start.preprocessing
        if labelled and known is start:
            return found if shards else with_synthetic(cleaned(found, settings), settings)
        if known is not None:
            known.check(found)
        return found

    def split(self, data: TranslateData) -> tuple[TranslateData, TranslateData]:
        """Training and validation pairs; no source is in both."""
        settings = self.settings
        if data.shards is not None:
            return split_shards(data, settings.held_out, settings.max_held_out)
        return data.split(settings.held_out, settings.max_held_out, settings.seed)

    def plan(self, train: TranslateData) -> Plan:
        """By the number of pairs and tokens, the scripts of both sides, and language models."""
        taken = settings_of(self.settings, self.asked)
        found = plan(train, {**self.asked, **taken}, self.settings.preset)
        return replace(found, settings={**found.settings, **taken})

    def fit_preprocessing(
        self, train: TranslateData, start: TranslatePreprocessing | None = None
    ) -> TranslatePreprocessing:
        """The vocabularies."""
        return TranslatePreprocessing.learn(train, self.settings, start)

    def build(self, preprocessing: TranslatePreprocessing) -> EncoderDecoder:
        """Encoder, attention and decoder."""
        return translator(self.settings, self.cell or self.settings.cell, preprocessing)

    def initialise(self, model: EncoderDecoder) -> list[str]:
        """What language models give to encoder and decoder."""
        return take(model, self.settings, self.preprocessing)

    def batches(
        self, preprocessing: TranslatePreprocessing, data: TranslateData, *, training: bool
    ) -> TrainingPairs | StreamedBatches | ByLength[PairBatch]:
        """Pairs of similar length, for training of about as many tokens a batch."""
        if not training:
            return by_length(preprocessing, data.sources, data.targets, _BATCH)
        make = of_memory if data.shards is None else streamed
        return make(preprocessing, data, self.settings.batch_size, self.settings.seed)

    def loss(self, model: EncoderDecoder, batch: PairBatch, state: None) -> Step:
        """Cross entropy of the target's tokens, with smoothed labels."""
        before = model.encode(batch.source, batch.lengths)
        memory = Memory(*before[:_MEMORY])
        output, _ = model.decoder(batch.inputs, before[_MEMORY:], model.attention, memory)
        real = batch.real
        head = cast("Readout", model.head)
        losses = head.losses(output[real], batch.outputs[real], self.settings.label_smoothing)
        weights = batch.weights.expand(real.shape)[real]
        whole = weights.sum()
        return Step((losses * weights).sum() / whole, len(losses), state, whole)

    def outputs(self, model: EncoderDecoder, batch: PairBatch) -> list[Output]:
        """Of each source the greedy translation, and the nats of its target."""
        return self._found(model, batch, DecodeOptions(beam=1))

    def _found(self, model: Any, batch: PairBatch, options: DecodeOptions) -> list[Output]:
        search = self._translator(model, options)
        found = search.translate(batch, batch.texts)
        nats = token_nats(model, batch) if len(batch.outputs) else torch.zeros(len(found))
        tokens = batch.real.sum(0) if len(batch.outputs) else torch.zeros(len(found))
        rows = zip(found, nats.tolist(), tokens.tolist(), batch.texts, strict=True)
        return [
            Output(
                each,
                [search.text(one, source) for one in each],
                search.pieces(each[0], source),
                own,
                int(count),
            )
            for each, own, count, source in rows
        ]

    def _translator(self, model: Any, options: DecodeOptions) -> Translator:
        known: TranslatePreprocessing = self._preprocessing
        copies = self.settings.copy_unknown and known.target.vocabulary.kind not in PIECES
        return Translator(model, known, options, copies)

    def decode(
        self,
        output: Sequence[Output],
        preprocessing: TranslatePreprocessing,  # noqa: ARG002
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The best translation of each text."""
        several = (options.get("n_best") or 1) > 1
        found = []
        for each in output:
            details: dict[str, Any] = {"score": round(each.found[0].score, 4)}
            if several:
                details["n_best"] = [
                    {"translation": text, "score": round(one.score, 4)}
                    for text, one in zip(each.texts, each.found, strict=True)
                ]
            if options.get("alignments"):
                details["attention"] = each.found[0].attention
                details["tokens"] = each.pieces
            found.append(Prediction(each.texts[0], details=details))
        return found

    def metrics(
        self,
        output: Sequence[Output],
        preprocessing: TranslatePreprocessing,  # noqa: ARG002
        data: TranslateData,
    ) -> dict[str, float]:
        """`bleu` and `chrf` of the translations, `exact`, `loss` and `perplexity`."""
        texts = [each.texts[0] for each in output]
        of_source: dict[str, list[str]] = {}
        normal = self._normal_targets(data.pairs).targets or []
        for source, target in zip(data.sources, normal, strict=True):
            of_source.setdefault(source, []).append(target)
        references = [of_source[source] for source in data.sources]
        measured = scores(texts, references, ter=False, lowercase=self.settings.lowercase)
        return {**measured.metrics, **self._plain_metrics(output, data)}

    def _plain_metrics(self, output: Sequence[Output], data: TranslateData) -> dict[str, float]:
        """Those that need no tokeniser: exact matches, and the targets' cross entropy."""
        tokens = max(1, sum(each.tokens for each in output))
        loss = sum(each.nats for each in output) / tokens
        exact = [
            self._normal(each.texts[0]) == self._normal(target)
            for each, target in zip(output, data.targets, strict=True)
        ]
        return {
            "exact": float(np.mean(exact)),
            "loss": loss,
            "perplexity": float(np.exp(min(loss, 700))),
        }

    def _normal(self, text: str) -> str:
        text = self.preprocessing.target.normal(text)
        return text.lower() if self.settings.lowercase else text

    def _normal_targets(self, pairs: Pairs) -> Pairs:
        """The pairs with targets in the form and script that the model writes."""
        normal = self.preprocessing.target.normal
        return replace(pairs, targets=[normal(text) for text in pairs.targets or ()])

    @property
    def objective(self) -> Objective:
        """The metric of the settings."""
        metric = self.settings.metric
        return Objective(metric, maximize=metric != "loss")

    def calibrate(self, model: EncoderDecoder, validation: TranslateData) -> None:  # noqa: ARG002
        """Choose the length penalty, unless it was given; no metric of training depends on it."""
        settings, data = self.settings, sample(validation)
        if data is not None and settings.beam > 1 and "length_penalty" not in self.asked:
            output = self._outputs(data, {"n_best": settings.beam})
            references = self._normal_targets(data.pairs).targets or []
            choice = chosen(output, references, settings.length_penalty, settings.metric)
            self.settings = settings.model_copy(update={"length_penalty": choice.value})
            self.planned = [*self.planned, str(choice)]

    def baselines(self, train: TranslateData, held_out: TranslateData) -> list[Baseline]:
        """The translation of the nearest training source."""
        return baselines(
            replace(train, pairs=self._normal_targets(train.pairs)),
            replace(held_out, pairs=self._normal_targets(held_out.pairs)),
        )

    def scores(
        self,
        output: Sequence[Output],
        preprocessing: TranslatePreprocessing,  # noqa: ARG002
        data: TranslateData,
    ) -> NDArray[np.float64]:
        """chrF of each translation."""
        texts = [each.texts[0] for each in output]
        references = self._normal_targets(data.pairs).targets or []
        return np.array(sentence_chrf(texts, [[text] for text in references]), np.float64)

    def facts(self, train: TranslateData, validation: TranslateData) -> dict[str, Any]:
        """Numbers of pairs and tokens, and what was left out."""
        known: TranslatePreprocessing = self.preprocessing
        sides = [known.source] if known.joint else [known.source, known.target]
        vocabularies = [side.vocabulary for side in sides]
        dropped = ", ".join(f"{count:,} {kind}" for kind, count in train.left_out_kinds.items())
        sizes = " and ".join(f"{v.size:,} {v.kind}" for v in vocabularies)
        return {
            "training_examples": train.count,
            **({"back_translated": len(train.synthetic)} if train.synthetic else {}),
            "validation_examples": len(validation),
            "vocabulary": sizes,
            **({"left_out": dropped} if dropped else {}),
            "training_sha256": train.sha256,
            **train.chosen,
        }

    def report_parts(self, train: TranslateData, held_out: TranslateData) -> Own:
        """Translations with their attention, and the data."""
        return TranslateRun(self, train, held_out).own()

    def export_spec(self) -> ExportSpec:
        """Graphs that read a source and write a token; see `docs/export.md`."""
        return export_spec(self)

    def _example(self) -> Callable[[], object]:
        text = TranslateData(Pairs(["a"], None, [""]))
        return lambda: self.decode(self._outputs(text), self.preprocessing, NO_OPTIONS)
