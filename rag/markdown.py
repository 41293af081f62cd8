"""An answer as HTML: Markdown from a language model, or quotes; citations become links.

A model's text is not trusted. It is rendered without raw HTML, then everything but a short list of
elements is removed, and only then are the citations of passages that exist made into links: a text
cannot say itself where `[1]` leads. Code is coloured by the classes of Pygments, and can be copied.
"""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import NamedTuple

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MOST_COLOURED = 100_000  # characters of code; more takes too long to be worth it


def _coloured(code: str, language: str, _attributes: str) -> str:
    """Code as HTML; "" when its language is not known, and it stays as it is."""
    if not language or len(code) > MOST_COLOURED:
        return ""
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return ""
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False, "highlight": _coloured})
    .enable(["table", "strikethrough"])
    .disable(["image", "reference"])
)
_INLINE = {"a", "br", "code", "em", "s", "span", "strong"}
_BLOCKS = {"blockquote", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul"}
_TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "span": {"class"}, "code": {"class"}}
_HEADING = re.compile(r"<(/?)h([12])>")
_CODE = re.compile(r'<pre>(<code(?: class="language-([^"]*)")?>.*?</code>)</pre>', re.DOTALL)
_TAG = re.compile(r"(<[^>]*>)")
_CITATION = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_VERBATIM = ("a", "code", "pre")


class Source(NamedTuple):
    """Where a citation leads, and its place in words."""

    url: str
    words: str


def render_answer(text: str, sources: Mapping[int, Source]) -> SafeString:
    """Markdown to safe HTML, its `[n]` linked where passage n exists."""
    return _safe(_MARKDOWN.render(text), sources)


def render_blocks(text: str, sources: Mapping[int, Source]) -> list[tuple[int, SafeString]]:
    """The top-level blocks of a Markdown text: the line that each begins on, from 0, and its HTML.

    They are what they are without those before them: the end of a text can be rendered alone.
    """
    blocks: list[list[Token]] = []
    for token in _MARKDOWN.parse(text):
        if token.level == 0 and token.nesting >= 0:
            blocks.append([])
        blocks[-1].append(token)
    return [
        (block[0].map[0] if block[0].map else 0, _safe(_render(block), sources)) for block in blocks
    ]


def _render(tokens: list[Token]) -> str:
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _safe(html: str, sources: Mapping[int, Source]) -> SafeString:
    html = _HEADING.sub(r"<\1h3>", html)
    clean = nh3.clean(
        html,
        tags=_INLINE | _BLOCKS | _TABLES,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(_framed("".join(_linked(clean, sources))))


def _framed(html: str) -> str:
    """Code under a line with its language and a button to copy it; wide tables can be scrolled."""
    html = html.replace("<table>", '<div class="table" tabindex="0"><table>')
    return _CODE.sub(_code, html.replace("</table>", "</table></div>"))


def _code(found: re.Match[str]) -> str:
    language = escape(unescape(found[2] or "")[:30])
    return (
        f'<div class="code" dir="ltr"><p class="code-head"><span>{language}</span>'
        '<button type="button" class="quiet needs-script" data-copy-code>Copy</button></p>'
        f'<pre tabindex="0">{found[1]}</pre></div>'
    )


def render_quotes(text: str, sources: Mapping[int, Source]) -> SafeString:
    """Sentences as they stand in the documents: no markup in them means anything."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    html = "".join(f"<p>{escape(part)}</p>" for part in paragraphs)
    return mark_safe("".join(_linked(html, sources)))


def cited(text: str, sources: Mapping[int, Source]) -> set[int]:
    """The ranks of the passages that an answer cites."""
    ranks = {int(rank) for found in _CITATION.finditer(text) for rank in found[1].split(",")}
    return ranks & sources.keys()


def _linked(html: str, sources: Mapping[int, Source]) -> Iterator[str]:
    """The HTML with citations linked, except inside links and code."""
    inside = 0
    for part in _TAG.split(html):
        if part.startswith("<"):
            name = part.strip("</>").split(" ", 1)[0]
            if name in _VERBATIM:
                inside += -1 if part.startswith("</") else 1
            yield part
        elif inside:
            yield part
        else:
            yield _CITATION.sub(lambda found: _links(found, sources), part)


def _links(found: re.Match[str], sources: Mapping[int, Source]) -> str:
    ranks = [int(rank) for rank in found[1].split(",")]
    if not all(rank in sources for rank in ranks):
        return found[0]
    return "".join(
        format_html(
            '<a class="citation" href="{}" title="{}" aria-label="Source {}: {}">[{}]</a>',
            sources[rank].url,
            sources[rank].words,
            rank,
            sources[rank].words,
            rank,
        )
        for rank in ranks
    )
