"""Whatever the readers and vocabularies are given, the answer is one line in words."""

import pytest
from bad_values import problems

from elman import data
from elman.data import build_vocabulary, read_corpus, read_examples, read_table, text_blocks

VOCABULARIES = {
    "words": build_vocabulary("words", ["a b"]),
    "characters": build_vocabulary("characters", ["a b"]),
    "bpe": build_vocabulary("bpe", ["a b"] * 9, size=260),
}
PAIRS = data.Pairs(["a", "b"], ["x", "y"], ["1", "2"])
COLUMNS = {"text": ["a"], "label": ["x"]}
READERS = {
    "read_table": read_table,
    "header": lambda v: read_table(COLUMNS, header=v),
    "encoding": lambda v: read_table(COLUMNS, encoding=v),
    "delimiter": lambda v: read_table(COLUMNS, delimiter=v),
    "column": lambda v: read_table(COLUMNS).column(v, "text"),
    "read_examples": read_examples,
    "without labels": lambda v: read_examples(v, label=None),
    "inputs": lambda v: read_examples((v, ["x", "y"])),
    "labels": lambda v: read_examples((["a", "b"], v)),
    "an input": lambda v: read_examples(([v, v], ["x", "y"])),
    "a label": lambda v: read_examples((["a", "b"], [v, v])),
    "one of several labels": lambda v: read_examples((["a", "b"], [[v], [v]])),
    "a cell": lambda v: read_examples({"text": [v, "b"], "label": ["x", v]}),
    "features": lambda v: read_examples({"features": [v], "label": ["x"]}),
    "text=": lambda v: read_examples(COLUMNS, text=v),
    "label=": lambda v: read_examples(COLUMNS, label=v),
    "features=": lambda v: read_examples(COLUMNS, text=None, features=v),
    "separator=": lambda v: read_examples(COLUMNS, separator=v),
    "parted label": lambda v: read_examples({"text": ["a"], "label": [v]}, separator=","),
    "select": lambda v: read_examples(COLUMNS).select(v),
    "split": lambda v: read_examples((["a", "b"], ["x", "x"])).split(v),
    "seed": lambda v: read_examples((["a", "b"], ["x", "x"])).split(0.5, v),
    "find_sounds": data.find_sounds,
    "text_blocks": lambda v: list(text_blocks(v)),
    "encoding of blocks": lambda v: list(text_blocks(["a"], encoding=v)),
    "read_corpus": lambda v: read_corpus(v, VOCABULARIES["words"]),
    "vocabulary of a corpus": lambda v: read_corpus(["a b"], v),
    "folder of a corpus": lambda v: read_corpus(["a b"], VOCABULARIES["words"], v),
    "train_validation": lambda v: read_corpus(
        ["a b"] * 9, VOCABULARIES["characters"]
    ).train_validation(v),
    "read_pairs": data.read_pairs,
    "texts to translate": lambda v: data.read_pairs(v, labelled=False),
    "a source": lambda v: data.read_pairs([(v, "x")]),
    "a pair": lambda v: data.read_pairs([v]),
    "two sides": lambda v: data.read_pairs((v, v)),
    "weight of a file": lambda v: data.read_pairs({"a.tsv": v}),
    "source=": lambda v: data.read_pairs(COLUMNS, source=v),
    "target=": lambda v: data.read_pairs(COLUMNS, source="text", target=v),
    "encoding of pairs": lambda v: data.read_pairs(COLUMNS, source="text", encoding=v),
    "pairs to select": PAIRS.select,
    "pairs to split": PAIRS.split,
    "check_pairs": data.check_pairs,
    "validation pairs": lambda v: data.check_pairs(PAIRS, v),
    "pairs to clean": data.check_pairs(PAIRS).clean,
    "texts of scripts": data.Scripts.of,
    "mismatch": lambda v: data.mismatch(data.Scripts.of(["a"]), v),
    "normalise": data.normalise,
    "form": lambda v: data.normalise("a", v),
    "to_script": lambda v: data.to_script(v, "simplified"),
    "script": lambda v: data.to_script("a", v),
    "get": data.get,
    "resolve": data.resolve,
    "is_reference": data.is_reference,
}


@pytest.mark.parametrize("name", READERS)
def test_readers(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert problems({name: READERS[name]}) == []


@pytest.mark.parametrize("kind", VOCABULARIES)
def test_vocabularies(kind):
    vocabulary = VOCABULARIES[kind]
    calls = {
        "texts": lambda v: build_vocabulary(kind, v),
        "size": lambda v: build_vocabulary(kind, ["a b"], size=v),
        "min_count": lambda v: build_vocabulary(kind, ["a b"], min_count=v),
        "encode": vocabulary.encode,
        "encode_many": vocabulary.encode_many,
        "decode": vocabulary.decode,
    }
    assert problems(calls) == []


def test_kinds_and_files_of_vocabularies():
    calls = {
        "kind": lambda v: build_vocabulary(v, ["a b"]),
        "load": data.Vocabulary.load,
    }
    assert problems(calls) == []


def test_batches():
    tokens = [1, 2, 3, 4]
    calls = {
        "lengths": lambda v: data.BucketSampler(v, 2),
        "batch_size": lambda v: data.BucketSampler([1, 2], v),
        "pool": lambda v: data.BucketSampler([1, 2], 1, pool=v),
        "seed": lambda v: data.BucketSampler([1, 2], 1, seed=v).epoch(0),
        "epoch": lambda v: data.BucketSampler([1, 2], 1).epoch(v),
        "tokens": lambda v: data.Chunks(v, 2, 3),
        "streams": lambda v: data.Chunks(tokens, v, 3),
        "length": lambda v: data.Chunks(tokens, 1, v),
        "seed of chunks": lambda v: next(data.Chunks(tokens, 1, 2, seed=v).epoch(0)),
        "epoch of chunks": lambda v: next(data.Chunks(tokens, 1, 2).epoch(v)),
    }
    assert problems(calls) == []
