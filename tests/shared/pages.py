"""A check of HTML pages: whole, and loading nothing."""

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "link"}
LOADS = re.compile(r"https?:|//[a-z]|@import|<script|<link|<img|<iframe|url\((?!#)", re.IGNORECASE)


class Checker(HTMLParser):
    """Fails where tags are not closed in order, or an id or an attribute occurs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.used: set[str] = set()
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.attributes(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes(attrs)

    def attributes(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value is not None:
                assert value not in self.ids
                self.ids.add(value)
            self.used |= set(re.findall(r"url\(#([^)]+)\)", value or ""))
            if name.endswith("href"):
                assert (value or "").startswith("#")
                self.used.add((value or "")[1:])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.data += data


def checked(html: str) -> str:
    """The text of a page, after a check that it is whole and loads nothing."""
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    assert checker.used <= checker.ids
    assert not LOADS.search(html), LOADS.search(html)
    return checker.data


def section(page: str, title: str) -> str:
    """The part of a page under a heading."""
    head = f"<h2>{title}</h2>"
    assert head in page, title
    return page.partition(head)[2].partition("</section>")[0]
