"""Words that tell the sides of pairs apart."""

from elman.data import check_pairs, read_pairs
from elman.data.pairs.side_words import SideWords

NOUNS = {"dog": "Hund", "cat": "Katze", "horse": "Pferd", "house": "Haus", "tree": "Baum"}
PAIRS = [
    (f"there is the {one} and a {two}", f"da ist der {NOUNS[one]} und ein {NOUNS[two]}")
    for one in NOUNS
    for two in NOUNS
    if one != two
]


def test_frequent_words_of_one_side_alone() -> None:
    words = SideWords.of(*zip(*PAIRS, ("in", "in"), strict=True))
    assert {"there", "is", "the", "and", "dog"} <= set(words.source)
    assert {"da", "ist", "der", "und", "hund"} <= set(words.target)
    assert not {"in"} & {*words.source, *words.target}
    assert words.counts("The DOG, und in Paris") == (2, 1)
    assert SideWords.of(["7 8"] * 9, ["8 7"] * 9) == SideWords()


def test_the_other_language_is_noticed() -> None:
    words = SideWords.of(*zip(*PAIRS, strict=True))
    problem = words.mismatch(["Da ist ein Vogel", "und der Hund"])
    assert problem is not None
    assert "6 words of the texts are frequent in this model's targets, as 'da'" in problem
    assert words.mismatch(["there is a bird", "der Hund"]) is None
    assert words.mismatch(["der"]) is None
    assert words.mismatch([]) is None


def test_swapped_pairs_of_one_script_are_found() -> None:
    pairs = [*PAIRS, PAIRS[3][::-1]]
    (problem,) = check_pairs(read_pairs(pairs)).problems
    assert (problem.index, problem.kind) == (len(PAIRS), "swapped")
    assert problem.text == "each side is in the language of the other one"
    assert not check_pairs(read_pairs(PAIRS)).problems
