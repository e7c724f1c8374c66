"""JoeyNMT's recurrent translator of the same sizes, timed in its own process and environment.

`benchmarks/translate.py` starts it with the Python that JOEYNMT_PYTHON names, writes the path of a
file of batches and then a line for each run that it wants, and reads the seconds of each.
"""

import sys
import time
from types import SimpleNamespace
from typing import Any

import torch
from joeynmt.batch import Batch
from joeynmt.model import build_model
from joeynmt.search import search
from joeynmt.vocabulary import Vocabulary

UNKNOWN, PADDING, START, END = range(4)
SIZE, DROPOUT, SMOOTHING = 256, 0.2, 0.1


def built(vocabulary_size: int) -> Any:
    """A bidirectional encoder, Bahdanau's attention without input feeding, two decoder layers."""
    names = {"unk": UNKNOWN, "pad": PADDING, "bos": START, "eos": END}
    special = {f"{name}_token": f"<{name}>" for name in names}
    ids = {f"{name}_id": id for name, id in names.items()}
    cfg = SimpleNamespace(**special, **ids, sep_token=None, lang_tags=[])
    words = Vocabulary([f"w{i}" for i in range(vocabulary_size - len(names))], cfg)
    embeddings = {"embedding_dim": SIZE, "scale": False, "dropout": DROPOUT}
    common = {"rnn_type": "gru", "embeddings": embeddings, "dropout": DROPOUT}
    encoder = {"hidden_size": SIZE // 2, "bidirectional": True, "num_layers": 1}
    decoder = {"type": "recurrent", "hidden_size": SIZE, "num_layers": 2, "attention": "bahdanau"}
    own = {"input_feeding": False, "init_hidden": "bridge", "hidden_dropout": DROPOUT}
    settings = {
        "encoder": {"type": "recurrent", **common, **encoder},
        "decoder": {**common, **decoder, **own},
        "tied_embeddings": False,
        "tied_softmax": True,
    }
    model = build_model(settings, words, words)
    model.loss_function = ("crossentropy", SMOOTHING)
    return model


def batch_of(source: torch.Tensor, lengths: torch.Tensor, target: torch.Tensor | None) -> Batch:
    """Ids (T, B) and (U, B), 0 on padding, as JoeyNMT has them."""
    source = joey_ids(source.T, lengths)
    if target is not None:
        own = (target != 0).sum(0)
        target = torch.cat([torch.full((len(own), 1), START), joey_ids(target.T, own)], 1)
    batch = Batch(
        src=source,
        src_length=lengths,
        src_prompt_mask=None,
        trg=target,
        trg_prompt_mask=None,
        indices=torch.arange(len(lengths)),
        device=torch.device("cpu"),
        pad_index=PADDING,
        eos_index=END,
        is_train=target is not None,
    )
    batch.sort_by_src_length()
    return batch


def joey_ids(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Ids (B, T) beyond the special ones, the end at the end, then padding."""
    found = ids.clamp(min=END + 1)
    steps = torch.arange(found.shape[1])
    found[steps == lengths.unsqueeze(1) - 1] = END
    found[steps >= lengths.unsqueeze(1)] = PADDING
    return found.contiguous()


def train(model: Any, optimizer: Any, batches: list[Any]) -> None:
    """A step of each batch."""
    model.train()
    for source, lengths, target in batches:
        batch = batch_of(source, lengths, target)
        optimizer.zero_grad()
        loss, *_ = model(return_type="loss", **vars(batch))
        (loss / batch.ntokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def decode(model: Any, batches: list[Any], width: int) -> None:
    """Every batch translated, to twice as many tokens as its longest source."""
    model.eval()
    for source, lengths, _ in batches:
        length = 2 * len(source)
        options = {"min_output_length": length - 1, "return_prob": "hyp"}
        batch = batch_of(source, lengths, None)
        search(model, batch, length, width if width > 1 else 0, 1.0, **options)


def main() -> None:
    """Time a run for each line of the input."""
    torch.set_num_threads(1)
    given = torch.load(sys.stdin.readline().strip(), weights_only=True)
    model = built(given["size"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for line in sys.stdin:
        name = line.strip()
        start = time.process_time()
        if name == "train":
            train(model, optimizer, given["train"])
        else:
            decode(model, given["decode"], int(name))
        print(time.process_time() - start, flush=True)


if __name__ == "__main__":
    main()
