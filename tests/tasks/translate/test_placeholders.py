"""Numbers, URLs and e-mail addresses that a translation copies."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman
from elman.data import build_vocabulary
from elman.decode.constraints import Forbidden
from elman.tasks import Translate
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.placeholders import KINDS, MOST, SYMBOLS, Placeholders, reason, values_of
from elman.tasks.translate.preprocessing import TranslatePreprocessing
from elman.tasks.translate.settings import TranslateSettings
from elman.tasks.translate.text_side import TextSide

pytest.importorskip("sacrebleu")

ALL = Placeholders(KINDS, MOST)
PLACES = {"paris": "Paris", "rome": "Rom", "vienna": "Wien", "berlin": "Berlin"}
VALUES = st.sampled_from(
    ["7", "12", "1960", "3.5", "1,000", "12:30", "http://a.org/b?c=1", "www.x.net", "me@home.org"]
)
TEXTS = st.lists(
    st.one_of(VALUES, st.text(max_size=6), st.sampled_from([" ", " in ", ", ", "。", "年"])),
    max_size=12,
).map("".join)


def pairs_of_years(years: list[int]) -> list[tuple[str, str]]:
    draw = random.Random(1)
    found = []
    for year in years:
        place = draw.choice(list(PLACES))
        found.append((f"he was in {place} in {year}.", f"er war {year} in {PLACES[place]}."))
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs 1.5kg or 20 a piece", ["20"]),
        ("A4, v1.5, b2b, 1960s and x-7", ["7"]),
        ("我1988年生于10月3日", ["1988", "10", "3"]),
        ("at 12:30, 1,000.50 of 3", ["12:30", "1,000.50", "3"]),
        ("see (https://a.org/x?y=2&z), www.b.com.", ["https://a.org/x?y=2&z", "www.b.com"]),
        ("write to me.2@mail.a-b.org!", ["me.2@mail.a-b.org"]),
        ("no value, and ４２ is wide", []),
    ],
)
def test_values_of_a_text(text: str, found: list[str]) -> None:
    assert [value for _, value in values_of(text)] == found


@given(TEXTS, TEXTS, st.integers(1, MOST))
def test_symbols_are_undone_exactly(source: str, target: str, count: int) -> None:
    known = Placeholders(KINDS, count)
    text, values = known.source(source)
    assert known.restored(text, values) == source
    assert len(values) == len(set(values)) <= count
    assert known.restored(known.target(target, values), values) == target
    one, two, both = known.pair(source, target)
    assert known.restored(one, both) == source
    assert known.restored(two, both) == target
    assert {c for c in one if c in SYMBOLS} == {c for c in two if c in SYMBOLS}
    assert len({c for c in one if c in SYMBOLS}) == len(both)


@settings(max_examples=60)
@given(TEXTS, st.sampled_from(["bpe", "characters", "words"]))
def test_ids_and_pieces_give_the_text_back(text: str, kind: Any) -> None:
    vocabulary = build_vocabulary(kind, ["a b", text or "c"], size=258 if kind == "bpe" else None)
    side = TextSide(vocabulary, placeholders=MOST)
    text, values = ALL.source(side.normal(text))
    (ids,) = side.encode([text])
    assert len(side.symbols(text)) == len(ids) - 1
    decoded = side.decode(ids)
    if kind != "words":
        assert ALL.restored(decoded, values) == ALL.restored(text, values)
    assert all(value in ALL.restored(decoded, values) for value in values)
    pieces = side.pieces(ids[:-1], [*values, *[""] * MOST])
    assert len(pieces) == len(ids) - 1
    if kind != "words":
        assert "".join(pieces) == ALL.restored(text, values)


def test_symbols_in_a_text_are_no_placeholders() -> None:
    text, values = ALL.source(f"a{SYMBOLS[0]}b 7")
    assert values == ["7"]
    assert ALL.restored(text, values) == "a\ufffdb 7"
    plain = Placeholders()
    assert plain.source(f"a{SYMBOLS[0]}b 7") == (f"a{SYMBOLS[0]}b 7", [])
    side = TextSide(build_vocabulary("characters", [f"ab{SYMBOLS[0]}"]))
    assert side.decode(side.encode([f"a{SYMBOLS[0]}b"])[0]) == f"a{SYMBOLS[0]}b"


def test_kinds_are_those_that_are_copied() -> None:
    words = ["zero", "one", "two", "three", "four", "five"]
    pairs = [(f"{n} in {1900 + n}", f"{words[n]} in {1900 + n}") for n in range(6)] * 4
    known = Placeholders.learn(*zip(*pairs, strict=True))
    assert "1 digit" not in known.kinds
    assert "4 or more digits" in known.kinds
    assert known.count == 1
    both = [(f"{n} or {2 * n}", f"{n} oder {2 * n}") for n in range(1000, 1100)]
    assert Placeholders.learn(*zip(*both, strict=True)).count == 2


def date_pairs() -> list[tuple[str, str]]:
    days = np.datetime64("1990-01-01") + 7 * np.arange(400)
    months = ["January", "February", "March", "April", "May", "June", "July", "August", "September"]
    months += ["October", "November", "December"]
    found = []
    for day in days.astype(str).tolist():
        year, month, number = day.split("-")
        found.append((f"{number} {months[int(month) - 1]} {year}", day))
    return found


@pytest.mark.parametrize(
    ("pairs", "suits"),
    [
        (pairs_of_years(list(range(1900, 1960))), True),
        (date_pairs(), False),
        ([(f"{a} {b}", f"{b} {a}") for a in range(9) for b in range(9)], False),
        (
            [
                (f"sort the numbers {b} and {a}", f"the numbers are {a} and {b}")
                for a in range(10, 20)
                for b in range(a, a + 9)
            ],
            False,
        ),
        ([(f"room {n}", "a room") for n in range(99)], False),
        ([("a room", "ein Zimmer")] * 99, False),
        ([("room 7", "Zimmer 7")] * 5 + [("a room", "ein Zimmer")] * 99, False),  # too few
    ],
)
def test_the_rule_from_the_data(pairs: list[tuple[str, str]], suits: bool) -> None:
    assert (reason(*zip(*pairs, strict=True)) is not None) is suits


def test_forbidden_ids() -> None:
    scores = Forbidden([[3], [], [0, 1]]).forbid(
        torch.zeros(2, 4), torch.zeros(2, 0, dtype=torch.int64), torch.tensor([2, 0])
    )
    assert scores.isinf().nonzero().tolist() == [[0, 0], [0, 1], [1, 3]]


@pytest.fixture(scope="module")
def task() -> Translate:
    pairs = pairs_of_years(list(range(1900, 2000)))
    task = Translate(
        **{"tokens": "words", "hidden_size": 24, "embedding_size": 16, "batch_size": 200},
        **{"epochs": 70, "evaluate_every": 100, "lr": 0.01, "warmup": 0, "baselines": False},
        **{"input_dropout": 0, "dropout": 0, "output_dropout": 0, "token_dropout": 0},
    )
    return task.fit(pairs, pairs[:20], progress=False)


SOURCE, TARGET = "he was in rome in 31416.", "er war 31416 in Rom."


def test_a_number_never_seen_comes_out_unchanged(task: Translate, tmp_path: Path) -> None:
    assert task.settings.placeholders
    assert "numbers alike on both sides of 100 % of the pairs" in task.planned[0]
    assert task.predict([SOURCE]) == [TARGET]
    assert task.evaluate([(SOURCE, TARGET)])["exact"] == 1
    task.save(tmp_path / "model")
    again = elman.load(tmp_path / "model")
    assert again.preprocessing.placeholders == task.preprocessing.placeholders
    assert again.rows([SOURCE]) == task.rows([SOURCE])


def test_placeholders_in_every_use(task: Translate) -> None:
    assert "".join(task.stream(SOURCE, beam=2)).split() == ["er", "war", "31416", "in", "Rom", "."]
    assert task.session().accept(f"{SOURCE}\n").new == f"{TARGET}\n"
    (found,) = task.predictions([SOURCE], alignments=True)
    assert [piece.strip() for piece in found.details["tokens"]] == [*TARGET[:-1].split(), "."]
    columns = task.preprocessing.source_symbols(SOURCE)
    assert columns == ["he", "was", "in", "rome", "in", "31416", "."]
    assert found.details["attention"].shape == (6, 8)
    (found,) = task.predictions([SOURCE], prefix="er war 31416 in Wien")
    assert found.value == "er war 31416 in Wien."
    (found,) = task.predictions([SOURCE], terms=[("in 31416", "war 31416")], beam=3)
    assert "war 31416" in found.value
    texts = [each["translation"] for each in _n_best(task, SOURCE)]
    assert not any(symbol in text for text in texts for symbol in SYMBOLS)
    assert task.predict(["he was in rome.", ""])[1] == ""


def _n_best(task: Translate, source: str) -> Any:
    return task.predictions([source], n_best=5)[0].details["n_best"]


def test_models_without_placeholders_are_as_before() -> None:
    pairs = pairs_of_years([1950, 1960])
    data = Translate(clean=False).read(pairs, labelled=True)
    assert isinstance(data, TranslateData)
    known = TranslatePreprocessing.learn(data, TranslateSettings(tokens="characters"), None)
    assert known.source.size == known.source.vocabulary.size + 2
    read, written = known.training_ids(data.sources, data.targets)
    for ids, text in zip([*read, *written], [*data.sources, *data.targets], strict=True):
        side = known.source if text in data.sources else known.target
        assert ids.tolist() == [*side.vocabulary.encode(text), side.end_id]


def test_a_model_saved_without_them_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"tokens": "words", "hidden_size": 4, "embedding_size": 4, "epochs": 1}
    pairs = pairs_of_years(list(range(1900, 1930)))
    task = Translate(**small, placeholders=False, baselines=False)
    task.fit(pairs, pairs[:9], progress=False)
    whole = TranslatePreprocessing.to_config
    names = ("length_ratio", "joint", "longest", "source_scripts", "target_scripts")
    monkeypatch.setattr(
        TranslatePreprocessing, "to_config", lambda self: {n: whole(self)[n] for n in names}
    )
    task.save(tmp_path / "model")
    again = elman.load(tmp_path / "model")
    assert again.preprocessing.placeholders == Placeholders()
    assert again.predict([SOURCE]) == task.predict([SOURCE])
