"""Reads a page of ours: a strict tree of its tags, tables as text, and what a real browser makes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

_VOID = {"meta", "link", "img", "br", "hr", "input"}
_CLOSES_P = {
    "p",
    "ul",
    "ol",
    "dl",
    "div",
    "table",
    "figure",
    "details",
    "section",
    "h1",
    "h2",
    "h3",
    "footer",
    "header",
}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag:
                    yield child
                yield from child.all(tag)

    def one(self, tag: str) -> Element:
        [found] = self.all(tag)
        return found

    @property
    def classes(self) -> list[str]:
        return (self.attributes.get("class") or "").split()

    @property
    def text(self) -> str:
        whole = "".join(child if isinstance(child, str) else child.text for child in self.children)
        return " ".join(whole.split())

    @property
    def rows(self) -> list[list[str]]:
        """Return the cells of a table, its head and foot included."""
        return [
            [cell.text for cell in row.children if isinstance(cell, Element)]
            for table in ([self] if self.tag == "table" else self.all("table"))
            for row in table.all("tr")
        ]

    def section(self, title: str) -> Element:
        """Return the section under a heading."""
        return next(each for each in self.all("section") if next(each.all("h2")).text.startswith(title))

    def has_section(self, title: str) -> bool:
        return any(next(each.all("h2")).text.startswith(title) for each in self.all("section"))


class _Strict(HTMLParser):
    """Builds the tree and refuses what a browser would have to mend."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack = [Element("")]
        self.tags: list[str] = []

    def _open(self, tag: str, attributes: list[tuple[str, str | None]]) -> Element:
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute: {names}"
        assert all(value is not None for _, value in attributes), f"<{tag}> has an attribute without a value"
        inside = {each.tag for each in self.stack}
        assert not (tag in _CLOSES_P and "p" in inside), f"<{tag}> inside <p>"
        element = Element(tag, dict(attributes))
        self.stack[-1].children.append(element)
        self.tags.append(tag)
        return element

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = self._open(tag, attrs)
        if tag not in _VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert any(each.tag == "svg" for each in self.stack), f"<{tag}/> closes itself outside of SVG"
        self._open(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack[-1].tag == tag, f"</{tag}> where <{self.stack[-1].tag}> is open"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"an unknown declaration: {data}")


def read_page(text: str) -> Element:
    """Return the root of a page. Fails where a tag is not closed, or closed by another."""
    assert text.startswith("<!DOCTYPE html>\n")
    parser = _Strict()
    parser.feed(text)
    parser.close()
    assert [each.tag for each in parser.stack] == [""], f"open at the end: {[each.tag for each in parser.stack]}"
    ids = [identity for tag in set(parser.tags) for each in parser.stack[0].all(tag) if (identity := _id(each))]
    assert len(ids) == len(set(ids)), f"an id is used twice: {ids}"
    return parser.stack[0].one("html")


def _id(element: Element) -> str | None:
    return element.attributes.get("id")


def tags(text: str) -> list[str]:
    """Return the names of all tags that are opened, in order, without judging."""
    found: list[str] = []

    class Collect(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append(tag)

    parser = Collect()
    parser.feed(text)
    parser.close()
    return found


@dataclass(frozen=True)
class Loaded:
    """What a browser made of a page: its tree as HTML, messages of its console, addresses that the page asked for."""

    dom: str
    console: list[str]
    requests: list[str]


def load_in_chromium(page: Path, scratch: Path) -> Loaded:
    """Load a page from disk in headless Chromium; skips, saying so, where there is none."""
    browser = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no chromium to open the page with; on Debian: apt install chromium")
    scratch.mkdir(parents=True)
    log = scratch / "net.json"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    # The browser's own services find nobody; only this machine has a name.
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", f"--user-data-dir={scratch / 'profile'}"]
    flags += ["--enable-logging=stderr", f"--log-net-log={log}", "--dump-dom"]
    done = subprocess.run(
        [browser, *flags, page.resolve().as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    asked = [each["params"] for each in events if "url" in each.get("params", {})]
    return Loaded(
        dom=done.stdout,
        console=[line for line in done.stderr.splitlines() if ":CONSOLE:" in line],
        # What the browser asks of itself has no origin.
        requests=sorted({each["url"] for each in asked if each.get("initiator") not in (None, "not an origin")}),
    )
