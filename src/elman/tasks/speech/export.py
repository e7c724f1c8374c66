"""A recogniser's graphs to export, and what a program has to do before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from elman.data.sound.described import described
from elman.errors import ExportError
from elman.nn.export_spec import ExportSpec, Run
from elman.tasks.ensemble import only_network
from elman.tasks.sequence_export import measured, named, sequence_spec
from elman.tasks.speech.frontend import PRIOR, SLOPES, WINDOW
from elman.tasks.transcription.described import CTC, described_search
from elman.tasks.transcription.transducer_export import with_head

if TYPE_CHECKING:
    from elman.tasks.speech.parts import SpeechParts

_STEPS = (
    "level, slopes, stack. Level: where `whole`, take off each feature's mean over the recording;"
    " else, of frame n (from 1), add (frame - mean) / min(prior + n, longest) to `mean`, then take"
    " that off the frame. Slopes: those of order k (from 1) of frame t are the sum of weight i"
    " times frame t + i - 2 k of the levelled ones, of which the first and the last go on beyond"
    " the ends; a frame is then itself, its slopes of order 1, those of order 2. Stack: so many"
    " frames one after the other are a step; the last is filled up with zeros"
)

_TRANSDUCER = (
    "at first `predict` reads the blank; of each step that is heard `join` scores the next"
    " character beside what was read: as long as that is not the blank, at most 3 times, write it"
    " and have `predict` read it"
)


def export_spec(task: "SpeechParts") -> ExportSpec:
    """Graphs from steps of features to `log_probabilities` of the blank and each character; of a
    transducer to what was `heard`, with the graphs of its head."""
    model = only_network(task)
    if task.settings.look_ahead is not None:
        raise ExportError(
            "layers that look ahead cannot be exported: train without look_ahead, in one direction"
            " to write while one speaks, or in both"
        )
    known, is_ctc = task.preprocessing, task.settings.loss == "ctc"
    spec = sequence_spec(model, named("log_probabilities" if is_ctc else "heard"), states=False)
    spec = spec if is_ctc else with_head(spec, model.head)
    greedy = CTC if is_ctc else _TRANSDUCER
    searched, notes = described_search(task.settings, known, greedy)
    return replace(
        spec,
        preprocessing={
            "task": task.name,
            "sound": None if known.acoustic is None else described(known.acoustic),
            "steps": {
                "mean": [float(value) for value in known.front.mean],
                "of": _STEPS,
                "whole": known.front.whole,
                "prior": PRIOR,
                "longest": WINDOW,
                "slopes": [[float(w) for w in weights] for weights in SLOPES[: known.front.deltas]],
                "stack": known.front.stack,
            },
            **searched,
        },
        metadata={"task": task.name, "alphabet": known.alphabet.characters},
        notes=notes,
        batches=lambda data: _batches(task, data),
        metrics=lambda runs, data: measured(task, data, lambda batch: _outputs(runs, batch)),
        objective=(task.objective.name, bool(task.objective.maximize)),
    )


def _named(batch: Any) -> dict[str, Tensor]:
    return {"x": batch.inputs, "lengths": batch.lengths}


def _batches(task: "SpeechParts", data: Any) -> Iterator[dict[str, Tensor]]:
    dataset = task.read(data, labelled=False)
    yield from map(_named, task.batches(task.preprocessing, dataset, training=False).epoch(0))


def _outputs(runs: Mapping[str, Run], batch: Any) -> list[Tensor]:
    """Of each utterance the log probabilities."""
    scores = next(iter(runs["sequence"](_named(batch)).values()))
    both = zip(scores.unbind(1), batch.lengths.tolist(), strict=True)
    return [each[:length] for each, length in both]
