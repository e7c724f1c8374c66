import random
import re

import pytest

from elman.data import Pairs, check_pairs, read_pairs
from elman.errors import DataError, SettingsError

LATIN = "abcdefghijklmnopqrstuvwxyz"
GREEK = "αβγδεζηθικλμνξοπρστυφχψω"


def sentences(count, seed=1):
    """Random sentences and their transliteration, whose lengths go together loosely."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(count):
        words = [
            "".join(draw.choices(LATIN, k=draw.randint(2, 8))) for _ in range(draw.randint(3, 12))
        ]
        target = [word[: draw.randint(2, 8)] for word in words]
        end = draw.choice("..?!")
        text = " ".join(target).translate(str.maketrans(LATIN[:24], GREEK))
        pairs.append((" ".join(words) + end, text.replace("y", "υ").replace("z", "ζ") + end))
    return pairs


def found_in(pairs, **arguments):
    found = check_pairs(read_pairs(pairs), **arguments)
    return [(problem.index, problem.kind) for problem in found.problems]


def test_clean_pairs_have_no_problems():
    found = check_pairs(read_pairs(sentences(500)))
    assert found.problems == ()
    assert found.summary() == "500 pairs\nnothing is wrong with them"
    pairs = read_pairs(sentences(500))
    assert found.clean(pairs) is pairs


def planted():
    """Clean pairs with one problem of each kind, by index."""
    pairs = sentences(300)
    source, target = pairs[100]
    wrong = {
        3: (("", target), "empty", "the source is empty"),
        20: ((source, " \t"), "empty", "the target is empty"),
        21: (("", ""), "empty", "both sides are empty"),
        40: ((source, target * 6), "length ratio", r"characters become \d+; usual are \d+"),
        41: ((source * 6, target), "length ratio", "characters become"),
        60: (
            (source, "".join(reversed(source))),
            "wrong script",
            "target is in Latin, where Greek",
        ),
        61: ((target[::-1], target), "wrong script", "source is in Greek, where Latin is usual"),
        80: ((pairs[81][1], pairs[81][0]), "swapped", "the script of the other"),
        120: (pairs[7], "duplicate", "the same as pair 7"),
        140: (
            ("word " * 5000, "λογος " * 5000),
            "too long",
            "the source has 24,999 characters, the",
        ),
    }
    for i, (pair, _, _) in wrong.items():
        pairs[i] = pair
    return pairs, wrong


def test_each_kind_of_problem_is_found_where_it_is():
    pairs, wrong = planted()
    found = check_pairs(read_pairs(pairs))
    assert {p.index: p.kind for p in found.problems} == {
        i: kind for i, (_, kind, _) in wrong.items()
    }
    for problem in found.problems:
        assert problem.name == f"pair {problem.index}"
        assert re.search(wrong[problem.index][2], problem.text)
        assert problem.is_harmful
    assert found.counts == {
        "empty": 3,
        "length ratio": 2,
        "wrong script": 2,
        "swapped": 1,
        "duplicate": 1,
        "too long": 1,
    }


def test_cleaning_drops_them_and_says_how_many():
    pairs, wrong = planted()
    read = read_pairs(pairs)
    found = check_pairs(read)
    with pytest.warns(UserWarning, match="10 of 300 pairs are dropped: 3 empty, 2 length ratio"):
        clean = found.clean(read)
    assert clean.names == [name for i, name in enumerate(read.names) if i not in wrong]
    with pytest.raises(SettingsError, match="the 300 pairs that were checked"):
        found.clean(clean)
    empty = read_pairs([("a", ""), ("", "b")])
    with pytest.raises(DataError, match="no pair can be used; pair 0: the target is empty"):
        check_pairs(empty).clean(empty)


def test_the_summary_names_file_and_line(tmp_path):
    path = tmp_path / "pairs.tsv"
    lines = [f"{source}\t{target}\n" for source, target in sentences(30)]
    lines[4] = "\tx\n"
    lines[9:9] = ["a\t\n"] * 7
    path.write_text("source\ttarget\n" + "".join(lines), "utf-8")
    summary = check_pairs(read_pairs(path)).summary().splitlines()
    assert summary[:3] == [
        "37 pairs",
        "8 empty, which cleaning drops",
        f"  {path}:6: the source is empty",
    ]
    assert summary[-1] == "  and 3 more"


def test_identical_sides_are_doubtful_in_translation_alone():
    pairs = [*sentences(100), ("Taxi", "Taxi"), ("12 : 30", "12 : 30")]
    assert found_in(pairs) == [(100, "wrong script"), (100, "identical")]
    draw = random.Random(3)
    words = ["".join(draw.choices(LATIN, k=12)) for _ in range(100)]
    german = [(word, "".join(draw.choices(LATIN, k=12))) for word in words[:90]]
    copies = [(word, word) for word in words[90:]]
    assert found_in([*german, *copies]) == [(i, "identical") for i in range(90, 100)]
    repair = [(word[:5] + word[6:], word) for word in words[:90]]
    assert found_in([*repair, *copies]) == []
    assert found_in([(word, word) for word in words]) == []


def test_names_in_the_letters_of_the_other_side_are_no_wrong_script():
    pairs = [("Tom lost the game", "Tom輸了比賽"), ("Tom lost", "Tom輸了"), ("OK", "OK")]
    pairs += [(f"number {LATIN[i]} of all", f"第{chr(0x4E00 + i)}个数字") for i in range(26)]
    assert [kind for _, kind in found_in(pairs)] == ["identical"]


def test_half_of_the_pairs_are_swapped():
    pairs = sentences(200)
    swapped = {i for i in range(200) if i % 5 in (1, 3)}
    pairs = [pair[::-1] if i in swapped else pair for i, pair in enumerate(pairs)]
    assert found_in(pairs) == [(i, "swapped") for i in sorted(swapped)]


def test_sources_in_both_datasets():
    train = read_pairs([("Good  Morning", "x"), ("night", "y"), ("", "z")])
    other = Pairs(["good morning", "noon", ""], None, ["valid.txt:1", "valid.txt:2", "valid.txt:3"])
    found = check_pairs(train, other)
    assert [(p.index, p.kind) for p in found.problems] == [(0, "in both"), (2, "empty")]
    assert found.problems[0].text == "the source is in the other data, too: valid.txt:1"
    assert not found.problems[0].is_harmful


def test_lines_out_of_step():
    pairs = sentences(400)
    targets = [target for _, target in pairs]
    del targets[200]
    sources = [source for source, _ in pairs]
    del sources[300]
    found = check_pairs(read_pairs((sources, targets)))
    (problem,) = found.problems
    assert problem.kind == "out of step"
    assert 195 <= problem.index <= 205
    assert 90 <= problem.count <= 105
    assert problem.text == (
        f"to pair {problem.index + problem.count - 1}, {problem.count} targets fit the sources"
        " 1 line after them better"
    )
    assert found.counts == {"out of step": problem.count}
    read = read_pairs((sources, targets))
    with pytest.warns(UserWarning, match=f"{problem.count} out of step"):
        assert len(found.clean(read)) == 399 - problem.count


def test_bad_arguments():
    pairs = read_pairs([("a", "b")])
    with pytest.raises(SettingsError, match="pairs: check_pairs takes what read_pairs gives"):
        check_pairs([("a", "b")])
    with pytest.raises(SettingsError, match="other: check_pairs takes"):
        check_pairs(pairs, ["a"])
    with pytest.raises(DataError, match="without targets"):
        check_pairs(read_pairs(["a"], labelled=False))


def test_strange_data_can_be_checked():
    for pairs in (
        [("a", "b")],
        [("", "")],
        [("1", "2"), ("3", "4")],
        [("\ud800", "\U0010ffff")] * 3,
        [("x" * i, "y") for i in range(50)],
    ):
        check_pairs(read_pairs(pairs)).summary()


@pytest.mark.data
def test_a_real_dataset_raises_no_alarm(dataset_root):
    if not (dataset_root / "mt_tatoeba_eng_cmn").is_dir():
        pytest.skip("$ELMAN_DATA has no mt_tatoeba_eng_cmn")
    train, test = (read_pairs(f"mt_tatoeba_eng_cmn:{part}") for part in ("train", "test"))
    found = check_pairs(train, test)
    assert found.counts == {"length ratio": 2}
    turned = Pairs(train.targets, train.sources, train.names)
    assert check_pairs(turned).counts == {"length ratio": 2}
    order = random.Random(1).sample(range(len(train)), len(train))
    mixed = train.select(order)
    assert check_pairs(mixed).counts == {"length ratio": 2}
    shifted = Pairs(mixed.sources[1:3000], mixed.targets[:2999], mixed.names[1:3000])
    found = check_pairs(shifted)
    assert found.counts["out of step"] > 2900
    random.Random(2).shuffle(order)
    unrelated = Pairs(mixed.sources, train.select(order).targets, mixed.names)
    assert "out of step" not in check_pairs(unrelated).counts
