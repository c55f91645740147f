"""What elements mean for the words of a book, in HTML and in the XHTML of an EPUB alike."""

from __future__ import annotations

import html
import io
import random
import re
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import XHTML, as_epub, as_html, as_zip, only

from provenance.errors import BookError
from provenance.readers.epub import parse_xml, read_epub, text_of_xml
from provenance.readers.html import parsed, read_html, text_of
from provenance.readers.limits import Limits
from provenance.text.reference import words

CASES = [
    ("<p>One</p><p>two</p>", "One\n\ntwo"),
    ("<p>line<br/>break</p>", "line\nbreak"),
    ('<p><span class="drop">O</span>nce <small>UPON</small> a<b>time</b></p>', "Once UPON atime"),
    ("<p>a <i>b</i> c<i> d</i></p>", "a b c d"),
    ("<p>a\n   b\tc</p>", "a b c"),
    ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
    ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1\t2\n3"),
    ("<p>note<sup>12</sup> and 1<sup>st</sup> and x<sub>2</sub></p>", "note 12 and 1st and x2"),
    ("<p><ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>字</p>", "漢字"),
    ("<p>soft\u00adhyphen</p>", "soft\u00adhyphen"),
    ("<pre>kept\n   as it is</pre>", "kept\n   as it is"),
    ("<p>a</p><script>no()</script><style>p{}</style><p>b</p>", "a\n\nb"),
    ("<nav><p>menu</p></nav><p>text</p>", "text"),
    ('<p>be<span class="pagenum">[Pg 12]</span>fore</p>', "before"),
    ('<p hidden="">unseen</p><p>seen</p>', "seen"),
    ("<h1>Title<a class='headerlink' href='#t'>¶</a></h1><p>x</p>", "Title\n\nx"),
    ("<div>a<div>b</div>c</div>", "a\n\nb\n\nc"),
    ("<p>&lt;b&gt; &amp; &#233; &#x2014;</p>", "<b> & é —"),
    ("<p>a<!-- no -->b</p>", "ab"),
    ("<p>x<svg><title>no</title><text>no</text></svg>y</p>", "xy"),
]


@pytest.mark.parametrize(("body", "expected"), CASES)
def test_html_and_xhtml_read_the_same(body, expected):
    assert text_of(parsed(f"<!DOCTYPE html><body>{body}</body>".encode()), Limits()) == expected
    assert text_of_xml(parse_xml(f"{XHTML}<body>{body}</body></html>".encode()), Limits()) == expected


def test_an_epub_drops_page_numbers_that_it_marks():
    body = '<p xmlns:epub="http://www.idpf.org/2007/ops">be<span epub:type="pagebreak" id="p12">12</span>fore</p>'
    assert text_of_xml(parse_xml(f"{XHTML}<body>{body}</body></html>".encode()), Limits()) == "before"


def test_entities_of_html_are_read_in_xhtml_that_names_its_document_type():
    doctype = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
    chapter = (
        f'{doctype}<html xmlns="http://www.w3.org/1999/xhtml"><body><p>caf&eacute;&nbsp;&mdash; x</p></body></html>'
    )
    assert text_of_xml(parse_xml(chapter.encode()), Limits()) == "café\u00a0— x"


def test_a_chapter_that_is_no_xml_is_read_as_browsers_do(tmp_path):
    book = only(as_epub(["a"], 1, {"OEBPS/c0.xhtml": "<p>caf&eacute; <b>not <p>closed"}), tmp_path / "a.epub")
    assert book.text.decode() == "café not\n\nclosed"


TREE = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12).map(html.escape),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>",
        st.sampled_from(["div", "b", "span", "em"]),
        st.lists(inner),
    ),
    max_leaves=12,
)


@given(TREE)
def test_whatever_the_tree_all_its_text_is_there_in_order_and_both_parsers_agree(tree):
    text = text_of(parsed(f"<!DOCTYPE html><body>{tree}</body>".encode()), Limits())
    assert text_of_xml(parse_xml(f"{XHTML}<body>{tree}</body></html>".encode()), Limits()) == text
    assert "".join(text.split()) == "".join(html.unescape(_without_tags(tree)).split())


def _without_tags(tree: str) -> str:
    for tag in ("div", "b", "span", "em"):
        tree = tree.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    return tree


@pytest.mark.parametrize(
    ("head", "encoding", "told"),
    [
        ("<meta charset=windows-1251>", "cp1251", "cp1251 (declared)"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8_r", "koi8-r (declared)"),
        ("", "utf-16", "utf-16 (byte order mark)"),
        ("", "utf-8", "utf-8 (strict)"),
        ("<meta charset=iso-8859-1>", "utf-8", "utf-8 (strict)"),  # the declaration is wrong
    ],
)
def test_html_is_decoded_by_mark_then_declaration_then_utf8(head, encoding, told):
    text = "Все счастливые семьи похожи друг на друга"
    document = read_html(f"<html><head>{head}</head><body><p>{text}".encode(encoding), Limits())
    assert (document.text.decode(), document.encoding) == (text, told)


def test_html_tells_title_author_language_and_isbn(tmp_path):
    head = '<meta name="author" content="A. Writer"><meta name="DC.identifier" content="ISBN 0-306-40615-2">'
    book = only(as_html(["x"]).replace("<head>", "<head>" + head).encode(), tmp_path / "a.html")
    assert (book.title, book.author, book.language, book.isbn) == ("A Title", "A. Writer", "en", "9780306406157")


def test_words_at_block_edges_never_join_and_inside_inline_elements_always_do():
    rng = random.Random(7)
    pieces, expected = [], []
    for number in range(500):
        block = rng.random() < 0.5
        tag = rng.choice(["p", "div", "li", "td", "h2", "blockquote"] if block else ["i", "b", "span", "small"])
        pieces.append(f"<{tag}>w{number}</{tag}>")
        expected.append("|" + f"w{number}" + "|" if block else f"w{number}")
    joined = "".join(expected).replace("|", " ").split()
    text = text_of_xml(parse_xml(f"{XHTML}<body>{''.join(pieces)}</body></html>".encode()), Limits())
    assert [word.folded.decode() for word in words(text.encode())] == joined


def test_the_number_of_a_note_stands_apart_also_as_a_link():
    for note in ('<sup><a href="#1">1</a></sup>', '<a href="#1"><sup>1</sup></a>', "<sup>1</sup>"):
        text = read_html(f"<p>beta{note} gamma</p>".encode(), Limits()).text.decode()
        assert "beta1" not in text


def test_an_epub_none_of_whose_chapters_can_be_read_has_failed():
    with zipfile.ZipFile(io.BytesIO(as_epub(["One."] * 3))) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    kept = {name: data for name, data in members.items() if not re.search(r"/c\d\.xhtml", name)}
    with pytest.raises(BookError, match="none of its chapters"):
        read_epub(as_zip(kept), Limits())
    kept["OEBPS/c1.xhtml"] = members["OEBPS/c1.xhtml"]
    document = read_epub(as_zip(kept), Limits())
    assert document.text.decode().strip() == "One."
    assert [note.endswith("c0.xhtml is missing") for note in document.notes] == [True, False]
