"""The datasets: addresses pinned to a commit, checksums, licences and readers."""

from collections.abc import Mapping
from importlib import resources
from urllib.parse import quote

from elman.data.datasets import ink_readers, readers, video_readers
from elman.data.datasets.dataset import Dataset, Part
from elman.data.tables import read_table
from elman.data.text.files import read_blocks

_SPLITS = ("train", "test")
_RAW = "https://raw.githubusercontent.com"


def _checksums(name: str) -> dict[str, str]:
    """File -> SHA-256, from a list as `sha256sum` writes it."""
    lists = resources.files("elman.data") / "checksums"
    lines = (lists / f"{name}.sha256").read_text("utf-8").splitlines()
    return {file: digest for digest, file in (line.split("  ", 1) for line in lines)}


_TEXT_SST2 = _checksums("text_sst2")
_TEXT_SNIPS = _checksums("text_snips")
_TEXT_SENTIMENT_LABELLED = _checksums("text_sentiment_labelled")
_MV_UEA_SMALL = _checksums("mv_uea_small")
_LM_TINYSHAKESPEARE = _checksums("lm_tinyshakespeare")
_LM_NAMES = _checksums("lm_names")
_LM_TANG_POEMS = _checksums("lm_tang_poems")
_HW_PENDIGITS_ORIG = _checksums("hw_pendigits_orig")
_HW_DIGILETS = _checksums("hw_digilets")
_HW_KANJIVG_SKETCH = _checksums("hw_kanjivg_sketch")
_SIG_SVC2004_W01_25 = _checksums("sig_svc2004_w01_25")
_FC_M4_HOURLY = _checksums("fc_m4_hourly")
_FC_ETTH1 = _checksums("fc_etth1")
_FC_BIKE_SHARING = _checksums("fc_bike_sharing")
_FC_SMALL_SERIES = _checksums("fc_small_series")
_FC_VIX_DAILY = _checksums("fc_vix_daily")
_SP_FSDD = _checksums("sp_fsdd")
_SP_AN4_MFCC = _checksums("sp_an4_mfcc")
_MT_TATOEBA_ENG_CMN = _checksums("mt_tatoeba_eng_cmn")
_VID_MNIST_DIGITS = _checksums("vid_mnist_digits")
_VID_RADAR_FMI = _checksums("vid_radar_fmi")
_VID_HAND_POINT_HISTORY = _checksums("vid_hand_point_history")


