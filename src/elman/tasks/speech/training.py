"""What a recogniser makes of its utterances before and after training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from elman.data import Utterances
from elman.data.sound.utterance import split
from elman.decode.alphabet import Alphabet
from elman.decode.error_rates import cer, wer
from elman.decode.ngram import estimate
from elman.decode.transducer_loss import transducer_loss
from elman.errors import DataError
from elman.tasks.model import SequenceModel
from elman.tasks.speech.batches import TrainingUtterances
from elman.tasks.speech.decoding import Wishes, decoded, words_for
from elman.tasks.speech.features import acoustic_of, variants
from elman.tasks.speech.frontend import Array, Front
from elman.tasks.speech.transducer_head import ReadingHead
from elman.tasks.speech.tuning import tuned
from elman.tasks.task import Prepared

if TYPE_CHECKING:
    from elman.tasks.speech.task import Speech


def prepare(task: "Speech", data: Any, validation: Any) -> Prepared:
    """Read the utterances, learn alphabet, level and words from them, and make the network."""
    settings = task.settings
    train = task._usable(task._read(data, labelled=True), "training")
    if validation is None:
        train, held_out = split(train, settings.held_out, settings.seed)
    else:
        held_out = task._read(validation, labelled=True)
    start: Speech | None = task._start
    task.alphabet = Alphabet.build(train.texts) if start is None else start.alphabet
    if lacking := task.alphabet.lacks("".join(train.texts)):
        raise DataError(
            f"start_from: transcripts have {', '.join(map(repr, lacking[:20]))}, not in the"
            f" saved model's alphabet {task.alphabet.characters!r:.80}"
        )
    held_out = task._usable(held_out, "validation", task.alphabet)
    task.acoustic, size = None, train.features_size
    if start is not None:
        task.acoustic, size = start.acoustic, len(start.front.mean)
    elif size is None:
        task.acoustic = acoustic_of(train, settings)
        size = task.acoustic.size
    learnt = task._frames(train, size)
    checked, said = task._frames(held_out, size), held_out.texts
    mean = np.mean([each.mean(0) for each in learnt], 0).astype(np.float32)
    if start is not None:
        mean = start.front.mean
    task.front = Front(mean, settings.deltas, settings.stack, whole=settings.waits)
    task.words, task._ready = None, False
    if settings.lm is not None:
        task.words = words_for(task.alphabet, settings.lm)
    elif settings.ngram and task.alphabet.space is not None:
        task.words = estimate(train.texts, order=settings.ngram)
    steps = np.concatenate([task.front.read(frames) for frames in learnt])
    task._model = task._network(torch.from_numpy(steps))
    checked_ids = [task.alphabet.encode(text) for text in said]

    def evaluate(_: SequenceModel) -> dict[str, float]:
        scores = task._scores(checked)
        decoder = task._decoder(Wishes()) if task._ready else task.decoding.greedy()
        heard = [decoded(decoder, each)[0].text for each in scores]
        loss = _mean_loss(task, scores, checked_ids)
        return {"loss": loss, "cer": cer(said, heard).rate, "wer": wer(said, heard).rate}

    def finish(_: SequenceModel) -> None:
        task.lm_weight, task.word_bonus = tuned(task, task._scores(checked), said)
        task._ready = True

    ids = [task.alphabet.encode(text) for text in train.texts]
    return Prepared(
        TrainingUtterances(_variants(task, train, learnt), ids, task.front, settings),
        evaluate,
        {
            "training_utterances": len(train),
            "validation_utterances": len(held_out),
            "hours": round(sum(each.seconds for each in train) / 3600, 2),
            "alphabet": task.alphabet.characters,
            "training_sha256": train.sha256,
        },
        settings.metric,
        finish=finish,
        precision=torch.float32,
    )


def _variants(task: "Speech", train: Utterances, learnt: Sequence[Array]) -> list[list[Array]]:
    settings = task.settings
    changed: list[list[Array]] = [[frames] for frames in learnt]
    if (acoustic := task.acoustic) is not None:
        for i, utterance in enumerate(train):
            seed = settings.seed + i
            changed[i] += variants(utterance, acoustic, settings.speed, settings.noise, seed)
    return changed


@torch.inference_mode()
def _mean_loss(task: "Speech", scores: Sequence[Array], ids: Sequence[Sequence[int]]) -> float:
    """The loss of utterances' scores or steps, a character."""
    head, total = task.model.head, 0.0
    for each, text in zip(scores, ids, strict=True):
        given, texts = torch.from_numpy(each).unsqueeze(1), torch.tensor([text])
        lengths, counts = torch.tensor([len(each)]), torch.tensor([len(text)])
        if isinstance(head, ReadingHead):
            logits = head.logits(given.to(task.device), texts.to(task.device)).cpu()
            total += float(transducer_loss(logits, texts, lengths, counts)) / len(text)
        else:
            total += float(F.ctc_loss(given, texts, lengths, counts))
    return total / len(scores)
