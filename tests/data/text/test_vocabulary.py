import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elman.data import Vocabulary, build_vocabulary
from elman.data.text.subwords import Words
from elman.errors import DataError, ModelError, SettingsError

TEXTS = ["the cat sat on the mat\n", "Die Katze saß auf der Matte", "那隻貓坐在墊子上。", "🐈‍⬛ é"]
BPE = build_vocabulary("bpe", TEXTS * 3, size=300)
UNIGRAM = build_vocabulary("unigram", TEXTS * 3, size=330)
any_text = st.text(alphabet=st.characters())


@given(st.lists(any_text, min_size=1).filter(any))
def test_characters_give_back_any_text_they_have_seen(texts):
    vocabulary = build_vocabulary("characters", texts)
    for text in texts:
        ids = vocabulary.encode(text)
        assert ids.dtype == np.int32
        assert vocabulary.decode(ids) == text
        assert vocabulary.characters[ids].sum() == len(text)
    assert vocabulary.size == len(set("".join(texts))) + 2


@given(st.text())
@example("<pad><unk>")
@example("\r\n\t  \x00")
@example("👩‍👩‍👧 e\u0301 \U0010ffff")
@example("".join(map(chr, range(0xF0000, 0xF0100))))
def test_pieces_give_back_any_text(text):
    for known in (BPE, UNIGRAM):
        ids = known.encode(text)
        assert known.decode(ids) == text
        assert known.characters[ids].sum() == len(text)
        assert not np.isin(ids, (known.pad_id, known.unknown_id)).any()


@given(st.lists(st.integers(0, BPE.size - 1)))
def test_a_stream_gives_what_decode_gives(ids):
    for vocabulary in (BPE, UNIGRAM, build_vocabulary("characters", TEXTS)):
        ids = [i % vocabulary.size for i in ids]
        stream = vocabulary.stream()
        assert "".join([stream.add(i) for i in ids]) + stream.finish() == vocabulary.decode(ids)


def test_unigram_pieces_are_the_likeliest_and_always_the_same():
    texts = ["low lower lowest", "new newer newest", "wide wider widest"] * 20
    vocabulary = build_vocabulary("unigram", texts, size=300)
    assert vocabulary.size <= 300
    assert build_vocabulary("unigram", texts, size=300).hash == vocabulary.hash
    scores = dict(zip(vocabulary.tokens, vocabulary.scores, strict=True))

    def best(word):  # over all ways to cut it
        if not word:
            return 0.0
        cuts = range(1, len(word) + 1)
        return max(scores[word[:n]] + best(word[n:]) for n in cuts if word[:n] in scores)

    for word in ("lowest", "newer", "widenew"):
        found = [vocabulary.decode([id]) for id in vocabulary.encode(word)]
        assert sum(scores[piece] for piece in found) == pytest.approx(best(word))
    assert len(vocabulary.encode("lowest")) < 6
    assert vocabulary.decode(vocabulary.encode("LOW")) == "LOW"
    lower = build_vocabulary("unigram", texts, size=300, lowercase=True)
    assert lower.decode(lower.encode("LOW")) == "low"
    rare = build_vocabulary("unigram", [*texts, "q"], size=300, min_count=2)
    assert len(rare.encode("é")) == 2  # bytes
    assert "q" not in rare.tokens


def test_damaged_unigrams_are_refused(tmp_path):
    path = tmp_path / "v.json"
    UNIGRAM.save(path)
    assert Vocabulary.load(path).hash == UNIGRAM.hash
    content = json.loads(path.read_text())
    for name, value, message in (
        ("scores", content["scores"][1:], "finite number for each"),
        ("scores", [math.inf, *content["scores"][1:]], "finite number for each"),
        ("tokens", content["tokens"][::-1], "all 256 bytes"),
        ("tokens", [*content["tokens"][:-1], "\u0416x"], "no tokens themselves"),
    ):
        path.write_text(json.dumps({**content, name: value}))
        with pytest.raises(ModelError, match=message):
            Vocabulary.load(path)
    with pytest.raises(SettingsError, match="at least 258"):
        build_vocabulary("unigram", TEXTS, size=200)


