"""The loss of a batch, CTC or of a transducer, and the mean loss of utterances a character."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.decode.alphabet import BLANK
from elman.decode.transducer_loss import transducer_loss
from elman.tasks.transcription.batches import Transcribed
from elman.tasks.transcription.transducer_head import ReadingHead

_EARLY = 5


def batch_loss(head: nn.Module, scores: Tensor, batch: Transcribed, *, waits: bool) -> Tensor:
    """The loss to minimise, of scores or a transducer's steps (T, B, V).

    `waits`: the network hears all before it writes, and is free to write at once.
    """
    texts, counts = batch.texts, batch.text_lengths
    if isinstance(head, ReadingHead):
        losses = transducer_loss(head.logits(scores, texts), texts, batch.lengths, counts)
        return (losses / counts).mean()
    early = 0 if waits else early_steps(batch)
    lengths = batch.lengths - early
    loss = F.ctc_loss(scores[early:], texts, lengths, counts, zero_infinity=True)
    return loss - scores[:early, :, BLANK].mean() if early else loss


@torch.inference_mode()
def mean_loss(head: nn.Module, scores: Sequence[Tensor], ids: Sequence[Sequence[int]]) -> float:
    """The loss a character of utterances' scores or steps, (T, V) each."""
    device, total = next(head.parameters()).device, 0.0
    for each, text in zip(scores, ids, strict=True):
        given, texts = each.unsqueeze(1), torch.tensor([text])
        lengths, counts = torch.tensor([len(each)]), torch.tensor([len(text)])
        if isinstance(head, ReadingHead):
            logits = head.logits(given.to(device), texts.to(device)).cpu()
            total += float(transducer_loss(logits, texts, lengths, counts)) / len(text)
        else:
            total += float(F.ctc_loss(given, texts, lengths, counts))
    return total / len(scores)


def early_steps(batch: Transcribed) -> int:
    """How many steps at the beginning are to be blank, drawn again for each batch, up to five.

    A network that only listens forwards knows when it begins. Left alone, it learns to guess the
    first character at once, before it has heard it, and never unlearns it.
    """
    spare = int((batch.lengths - 2 * batch.text_lengths).min())
    return max(0, min(int(torch.randint(1, _EARLY + 1, ())), spare))
