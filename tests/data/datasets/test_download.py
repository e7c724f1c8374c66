import hashlib
import io
import sys
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from elman.data import Dataset, cache_folder, fetch
from elman.errors import DataError

CONTENT = b"real data\n" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """Empty folders of its own for $ELMAN_DATA and the cache."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("ELMAN_DATA", str(own))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return own


@pytest.fixture
def site(tmp_path, homes):
    """A folder and the address at which a server on this machine serves it."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def made_up(url, name="made_up"):
    return Dataset(name, "Made up", "CC0", {"a/b.txt": DIGEST}, {"a/b.txt": url}, {})


def put(root, content=CONTENT):
    path = root / "made_up" / "a" / "b.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def leftovers(root):
    return [path for path in root.rglob("*") if path.is_file()]


def test_own_folder_first_then_cache(homes):
    cached = put(cache_folder())
    assert fetch(made_up("")) == [cached]
    own = put(homes)
    assert fetch(made_up("")) == [own]


def test_a_damaged_file_names_both_hashes_and_is_read_once(homes, monkeypatch):
    path = put(homes, b"damaged")
    found = hashlib.sha256(b"damaged").hexdigest()
    for _ in range(2):
        with pytest.raises(DataError, match=rf"b\.txt is damaged: expected .*{DIGEST}.*{found}"):
            fetch(made_up(""))
    path.write_bytes(CONTENT)
    assert fetch(made_up("")) == [path]
    monkeypatch.setattr(
        "elman.data.datasets.download.sha256", lambda _: pytest.fail("was read again")
    )
    assert fetch(made_up("")) == [path]


def test_download(site):
    folder, address = site
    (folder / "b.txt").write_bytes(CONTENT)
    (path,) = fetch(made_up(f"{address}/b.txt"))
    assert path == cache_folder() / "made_up" / "a" / "b.txt"
    assert path.read_bytes() == CONTENT
    (folder / "b.txt").unlink()
    assert fetch(made_up(f"{address}/b.txt")) == [path]


def test_download_with_a_bar(site, monkeypatch, capsys):
    folder, address = site
    (folder / "b.txt").write_bytes(CONTENT)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fetch(made_up(f"{address}/b.txt"))
    assert "b.txt" in capsys.readouterr().err


def test_another_content_is_not_kept(site):
    folder, address = site
    (folder / "b.txt").write_bytes(b"another")
    with pytest.raises(
        DataError, match=rf"is not the expected one.*{DIGEST} expected, [0-9a-f]{{64}}"
    ):
        fetch(made_up(f"{address}/b.txt"))
    assert leftovers(cache_folder()) == []


def test_what_cannot_be_downloaded_says_where_to_put_it(site):
    _, address = site
    hint = r"or put the file at \$ELMAN_DATA/made_up/a/b\.txt yourself"
    with pytest.raises(DataError, match=rf"cannot download a/b\.txt .*404.*{hint}"):
        fetch(made_up(f"{address}/b.txt"))
    with pytest.raises(DataError, match=rf"cannot download .*{hint}"):
        fetch(made_up("http://127.0.0.1:9/b.txt"))
    with pytest.raises(DataError, match="cannot be downloaded automatically"):
        fetch(made_up(""))
    assert leftovers(cache_folder()) == []


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def tarred(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_only_the_named_member_of_an_archive_is_written(site, pack, tmp_path):
    folder, address = site
    pack(folder / "x.archive", {"d/b.txt": CONTENT, "../../evil.txt": b"!", "/tmp/evil.txt": b"!"})
    (path,) = fetch(made_up(f"{address}/x.archive#d/b.txt"))
    assert path.read_bytes() == CONTENT
    assert leftovers(cache_folder()) == [path]
    assert not list(tmp_path.rglob("evil.txt"))
    with pytest.raises(DataError, match=r"archive does not hold d/c\.txt"):
        fetch(made_up(f"{address}/x.archive#d/c.txt", name="other"))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_is_downloaded_once(site, pack, monkeypatch):
    folder, address = site
    members = {f"d/{i}.txt": b"%d" % i for i in range(5)}
    pack(folder / "x.archive", members)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    urls = {name: f"{address}/x.archive#{name}" for name in files}
    asked = []
    monkeypatch.setattr(QuietHandler, "log_request", lambda self, *_: asked.append(self.path))
    paths = fetch(Dataset("many", "Many", "CC0", files, urls, {}))
    assert [path.read_bytes() for path in paths] == list(members.values())
    assert asked == ["/x.archive"]
    assert sorted(leftovers(cache_folder())) == sorted(paths)


def test_a_broken_archive(site):
    folder, address = site
    (folder / "x.zip").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="archive does not hold"):
        fetch(made_up(f"{address}/x.zip#b.txt"))
    assert leftovers(cache_folder()) == []