def _at(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """File -> its address in a folder of a repository at a commit."""
    return {file: f"{_RAW}/{folder}/{quote(file)}" for file in files}


def _tang_addresses() -> dict[str, str]:
    folder = "chinese-poetry/chinese-poetry/99ebbef7e1345c0985c44b9fd96a3f9e776f117b"
    theirs = {"tang300.json": "唐诗三百首.json"}
    return {
        file: f"{_RAW}/{folder}/{quote('全唐诗/' + theirs.get(file, file))}"
        for file in _LM_TANG_POEMS
    }


def _name_addresses() -> dict[str, str]:
    languages = "spro/practical-pytorch/c520c52e68e945d88fff563dba1c028b6ec0197b/data/names"
    return {
        file: f"{_RAW}/{languages}/{file.removeprefix('by_language/')}" for file in _LM_NAMES
    } | _at("karpathy/makemore/988aa59e4d8fefa526d06f3b453ad116258398d4", {"names.txt": ""})


def _pen_digit_addresses() -> dict[str, str]:
    folder = "choucavalier/pendigits-hmm/03382e1457941714439d40b67e53eaf117fe4d08/data"
    theirs = {"pendigits-orig.tra": "pendigits-train", "pendigits-orig.tes": "pendigits-test"}
    return {file: f"{_RAW}/{folder}/{theirs[file]}" for file in _HW_PENDIGITS_ORIG}


def _snips_files(kind: str) -> tuple[str, ...]:
    return tuple(file for file in _TEXT_SNIPS if file.rpartition("/")[2].startswith(kind))


def _spoken_digit_addresses() -> dict[str, str]:
    """All in one archive: 3,000 files one by one would take long."""
    repository, commit = "free-spoken-digit-dataset", "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
    archive = f"https://github.com/Jakobovski/{repository}/archive/{commit}.zip"
    return {file: f"{archive}#{repository}-{commit}/{file}" for file in _SP_FSDD}


def _spoken_digits(split: str) -> tuple[str, ...]:
    """The official split: recordings 0 to 4 of each speaker and digit are the test."""
    return tuple(
        file for file in _SP_FSDD if (int(file[:-4].rpartition("_")[2]) < 5) == (split == "test")
    )


def _mnist_parts() -> dict[str, Part]:
    files = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    parts = {f":{split}": Part(files, clips=video_readers.still_digits(split)) for split in _SPLITS}
    for split, count, seed in (("train", 2000, 1), ("test", 300, 2)):
        clips = video_readers.two_moving_digits(split, count, seed)
        parts[f"/moving:{split}"] = Part(files, clips=clips)
    return parts


def _uea(problem: str) -> dict[str, Part]:
    return {
        f"/{problem}:train": Part((f"{problem}_TRAIN.ts",), examples=readers.series),
        f"/{problem}:test": Part((f"{problem}_TEST.ts",), examples=readers.series),
    }


_DATASETS = (
    Dataset(
        name="text_sst2",
        title="Stanford Sentiment Treebank, two classes, sentences",
        licence="not stated; customary for research",
        files=_TEXT_SST2,
        urls=_at(
            "clairett/pytorch-sentiment-classification/"
            "457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2",
            _TEXT_SST2,
        ),
        parts={
            ":train": Part(("train.tsv",), examples=readers.labelled_sentences),
            ":validation": Part(("dev.tsv",), examples=readers.labelled_sentences),
            ":test": Part(("test.tsv",), examples=readers.labelled_sentences),
        },
    ),
    Dataset(
        name="text_snips",
        title="Snips, seven intents of spoken commands",
        licence="CC0 1.0",
        files=_TEXT_SNIPS,
        urls=_at(
            "sonos/nlu-benchmark/b86ac7f1577868c42158d0dec77db50956046696/"
            "2017-06-custom-intent-engines",
            _TEXT_SNIPS,
        ),
        parts={
            ":train": Part(_snips_files("train"), examples=readers.intents),
            ":validation": Part(_snips_files("validate"), examples=readers.intents),
        },
    ),
    Dataset(
        name="text_sentiment_labelled",
        title="Sentiment Labelled Sentences of Amazon, IMDb and Yelp reviews",
        licence="CC BY 4.0",
        files=_TEXT_SENTIMENT_LABELLED,
        urls=_at(
            "delhomi10/yelp_sentiment_predictions/cbb91f76f57545d87ae506e2fb70455454b82002/"
            "sentiment%20labelled%20sentences",
            _TEXT_SENTIMENT_LABELLED,
        ),
        parts={
            "/amazon": Part(("amazon_cells_labelled.txt",), examples=readers.labelled_sentences),
            "/imdb": Part(("imdb_labelled.txt",), examples=readers.labelled_sentences),
            "/yelp": Part(("yelp_labelled.txt",), examples=readers.labelled_sentences),
            "": Part(tuple(_TEXT_SENTIMENT_LABELLED), examples=readers.labelled_sentences),
        },
    ),
    Dataset(
        name="mv_uea_small",
        title="JapaneseVowels and BasicMotions, multivariate series of the UEA archive",
        licence="CC BY 4.0 (JapaneseVowels); not stated (BasicMotions)",
        files=_MV_UEA_SMALL,
        urls={
            file: f"{_RAW}/sktime/sktime/7bd7d1620c0656f3210eeb850bb1c0034159ee47/"
            f"sktime/datasets/data/{file.partition('_')[0]}/{file}"
            for file in _MV_UEA_SMALL
        },
        parts=_uea("JapaneseVowels") | _uea("BasicMotions"),
    ),
    Dataset(
        name="lm_tinyshakespeare",
        title="Tiny Shakespeare, 1.1 million characters",
        licence="public domain",
        files=_LM_TINYSHAKESPEARE,
        urls=_at(
            "karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare",
            _LM_TINYSHAKESPEARE,
        ),
        parts={
            "": Part(("input.txt",), text=read_blocks),
            ":train": Part(("input.txt",), text=readers.but_the_last_tenth),
            ":validation": Part(("input.txt",), text=readers.the_last_tenth),
        },
    ),
    Dataset(
        name="lm_names",
        title="Names of people: 32,033 as a corpus, 20,050 with their language",
        licence="MIT",
        files=_LM_NAMES,
        urls=_name_addresses(),
        parts={
            "/names": Part(("names.txt",), text=read_blocks),
            "/by_language": Part(
                tuple(file for file in _LM_NAMES if file != "names.txt"),
                examples=readers.lines_of_class,
            ),
        },
    ),
    Dataset(
        name="lm_tang_poems",
        title="Tang poems in Chinese: the 300 and 5,000 of the Complete Tang Poems",
        licence="MIT; the poems are in the public domain",
        files=_LM_TANG_POEMS,
        urls=_tang_addresses(),
        parts={
            "/tang300": Part(("tang300.json",), text=readers.poems),
            "/complete": Part(
                tuple(file for file in _LM_TANG_POEMS if file != "tang300.json"),
                text=readers.poems,
            ),
            "": Part(tuple(_LM_TANG_POEMS), text=readers.poems),
        },
    ),
    Dataset(
        name="hw_pendigits_orig",
        title="Pen-based digits of 44 writers as strokes, writers apart",
        licence="CC BY 4.0",
        files=_HW_PENDIGITS_ORIG,
        urls=_pen_digit_addresses(),
        parts={
            f":{split}": Part(
                (file,), examples=ink_readers.pen_strokes, inks=ink_readers.pen_digits
            )
            for split, file in (("train", "pendigits-orig.tra"), ("test", "pendigits-orig.tes"))
        },
    ),
    Dataset(
        name="hw_digilets",
        title="DigiLeTs: 23,870 digits and letters of 77 writers as strokes, writers apart",
        licence="none stated; published for research, with a request to cite",
        files=_HW_DIGILETS,
        urls={},
        parts={
            f":{split}": Part(("digilets.npz",), inks=ink_readers.digilets(split))
            for split in ("train", "test")
        },
    ),
    Dataset(
        name="hw_kanjivg_sketch",
        title="KanjiVG: 11,100 kanji as strokes in the order of writing, without labels",
        licence="CC BY-SA 3.0 (KanjiVG, Ulrich Apel)",
        files=_HW_KANJIVG_SKETCH,
        urls={},
        parts={
            f":{split}": Part(("short_kanji_flat.npz",), inks=ink_readers.sketches(name))
            for split, name in (("train", "train"), ("validation", "valid"), ("test", "test"))
        },
    ),
    Dataset(
        name="sig_svc2004_w01_25",
        title="SVC2004, task 2: 1,000 signatures of 25 people, half of them skilled forgeries",
        licence="none stated; the organisers' data, freely downloadable for research",
        files=_SIG_SVC2004_W01_25,
        urls={},
        parts={"": Part(tuple(_SIG_SVC2004_W01_25), inks=ink_readers.signatures)},
    ),
    Dataset(
        name="fc_m4_hourly",
        title="M4 competition, 414 hourly series",
        licence="not stated; published openly by the organisers",
        files=_FC_M4_HOURLY,
        urls={
            file: f"{_RAW}/Mcompetitions/M4-methods/6c1067e5a57161249b17289a565178dc7a3fb3ca/"
            f"Dataset/{kind}/{file}"
            for file, kind in (("Hourly-train.csv", "Train"), ("Hourly-test.csv", "Test"))
        },
        parts={
            ":train": Part(("Hourly-train.csv",), table=read_table),
            ":test": Part(("Hourly-test.csv",), table=read_table),
        },
    ),
    Dataset(
        name="fc_etth1",
        title="Electricity transformer temperature, hourly, with six loads",
        licence="CC BY-ND 4.0",
        files=_FC_ETTH1,
        urls=_at(
            "zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small", _FC_ETTH1
        ),
        parts={"": Part(("ETTh1.csv",), table=readers.columns(ds="date", y="OT"))},
    ),
    Dataset(
        name="fc_bike_sharing",
        title="Bike rentals in Washington with the weather, hourly and daily",
        licence="CC BY 4.0",
        files=_FC_BIKE_SHARING,
        urls=_at(
            "drscott173/DLD-my-first-neural-network/"
            "30b428e7e4419c1502a18f81f6748a222e41f822/Bike-Sharing-Dataset",
            _FC_BIKE_SHARING,
        ),
        parts={
            "/hour": Part(("hour.csv",), table=readers.hours_of_days),
            "/day": Part(("day.csv",), table=readers.columns(ds="dteday", y="cnt")),
        },
    ),
    Dataset(
        name="fc_small_series",
        title="Airline passengers, minimum temperatures in Melbourne, car sales in Quebec",
        licence="not stated; classic public series",
        files=_FC_SMALL_SERIES,
        urls=_at("jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f", _FC_SMALL_SERIES),
        parts={
            "/passengers": Part(
                ("airline-passengers.csv",),
                table=readers.columns(ds="Month", y="Passengers"),
            ),
            "/temperatures": Part(
                ("daily-min-temperatures.csv",), table=readers.columns(ds="Date", y="Temp")
            ),
            "/car_sales": Part(
                ("monthly-car-sales.csv",), table=readers.columns(ds="Month", y="Sales")
            ),
        },
    ),
    Dataset(
        name="fc_vix_daily",
        title="VIX, the volatility index of Chicago's options exchange, daily since 1990",
        licence="PDDL",
        files=_FC_VIX_DAILY,
        urls=_at(
            "datasets/finance-vix/6f56e2760520824b787cf6b85945c62186d38bc6/data", _FC_VIX_DAILY
        ),
        parts={"": Part(("vix-daily.csv",), table=readers.columns(ds="DATE", y="CLOSE"))},
    ),
    Dataset(
        name="sp_fsdd",
        title="Free Spoken Digits: 3,000 recordings of six speakers; strings joined of them",
        licence="CC BY-SA 4.0",
        files=_SP_FSDD,
        urls=_spoken_digit_addresses(),
        parts={
            ":train": Part(_spoken_digits("train"), utterances=readers.digits),
            ":test": Part(_spoken_digits("test"), utterances=readers.digits),
            "/strings:train": Part(
                _spoken_digits("train"), utterances=readers.digit_strings(1500, seed=1)
            ),
            "/strings:test": Part(
                _spoken_digits("test"), utterances=readers.digit_strings(300, seed=2)
            ),
        },
    ),
    Dataset(
        name="sp_an4_mfcc",
        title="AN4: 1,078 utterances of 84 speakers, spellings and commands, as 13 cepstra",
        licence="CMU's, of the kind of BSD",
        files=_SP_AN4_MFCC,
        urls={},
        parts={
            f":{split}": Part((f"{split}.npz", f"{split}.tsv"), utterances=readers.packed_features)
            for split in ("train", "test")
        },
    ),
    Dataset(
        name="mt_tatoeba_eng_cmn",
        title="Tatoeba: 21,116 English sentences with their Chinese translation",
        licence="CC BY 2.0 FR (Tatoeba)",
        files=_MT_TATOEBA_ENG_CMN,
        urls=_at(
            "YC-Coder-Chen/English-Chinese-Translator/"
            "9663dba4f2f52b4111b706b560023caaa73c72eb/data",
            _MT_TATOEBA_ENG_CMN,
        ),
        parts={
            "": Part(("cmn.txt",), pairs=readers.english_chinese()),
            ":train": Part(("cmn.txt",), pairs=readers.english_chinese("train")),
            ":test": Part(("cmn.txt",), pairs=readers.english_chinese("test")),
        },
    ),
    Dataset(
        name="vid_mnist_digits",
        title="10,000 digits of MNIST as pictures; Moving MNIST made of them",
        licence="CC BY-SA 3.0 (LeCun, Cortes, Burges)",
        files=_VID_MNIST_DIGITS,
        urls=_at(
            "unixpickle/mnistlite/7e77ce183b42950baacbe6de3986dbdc6ae771e8/data", _VID_MNIST_DIGITS
        ),
        parts=_mnist_parts(),
    ),
    Dataset(
        name="vid_radar_fmi",
        title="Rain radar over Finland, two events of 40 frames, 2 km and 5 minutes apart",
        licence="CC BY 4.0 (Finnish Meteorological Institute)",
        files=_VID_RADAR_FMI,
        urls={},
        parts={
            ":train": Part(("20160928.npz",), clips=video_readers.radar),
            ":test": Part(("20170509.npz",), clips=video_readers.radar),
        },
    ),
    Dataset(
        name="vid_hand_point_history",
        title="Fingertips before a webcam: 5,296 gestures of 16 steps, four classes",
        licence="Apache-2.0",
        files=_VID_HAND_POINT_HISTORY,
        urls=_at(
            "Kazuhito00/hand-gesture-recognition-using-mediapipe/"
            "19311a68b16b42d3ee89e505e3f185693dbd7147/model/point_history_classifier",
            _VID_HAND_POINT_HISTORY,
        ),
        parts={
            f":{split}": Part(("point_history.csv",), examples=video_readers.gestures(split))
            for split in _SPLITS
        },
    ),
)
CATALOGUE: Mapping[str, Dataset] = {dataset.name: dataset for dataset in _DATASETS}