def test_a_stream_waits_for_the_whole_character():
    ids = BPE.encode("貓🐈‍⬛")
    assert len(ids) > 4
    stream = BPE.stream()
    pieces = [stream.add(int(i)) for i in ids]
    assert "" in pieces
    assert "\ufffd" not in "".join(pieces)
    assert "".join(pieces) == "貓🐈‍⬛"
    assert stream.add(int(BPE.encode("é")[0])) in ("", "é")
    truncated = BPE.encode("墊")[:1]
    assert BPE.decode(truncated) in ("\ufffd", "墊")


def test_characters_follow_their_code_points_and_reserve_two():
    vocabulary = build_vocabulary("characters", ["cab", "a"])
    np.testing.assert_array_equal(vocabulary.encode("abcx"), [2, 3, 4, 1])
    assert vocabulary.decode([2, 0, 1, 4]) == "a\ufffdc"
    assert (vocabulary.pad_id, vocabulary.unknown_id, vocabulary.size) == (0, 1, 5)
    assert len(vocabulary) == 5


def test_size_and_count_keep_the_frequent():
    texts = ["a" * 5 + "b" * 3 + "c" * 3 + "d"]
    assert build_vocabulary("characters", texts, size=4).decode([2, 3]) == "ab"
    assert build_vocabulary("characters", texts, min_count=3).size == 5
    words = build_vocabulary("words", ["a a a b b c"], min_count=2)
    assert words.decode([2, 3]) == "a b"
    assert build_vocabulary("words", ["a a a b b c"], size=3).size == 3
    assert BPE.size == 300


def test_words():
    vocabulary = build_vocabulary("words", ["I don't like 我爱你, カタカナ!! <pad> ＡＢＣ n't é"])
    tokens = [vocabulary.decode([i]) for i in range(2, vocabulary.size)]
    expected = ["!", "<", ">", "カ", ",", "ABC", "I", "don't", "like", "n't", "pad"]
    assert set(expected) <= set(tokens)
    assert {"我", "爱", "你", "タ", "ナ"} <= set(tokens)
    assert vocabulary.decode(vocabulary.encode("like 我爱 ABC zzz")) == "like 我 爱 ABC \ufffd"
    assert 0 not in vocabulary.encode("<pad> <unk> [PAD]")
    np.testing.assert_array_equal(vocabulary.encode("é"), vocabulary.encode("e\u0301"))
    ids = vocabulary.encode("I like")
    assert vocabulary.characters[ids].sum() == len("I like ")


@pytest.mark.parametrize("kind", ["characters", "words", "bpe"])
def test_lower_case(kind):
    vocabulary = build_vocabulary(kind, ["the cat SAT"], lowercase=True)
    np.testing.assert_array_equal(vocabulary.encode("The CAT"), vocabulary.encode("the cat"))
    assert vocabulary.decode(vocabulary.encode("The CAT")) == "the cat"


@pytest.mark.parametrize("kind", ["characters", "words", "bpe"])
def test_save_and_load(tmp_path, kind):
    vocabulary = build_vocabulary(kind, TEXTS, lowercase=True)
    vocabulary.save(tmp_path / "v.json")
    loaded = Vocabulary.load(tmp_path / "v.json")
    assert loaded.hash == vocabulary.hash
    assert loaded.size == vocabulary.size
    assert (loaded.kind, loaded.lowercase) == (kind, True)
    for text in (*TEXTS, "Something else: ☃"):
        np.testing.assert_array_equal(loaded.encode(text), vocabulary.encode(text))
    np.testing.assert_array_equal(loaded.characters, vocabulary.characters)
    other = build_vocabulary(kind, [*TEXTS, "zebra & zoo & zebra"])
    assert other.hash != vocabulary.hash


@pytest.mark.parametrize("kind", ["characters", "words", "bpe"])
def test_building_is_deterministic_and_encodes_many(kind):
    first, second = (build_vocabulary(kind, iter(TEXTS)) for _ in range(2))
    assert first.hash == second.hash
    many = first.encode_many(TEXTS)
    for ids, text in zip(many, TEXTS, strict=True):
        np.testing.assert_array_equal(ids, first.encode(text))
    assert first.encode("").tolist() == []
    assert first.encode_many([]) == []


