import gzip

import pytest

from elman.data import read_pairs
from elman.errors import DataError, SettingsError


def unit(**segments):
    texts = "".join(
        f'<tuv xml:lang="{tag.replace("_", "-")}"><seg>{text}</seg></tuv>\n'
        for tag, text in segments.items()
    )
    return f"<tu>{texts}</tu>\n"


def written(folder, *units, start='<?xml version="1.0"?>\n', source="en", name="memory.tmx"):
    path = folder / name
    body = f"<body>\n{''.join(units)}</body>"
    path.write_text(f'{start}<tmx version="1.4"><header srclang="{source}"/>{body}</tmx>', "utf-8")
    return path


def test_languages_are_found_by_their_first_part(tmp_path):
    path = written(tmp_path, unit(en_US="one", de_DE="eins"), unit(EN_gb="two", de="zwei"))
    pairs = read_pairs(path, source="de", target="en")
    assert (pairs.sources, pairs.targets) == (["eins", "zwei"], ["one", "two"])
    assert pairs.names == [f"{path}:3", f"{path}:6"]
    with pytest.warns(UserWarning, match=r"1 unit without .*memory\.tmx:6: no text in 'en_us'"):
        only = read_pairs(path, source="en_us", target="de")
    assert only.sources == ["one"]
    assert only.left_out == {1: f"{path}:6: no text in 'en_us'"}


def test_two_languages_are_guessed_the_headers_first(tmp_path):
    path = written(tmp_path, unit(de="eins", en="one"))
    with pytest.warns(UserWarning, match="source='en' and target='de' are guessed"):
        assert read_pairs(path).sources == ["one"]
    with pytest.warns(UserWarning, match="source='de' and target='en' are guessed"):
        assert read_pairs(path, source="de").targets == ["one"]
    path = written(tmp_path, unit(de="eins", en="one"), source="*all*")
    with pytest.warns(UserWarning, match="source='de' and target='en'"):
        read_pairs(path)
    path = written(tmp_path, unit(de="eins", en="one", fr="un"))
    with pytest.raises(DataError, match=r"texts in de, en, fr: choose with source="):
        read_pairs(path)
    with pytest.raises(DataError, match=r"choose with source="):
        read_pairs(path, source="en")


def test_several_texts_of_a_language_are_several_pairs(tmp_path):
    path = written(
        tmp_path,
        '<tu><tuv xml:lang="en"><seg>hi</seg></tuv><tuv xml:lang="de"><seg>hallo</seg></tuv>'
        '<tuv xml:lang="de"><seg>moin</seg></tuv></tu>',
    )
    pairs = read_pairs(path, source="en", target="de")
    assert (pairs.sources, pairs.targets) == (["hi", "hi"], ["hallo", "moin"])
    assert read_pairs(path, source="en", labelled=False).sources == ["hi"]


def test_texts_are_without_codes_and_line_breaks(tmp_path):
    path = written(
        tmp_path,
        unit(
            en='\n  Press <bpt i="1">&lt;b>x</bpt>the <hi>red</hi><ept i="1">&lt;/b></ept>\n'
            "  button<ph><sub>never</sub></ph> &amp; wait&#33;\n",
            de="Drück <![CDATA[<rot>]]>",
        ),
    )
    pairs = read_pairs(path, source="en", target="de")
    assert pairs.sources == ["Press the red button & wait!"]
    assert pairs.targets == ["Drück <rot>"]


def test_old_files_name_the_language_otherwise_and_may_be_compressed(tmp_path):
    old = '<tu><tuv lang="en"><seg>a</seg></tuv><tuv lang="de"><seg>b</seg></tuv></tu>'
    path = written(tmp_path, old, start='<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n')
    packed = tmp_path / "memory.tmx.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for each in (path, packed):
        assert read_pairs(each, source="en", target="de").targets == ["b"]
    path.write_bytes(
        path.read_text()
        .replace(">b<", ">b\u00e4<")
        .replace("<!DOC", "<?xml version='1.0' encoding='UTF-16'?>\n<!DOC")
        .encode("utf-16")
    )
    assert read_pairs(path, source="en", target="de").targets == ["b\u00e4"]


ENTITIES = '<!DOCTYPE tmx [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
FILE = '<!DOCTYPE tmx [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n'
PARAMETER = '<!DOCTYPE tmx [<!ENTITY % a "b">]>\n'


@pytest.mark.parametrize("start", [ENTITIES, FILE, PARAMETER])
def test_entities_are_refused(tmp_path, start):
    path = written(tmp_path, unit(en="&a;", de="b"), start=start)
    with pytest.raises(DataError, match=r"memory\.tmx:1: the file declares the entity"):
        read_pairs(path, source="en", target="de")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"memory\.tmx:1: bad XML: no element found"),
        ("<tmx><body>\n<tu></body></tmx>", r"memory\.tmx:2: bad XML: mismatched tag"),
        ("<html><p>en</p></html>", r"is not TMX: it begins with <html>"),
        ("<tmx><body/></tmx>", "has no units"),
        ("<tmx><body><tu>\n<tuv><seg>a</seg></tuv></tu></body></tmx>", r":2: <tuv> without xml:l"),
        ('<?xml version="1.0" encoding="x-none"?><tmx/>', "unknown encoding|cannot be read as XML"),
        ("<tmx><body><tu><tuv xml:lang='en'><seg>&b;</seg></tuv></tu></body></tmx>", "undefined"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "memory.tmx"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_pairs(path, source="en", target="de")


def test_bad_languages(tmp_path):
    path = written(tmp_path, unit(en_US="one", de="eins"))
    with pytest.raises(DataError, match=r"language 'fr': it has en-US, de; .*\(--target\)"):
        read_pairs(path, source="en", target="fr")
    with pytest.raises(DataError, match=r"language 'en-GB'.*\(--source\)"):
        read_pairs(path, source="en-GB", target="de")
    with pytest.raises(SettingsError, match=r"source=0: .* has languages"):
        read_pairs(path, source=0, target=1)
    with pytest.raises(SettingsError, match="the same language"):
        read_pairs(path, source="en", target="EN")
    path.write_bytes(gzip.compress(b"<tmx></tmx>" * 99)[:-9])
    with pytest.raises(DataError, match=r"cannot read .*memory\.tmx"):
        read_pairs(path, source="en", target="de")
