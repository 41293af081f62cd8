"""Answers as HTML: what a model writes is never trusted, and citations lead somewhere."""

import pytest

from rag.markdown import Source, cited, render_answer, render_quotes

SOURCES = {
    1: Source("/documents/a/?page=3&start=0&end=9#passage", "a.pdf, page 3"),
    2: Source("#source-2", 'the "second".txt, page 1'),
}


def test_markdown_becomes_html() -> None:
    html = render_answer("# Title\n\n**Bold** and `code`\n\n- one\n- two", {})
    assert "<h3>Title</h3>" in html
    assert "<strong>Bold</strong>" in html
    assert "<li>one</li>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "[click](data:text/html,hello)",
        '<a href="/" onclick="alert(1)" style="color:red">x</a>',
    ],
)
def test_what_could_act_is_never_an_element(text: str) -> None:
    html = render_answer(text, SOURCES)
    for danger in ("<script", "<img", "<a"):
        assert danger not in html, html


def test_a_picture_is_never_loaded() -> None:
    assert "<img" not in render_answer("![picture](https://elsewhere.example/?secret)", SOURCES)


def test_links_outside_say_nothing_of_us() -> None:
    html = render_answer("[site](https://example.org)", {})
    assert 'rel="noopener noreferrer nofollow"' in html


def test_a_citation_links_its_passage_and_says_where_that_is() -> None:
    html = render_answer("So it is [1].", SOURCES)
    assert 'href="/documents/a/?page=3&amp;start=0&amp;end=9#passage"' in html
    assert 'aria-label="Source 1: a.pdf, page 3"' in html
    assert ">[1]</a>" in html


def test_several_citations_in_one_bracket_are_several_links() -> None:
    assert render_answer("So [1, 2].", SOURCES).count('class="citation"') == 2


def test_what_is_quoted_in_a_name_cannot_leave_its_attribute() -> None:
    assert "the &quot;second&quot;.txt" in render_answer("So [2].", SOURCES)


@pytest.mark.parametrize("text", ["So [3].", "`x[1]`", "```\nx[1]\n```", "[1](https://a.example)"])
def test_what_is_no_citation_is_left_alone(text: str) -> None:
    assert "citation" not in render_answer(text, SOURCES)


def test_quotes_are_text_whatever_is_in_them() -> None:
    html = render_quotes("# <b>1 * 2 * 3</b> [1]\n\nSecond [2]", SOURCES)
    assert html.startswith("<p># &lt;b&gt;1 * 2 * 3&lt;/b&gt; <a ")
    assert html.count("<p>") == 2


def test_the_cited_passages_are_those_that_exist() -> None:
    assert cited("One [1]. Two [1, 2]. Nine [9].", SOURCES) == {1, 2}
