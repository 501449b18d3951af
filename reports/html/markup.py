"""A report's markdown as HTML: the same words and figures, in the same order."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

# The only tags that a report writes itself. All others are text, whoever wrote them.
OWN = re.compile(
    r'(</?details>|<summary>[^<>]*</summary>|<a id="[\w-]+">|</a>|\s)+',
)
CHART = "chart"  # a token of ours, in the place of an image


class Heading(NamedTuple):
    """A heading of the second level, and its place in the page."""

    place: str
    text: str


class Html(NamedTuple):
    """A report as HTML, and its headings."""

    title: str
    body: str
    headings: tuple[Heading, ...]


def html(text: str, charts: Mapping[str, str]) -> Html:
    """Markdown as HTML; `charts` has by an image's file the HTML that takes its place."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    for name, rule in RULES.items():
        reader.add_render_rule(name, rule)
    tokens = reader.parse(text)
    title, headings = "", []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            words = _plain(inline)
            opening.attrSet("id", _place(words))
            if opening.tag == "h1":
                title = words
            elif opening.tag == "h2":
                headings.append(Heading(_place(words), words))
    _name_tables(tokens)
    found = _with_charts(tokens, charts)
    return Html(title, reader.renderer.render(found, reader.options, {}), tuple(headings))


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or [])


def _place(words: str) -> str:
    """A heading's anchor as GitHub makes it, since the report's own links name that."""
    return re.sub(r"[^\w -]", "", words.lower()).replace(" ", "-")


def _name_tables(tokens: Sequence[Token]) -> None:
    """Each table gets the words above it as its name, for whoever hears the page."""
    above = ""
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            above = _plain(token)
        elif before.type == "html_block" and (found := re.search("<summary>(.*)<", before.content)):
            above = found[1]
        if token.type == "table_open":
            token.meta["name"] = above


def _with_charts(tokens: Sequence[Token], charts: Mapping[str, str]) -> list[Token]:
    found: list[Token] = []
    skipped = 0
    for place, token in enumerate(tokens):
        if skipped:
            skipped -= 1
            continue
        image = _image(tokens[place + 1]) if token.type == "paragraph_open" else None
        if image is None:
            found.append(token)
        else:
            found.append(Token(CHART, "", 0, content=charts.get(image, "")))
            skipped = 2
    return found


def _image(inline: Token) -> str | None:
    """The file of a paragraph that is an image and nothing else."""
    children = inline.children or []
    if len(children) != 1 or children[0].type != "image":
        return None
    return str(children[0].attrGet("src"))


def _own(
    _: RendererHTML, tokens: Sequence[Token], place: int, _options: OptionsDict, _env: object
) -> str:
    content = tokens[place].content
    return content if OWN.fullmatch(content) else escape(content)


def _opened(
    _: RendererHTML, tokens: Sequence[Token], place: int, _options: OptionsDict, _env: object
) -> str:
    # wider than a phone: it scrolls by itself, and by keys
    name = escape(tokens[place].meta["name"])
    return f'<div class="wide" role="region" tabindex="0" aria-label="{name}"><table>\n'


def _closed(
    _: RendererHTML, _tokens: Sequence[Token], _place: int, _options: OptionsDict, _env: object
) -> str:
    return "</table></div>\n"


def _raw(
    _: RendererHTML, tokens: Sequence[Token], place: int, _options: OptionsDict, _env: object
) -> str:
    return tokens[place].content


RULES = {
    "html_block": _own,
    "html_inline": _own,
    "table_open": _opened,
    "table_close": _closed,
    CHART: _raw,
}
