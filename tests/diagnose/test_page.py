"""The page: whole, self-contained, and opened in a browser where there is one."""

import functools
import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import elman
from elman.diagnose.findings import Finding
from elman.diagnose.report import Diagnosis

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LOADS = re.compile(r"https?:|//[a-z]|@import|<script|<link|<img|<iframe|url\((?!#)", re.IGNORECASE)


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    torch.manual_seed(0)
    history = [
        {"step": i, "layers": {"LSTM, layer 0": {"rate": 0.6, "memory": 9.0}}, "warnings": ["<w>"]}
        for i in (1, 10)
    ]
    layer = elman.LSTM(3, 8, 2)
    with torch.no_grad():
        layer.bias_ih_l1[8:16] = -9.0
    return elman.diagnose(layer, torch.randn(40, 4, 3), chunk=8, history=history)


def test_the_page_loads_nothing_and_has_every_plot(found: Diagnosis, tmp_path: Path) -> None:
    page = found.to_html(tmp_path / "page.html").read_text("utf-8")
    assert not LOADS.search(page)
    assert page.count("<svg") == 2 + 2 * 5 + 1 + 3  # gradient, each layer, truncation, history
    for words in (
        *(
            "The gradient through time",
            "LSTM, layer 0",
            "LSTM, layer 1",
            "What truncation cuts off",
        ),
        *("During training", "&lt;w&gt;", "prefers-color-scheme:dark", "width=device-width"),
        "the forget gate of LSTM, layer 1 is shut",
    ):
        assert words in page
    assert found.to_html(tmp_path / "again.html").read_text("utf-8") == page


def test_remedies_name_pages_that_there_are(found: Diagnosis) -> None:
    from elman.diagnose import findings

    remedies = [each for each in vars(findings).values() if isinstance(each, findings.Remedy)]
    assert len(remedies) > 10
    assert all(isinstance(each, Finding) for each in found.findings)
    for remedy in remedies:
        name, _, anchor = remedy.page.partition("#")
        text = (ROOT / name).read_text("utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
        assert not anchor or anchor in anchors, remedy.page


class _Quiet(http.server.SimpleHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A folder on a port of this machine, so that what a page asks for can be seen."""
    _Quiet.asked = []
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_a_browser_shows_it(
    found: Diagnosis, tmp_path: Path, served: str, width: int, scheme: str
) -> None:
    found.to_html(tmp_path / "page.html")
    # the page measures itself from a frame of that width: a window cannot be as narrow as a phone
    frame = f"""<!DOCTYPE html><iframe id=f src=page.html width={width} height=900
      style="border:0;color-scheme:{scheme}"></iframe><pre id=out></pre><script>
      const f = document.getElementById("f");
      f.onload = () => {{
        const d = f.contentDocument, root = d.documentElement;
        const charts = [...d.querySelectorAll("svg")].map(s => s.getBoundingClientRect());
        document.getElementById("out").textContent = "measured " + [
          root.scrollWidth, charts.length, charts.every(c => c.width > 200 && c.height > 100),
          f.contentWindow.getComputedStyle(d.body).backgroundColor].join(" ");
      }};</script>"""
    (tmp_path / "frame.html").write_text(frame, "utf-8")
    (tmp_path / "favicon.ico").write_bytes(b"")
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--disable-extensions", "--disable-dev-shm-usage", "--virtual-time-budget=4000"),
        *("--enable-logging=stderr", "--v=0", f"--user-data-dir={tmp_path / 'profile'}"),
        *(f"--window-size={width + 100},1000", "--dump-dom", f"{served}/frame.html"),
    ]
    done = subprocess.run(
        [str(CHROMIUM), *options], capture_output=True, encoding="utf-8", timeout=90, check=False
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
    match = re.search(r"measured (\d+) (\d+) (\w+) rgb\((\d+), (\d+), (\d+)\)", done.stdout)
    assert match is not None, done.stdout[-500:] + done.stderr[-500:]
    across, charts, sized, *colour = match.groups()
    assert int(across) <= width  # nothing runs over to the right
    assert (charts, sized) == ("16", "true")
    assert (sum(map(int, colour)) < 200) == (scheme == "dark")
    assert set(_Quiet.asked) <= {"/frame.html", "/page.html", "/favicon.ico"}
