import codecs

import pytest

from elman.data import find_sounds, read_panel, read_utterances
from elman.data.text import encodings, files
from elman.errors import DataError, SettingsError


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("told", [None, "utf-8", "cp1252"])
@pytest.mark.parametrize("size", [2, 7, 1 << 18])
def test_a_mark_goes_before_all_else(tmp_path, mark, encoding, told, size):
    path = tmp_path / "a.txt"
    path.write_bytes(mark + "naïve\r\n日本".encode(encoding))
    assert "".join(files.read_blocks(path, size, encoding=told)) == "naïve\r\n日本"


WESTERN = [
    "Un café crème, créé à Nîmes\xa0: «\xa0c’est déjà fait\xa0» – 3 €",
    "Die Straße ist schön, größer als früher.",
    "¿Qué pasó mañana? ¡El pingüino!",
    "Não há avaliações, só opiniões.",
    "Räksmörgås på Åland",
    "Rødgrød med fløde",
    "L’élève a vu le cœur",
]


@pytest.mark.parametrize("sentence", WESTERN)
@pytest.mark.parametrize("size", [3, 1 << 18])
def test_western_european_text_is_found_with_a_warning(tmp_path, sentence, size):
    path = tmp_path / "a.txt"
    path.write_bytes(("plain\n" + sentence).encode("cp1252"))
    with pytest.warns(UserWarning, match=r"a\.txt is not UTF-8 and is read as cp1252"):
        found = "".join(files.read_blocks(path, size))
    assert found == "plain\n" + sentence


@pytest.mark.parametrize(
    ("sentence", "encoding"),
    [
        ("Příliš žluťoučký kůň úpěl", "cp1250"),
        ("zażółć gęślą jaźń", "cp1250"),
        ("это просто слова", "cp1251"),
        ("это просто слова", "koi8-r"),
        ("απλά λόγια", "cp1253"),
        ("这是文字", "gb18030"),
        ("これは文字です", "shift_jis"),
        ("ağaç ışık", "cp1254"),
        ("café", "mac_roman"),
        ("déjà vu schön", "cp437"),
    ],
)
def test_other_encodings_are_never_taken_for_it(tmp_path, sentence, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(sentence.encode(encoding))
    with pytest.raises(DataError, match=r"a\.txt is not text: .*--encoding"):
        files.read_text(path)
    assert files.read_text(path, encoding) == sentence


def test_utf8_with_a_wrong_byte_is_not_taken_for_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("né ".encode() + b"caf\xe9")
    with pytest.raises(DataError, match="byte 0xe9 at offset 7"):
        files.read_text(path)
    path.write_bytes(b"caf\xe9 " + "né".encode())
    with pytest.raises(DataError, match="byte 0xe9 at offset 3"):
        files.read_text(path)


def test_what_the_told_encoding_cannot_be(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\x81b")
    with pytest.raises(DataError, match=r"byte 0x81 at offset 1 \(read as cp1252; name its enc"):
        files.read_text(path, "cp1252")


def test_utf8_that_is_read_otherwise_is_a_warning(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("caf\u00e9".encode())
    with pytest.warns(UserWarning, match="read as cp1252, as requested, but looks like UTF-8"):
        assert files.read_text(path, "cp1252") == "caf\u00c3\u00a9"


def test_utf16_without_a_mark_is_a_hint_and_can_be_told(tmp_path):
    path = tmp_path / "a.txt"
    for name in ("utf-16-le", "utf-16-be"):
        path.write_bytes("text".encode(name))
        with pytest.raises(DataError, match=f"say encoding='{name}'"):
            files.read_text(path)
        assert files.read_text(path, name) == "text"


@pytest.mark.parametrize("name", ["utf-9", "base64", "idna", "", "a\0b", 3, "undefined"])
def test_unknown_encodings(name):
    with pytest.raises(SettingsError, match="is not an encoding of text: utf-8"):
        encodings.check_encoding(name)


TOLD = {"encoding": "cp1251", "delimiter": "^"}


def test_series_manifests_and_sounds_are_read_as_told(tmp_path):
    table = tmp_path / "series.csv"
    table.write_bytes("unique_id^ds^y\nж^2024-01-01^1\nж^2024-01-02^2\n".encode("cp1251"))
    assert read_panel(table, **TOLD).series[0].name == "ж"
    manifest = tmp_path / "recordings.csv"
    manifest.write_bytes("path^text^label\nж.wav^слово^да\n".encode("cp1251"))
    utterances = read_utterances(manifest, **TOLD)
    assert (utterances.texts, utterances[0].path) == (["слово"], tmp_path / "ж.wav")
    assert find_sounds(manifest, **TOLD).labels == ["да"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_series_manifests_and_sounds_of_spreadsheets(tmp_path, encoding):
    table = tmp_path / "series.csv"
    table.write_bytes("ds;y\n2024-01-01;1\n2024-01-02;2\n".encode(encoding))
    assert read_panel(table).series[0].y.ravel().tolist() == [1, 2]
    manifest = tmp_path / "recordings.csv"
    manifest.write_bytes("path\ttext\tlabel\na.wav\tone, two\tyes\n".encode(encoding))
    assert read_utterances(manifest).texts == ["one, two"]
    assert find_sounds(manifest).labels == ["yes"]


def test_kaldis_files_are_read_as_told(tmp_path):
    (tmp_path / "wav.scp").write_bytes("a ж.wav\n".encode("cp1251"))
    (tmp_path / "text").write_bytes("a слово\n".encode("cp1251"))
    assert read_utterances(tmp_path, encoding="cp1251").texts == ["слово"]