def test_a_lone_surrogate_does_no_harm():
    broken = "ab\ud800c"
    characters = build_vocabulary("characters", [broken])
    assert characters.decode(characters.encode(broken)) == broken
    assert Vocabulary is not None
    assert BPE.decode(BPE.encode(broken)) == "ab?c"
    assert build_vocabulary("words", [broken]).size > 2


def test_surrogates_survive_saving(tmp_path):
    vocabulary = build_vocabulary("characters", ["ab\ud800"])
    vocabulary.save(tmp_path / "v.json")
    assert Vocabulary.load(tmp_path / "v.json").hash == vocabulary.hash


GOOD = {"version": 1, "kind": "characters", "symbols": "abc", "lowercase": False}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        "[" * 100_000,
        json.dumps({**GOOD, "kind": "pickle"}),
        json.dumps({**GOOD, "kind": ["characters"]}),
        json.dumps({**GOOD, "version": 2}),
        json.dumps({**GOOD, "symbols": "aa"}),
        json.dumps({**GOOD, "symbols": ["a"]}),
        json.dumps({**GOOD, "extra": 1}),
        json.dumps({"version": 1, "kind": "words", "words": ["a", "a"]}),
        json.dumps({"version": 1, "kind": "words", "words": ["a", ""]}),
        json.dumps({"version": 1, "kind": "words", "words": ["<pad>"]}),
        json.dumps({"version": 1, "kind": "words", "words": "abc"}),
        json.dumps({"version": 1, "kind": "bpe", "tokens": ["a"], "merges": []}),
        json.dumps({"version": 1, "kind": "bpe", "tokens": [*BPE.tokens, "我"], "merges": []}),
        json.dumps({"version": 1, "kind": "bpe", "tokens": BPE.tokens, "merges": [["a", "zzz"]]}),
        json.dumps({"version": 1, "kind": "bpe", "tokens": BPE.tokens, "merges": [["a"]]}),
        json.dumps({"version": 1, "kind": "bpe", "tokens": BPE.tokens, "merges": 3}),
    ],
    ids=range(20),
)
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "v.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=r"v\.json is not a vocabulary"):
        Vocabulary.load(path)


def test_files_that_are_not_there_or_binary(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        Vocabulary.load(tmp_path / "v.json")
    (tmp_path / "v.json").write_bytes(b"\x89PNG\0")
    with pytest.raises(ModelError, match="is not a vocabulary"):
        Vocabulary.load(tmp_path / "v.json")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("letters", ["a"]), SettingsError, "kind='letters' is not one of characters, words, bpe"),
        (("words", "one string"), SettingsError, "give a list of texts"),
        (("words", ["  "]), DataError, "hold no words"),
        (("characters", []), DataError, "hold no characters"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        build_vocabulary(*arguments)


def test_bad_sizes():
    with pytest.raises(SettingsError, match="at least 258"):
        build_vocabulary("bpe", ["a"], size=100)
    with pytest.raises(SettingsError, match="size=2: a whole number, at least 3"):
        build_vocabulary("words", ["a"], size=2)
    with pytest.raises(SettingsError, match="min_count=0"):
        build_vocabulary("words", ["a"], min_count=0)


def test_words_are_split_as_they_are_encoded() -> None:
    texts = ["Don't say naïve 好看！", "ＦＵＬＬ unknown\t#tag", ""]
    vocabulary = build_vocabulary("words", texts[:1], lowercase=True)
    assert isinstance(vocabulary, Words)
    words, numbers, counts = vocabulary.distinct(texts)
    assert counts.tolist() == [6, 4, 0]
    assert [words[i] for i in numbers] == [
        *("don't", "say", "naïve", "好", "看", "!"),
        *("full", "unknown", "#", "tag"),
    ]
    split = np.split(numbers, np.cumsum(counts)[:-1])
    ids = [[vocabulary.id_of(words[i]) for i in each] for each in split]
    assert ids == [each.tolist() for each in vocabulary.encode_many(texts)]
