"""Opens every page of a built site in Chromium, at the width of a desk and of a phone.

    PYTHONPATH=tests/shared python site/check.py FOLDER [PAGE ...]

Prints what is wrong, a line each, and ends with 1 if anything is: errors of the console, content
wider than the page, pictures without a text in their place, text of too little contrast (WCAG AA)
in the light and the dark scheme, and words that the search does not find.
"""

import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from browser import Page

WIDTHS = (1280, 390)
SCHEMES = {"light": "default", "dark": "slate"}
WORDS = ("vanishing", "resume", "export")

_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_WITHOUT_TEXT = """[
  ...[...document.querySelectorAll(".md-content img")].filter(e => !(e.alt || "").trim()),
  ...[...document.querySelectorAll("figure svg")].filter(e => !e.getAttribute("aria-label")),
].length"""
_FAINT = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const read = text => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const kept = (map, key, make) => map.get(key) ?? (map.set(key, make(key)), map.get(key));
  const colours = new Map(), backs = new Map();
  const rgba = text => kept(colours, text, read);
  const over = (a, b) => b.map((v, i) => i < 3 ? a[i] * a[3] / 255 + v * (1 - a[3] / 255) : 255);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92
    : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => e ? kept(backs, e, () => over(rgba(getComputedStyle(e).backgroundColor),
    behind(e.parentElement))) : [255, 255, 255, 255];
  const found = new Set();
  for (const e of document.querySelectorAll("article *:not(svg *)")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    if (e.matches(".headerlink, math *") || !e.offsetParent) continue;
    const style = getComputedStyle(e), back = behind(e);
    const a = light(over(rgba(style.color), back)), b = light(back);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) found.add(`${e.className || e.tagName} ${ratio.toFixed(1)}`);
  }
  return [...found].join(", ");
})()"""

_FOUND = """[...document.querySelectorAll(".md-search-result__item mark")]
  .some(mark => mark.textContent.toLowerCase() === "{}")"""


def main(folder: Path, names: list[str]) -> int:
    """Check the pages of a site, all or those named; the exit status."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    pages = names or sorted(
        path.relative_to(folder).as_posix().removesuffix("index.html")
        for path in folder.glob("**/index.html")
    )
    problems = 0
    page = Page("about:blank")
    try:
        for name in pages:
            _open(page, f"{address}/{name}")
            for problem in of_page(page):
                problems += 1
                print(f"{name or 'home'}: {problem}", flush=True)
        for word in WORDS:
            page.call("Page.navigate", url=f"{address}/?q={word}")
            try:
                page.wait(_FOUND.format(word))
            except AssertionError:
                problems += 1
                print(f"the search does not find {word!r}", flush=True)
    finally:
        page.close()
        server.shutdown()
    print(f"{len(pages)} pages, {problems} problems")
    return int(problems > 0)


def of_page(page: Page) -> Iterator[str]:
    """What is wrong with the page that is open."""
    for width in WIDTHS:
        page.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        _settle(page)
        if (more := page.value(_TOO_WIDE)) > 0:
            yield f"{more} px wider than {width}"
    if count := page.value(_WITHOUT_TEXT):
        yield f"{count} pictures without a text in their place"
    for scheme, name in SCHEMES.items():
        page.value(f'document.body.setAttribute("data-md-color-scheme", "{name}")')
        _settle(page)
        if faint := page.value(_FAINT):
            yield f"too little contrast in the {scheme} scheme: {faint}"
    yield from (f"console: {str(error)[:200]}" for error in page.errors)
    page.errors.clear()


def _open(page: Page, address: str) -> None:
    page.call("Page.navigate", url=address)
    page.wait(
        f'location.href.startsWith("{address}") && document.readyState === "complete"', seconds=300
    )


def _settle(page: Page) -> None:
    """Wait until colours and menus have moved to where they belong."""
    page.value("document.body.offsetWidth")
    page.wait("document.getAnimations().every(each => each.playState !== 'running')")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
