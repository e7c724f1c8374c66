import re

import pytest

from elman.data import dataset_names, fetch, get, is_reference, read_examples, resolve, text_blocks
from elman.errors import DataError

PACKED = {  # in files that nobody publishes
    *("sp_an4_mfcc", "hw_digilets", "hw_kanjivg_sketch"),
    "sig_svc2004_w01_25",  # a part of the organisers' archive
    "vid_radar_fmi",
}


def test_every_dataset_is_whole():
    for name in dataset_names():
        dataset = get(name)
        assert dataset.name == name
        assert dataset.title
        assert dataset.licence
        assert set(dataset.urls) == (set() if name in PACKED else set(dataset.files))
        assert all(url.startswith("https://") for url in dataset.urls.values())
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in dataset.files.values())
        assert all(set(part.files) <= set(dataset.files) for part in dataset.parts.values())
        for part in dataset.parts.values():
            readers = (part.examples, part.text, part.table, part.pairs, part.utterances)
            others = sum(reader is not None for reader in readers)
            arrays = sum(reader is not None for reader in (part.inks, part.clips))
            assert (others, arrays) in ((1, 0), (0, 1), (1, 1))
        used = {file for part in dataset.parts.values() for file in part.files}
        assert used == set(dataset.files)


def test_references():
    assert resolve("text_sst2:validation")[1].files == ("dev.tsv",)
    assert get("mv_uea_small").subsets == ["JapaneseVowels", "BasicMotions"]
    assert get("mv_uea_small").splits == ["train", "test"]
    assert get("text_sentiment_labelled").splits == []
    assert is_reference("lm_names/names")
    assert not is_reference("reviews.csv")


def test_a_file_of_that_name_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lm_tinyshakespeare").write_text("mine")
    assert "".join(text_blocks("lm_tinyshakespeare")) == "mine"


def test_wrong_references_name_near_ones():
    with pytest.raises(DataError, match=r"no dataset is named 'text_ssd2'; did you mean text_sst2"):
        get("text_ssd2")
    with pytest.raises(DataError, match=r"no part 'text_sst2:tran'; did you mean text_sst2:train"):
        resolve("text_sst2:tran")
    with pytest.raises(DataError, match=r"does not say which part.*text_sst2:train, text_sst2:val"):
        resolve("text_sst2")
    with pytest.raises(DataError, match=r"known: .*lm_names"):
        get("qqqq")


COUNTS = {
    "text_sst2:train": (6920, 2),
    "text_sst2:validation": (872, 2),
    "text_sst2:test": (1821, 2),
    "text_snips:train": (13784, 7),
    "text_snips:validation": (700, 7),
    "text_sentiment_labelled/amazon": (1000, 2),
    "text_sentiment_labelled/imdb": (1000, 2),
    "text_sentiment_labelled/yelp": (1000, 2),
    "text_sentiment_labelled": (3000, 2),
    "mv_uea_small/JapaneseVowels:train": (270, 9),
    "mv_uea_small/JapaneseVowels:test": (370, 9),
    "mv_uea_small/BasicMotions:train": (40, 4),
    "mv_uea_small/BasicMotions:test": (40, 4),
    "lm_names/by_language": (20050, 18),
    "hw_pendigits_orig:train": (7494, 10),
    "hw_pendigits_orig:test": (3498, 10),
    "vid_hand_point_history:train": (3606, 4),
    "vid_hand_point_history:test": (1300, 4),
}
CHARACTERS = {
    "lm_names/names": 228145,
    "lm_tinyshakespeare": 1115394,
    "lm_tinyshakespeare:train": 1003854,
    "lm_tinyshakespeare:validation": 111540,
    "lm_tang_poems/tang300": 27356,
    "lm_tang_poems/complete": 339287,
    "lm_tang_poems": 366643,
}


def test_the_counts_cover_every_reference():
    references = {
        reference
        for name in dataset_names()
        for reference in get(name).references
        if resolve(reference)[1].table is None  # of series: tests/data/test_panel.py
        and resolve(reference)[1].pairs is None  # tests/data/pairs/test_read.py
        and resolve(reference)[1].utterances is None  # of speech: tests/data/test_utterances.py
        and resolve(reference)[1].kind != "online handwriting"  # tests/data/ink/test_read.py
        and resolve(reference)[1].kind != "video"  # tests/data/video/test_moving_digits.py
    }
    assert references == COUNTS.keys() | CHARACTERS.keys()


@pytest.mark.data
@pytest.mark.parametrize("reference", COUNTS)
def test_examples(dataset_root, reference):
    if not (dataset_root / resolve(reference)[0].name).is_dir():
        pytest.skip(f"$ELMAN_DATA has no {reference}")
    examples = read_examples(reference)
    assert (len(examples), len(examples.classes)) == COUNTS[reference]
    assert examples.is_text == (not reference.startswith(("mv_", "hw_", "vid_")))
    if examples.is_text:
        assert not any("\t" in text or "\ufffd" in text for text in examples.inputs)


@pytest.mark.data
@pytest.mark.parametrize("reference", CHARACTERS)
def test_corpora(dataset_root, reference):
    if not (dataset_root / resolve(reference)[0].name).is_dir():
        pytest.skip(f"$ELMAN_DATA has no {reference}")
    assert sum(map(len, text_blocks(reference))) == CHARACTERS[reference]


@pytest.mark.data
def test_details_of_the_files(dataset_root):
    fetch(get("text_snips"))
    snips = read_examples("text_snips:train")
    assert any("🍕" in text for text in snips.inputs)
    vowels = read_examples("mv_uea_small/JapaneseVowels:train")
    lengths = [len(sequence) for sequence in vowels.inputs]
    assert (min(lengths), max(lengths)) == (7, 26)
    assert {sequence.shape[1] for sequence in vowels.inputs} == {12}
    poem = "".join(text_blocks("lm_tang_poems/tang300"))
    assert poem.startswith("西陸蟬聲唱，南冠客思侵。\n那堪玄鬢影")
    assert str(dataset_root) in str(fetch(get("lm_tinyshakespeare"))[0])


@pytest.mark.data
def test_shakespeare_is_parted_by_position(dataset_root):
    whole = (dataset_root / "lm_tinyshakespeare" / "input.txt").read_text()
    train, validation = (
        "".join(text_blocks(f"lm_tinyshakespeare:{split}")) for split in ("train", "validation")
    )
    assert train + validation == whole
    assert len(train) == 1_003_854
    assert len(validation) == 111_540
