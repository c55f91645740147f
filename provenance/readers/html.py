"""HTML books, parsed as browsers do."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from provenance.errors import BookError
from provenance.readers.document import Document
from provenance.readers.limits import Limits
from provenance.readers.markup import DROPPED, PlainText
from provenance.readers.text import BOMS, to_utf8

DECLARED_WITHIN = 4096  # bytes; browsers look at 1,024
MOST_UNCLOSED = 20_000
"""Elements open at once, about. The parser looks through all of them for each new one: 100,000 take it minutes."""

_DECLARED = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)|<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w.:-]+)",
    re.IGNORECASE,
)
_TAG = re.compile(rb"<(/?)[a-zA-Z][^>]{0,4096}?(/?)>")
_VOID = re.compile(  # and those that a next one closes
    rb"<(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|p|li|td|th|tr|dd|dt)\b", re.IGNORECASE
)
DUBLIN_CORE = {
    "title": "title", "creator": "author", "publisher": "publisher", "language": "language", "rights": "licence",
}  # fmt: skip
_FACTS = {f"{prefix}.{name}": fact for prefix in ("dc", "dcterms") for name, fact in DUBLIN_CORE.items()}
_FACTS |= {"author": "author", "book:author": "author", "isbn": "isbn", "book:isbn": "isbn"}
_FACTS |= {"dc.identifier": "isbn", "dc.date": "year"}


def read_html(data: bytes, limits: Limits) -> Document:
    """The text and facts of an HTML file; raises BookError for what is no HTML or nested beyond reason."""
    declared = _DECLARED.search(data[:DECLARED_WITHIN])
    named = (declared.group(1) or declared.group(2)).decode() if declared else ""
    marked = any(data.startswith(bom) for bom, _ in BOMS)
    utf8, encoding = to_utf8(data, "" if marked else named)
    tree = parsed(utf8)
    return Document(text_of(tree, limits).encode(), "html", encoding, _facts(tree))


def parsed(utf8: bytes) -> LexborHTMLParser:
    """The tree; raises BookError where it would be too deep to parse in time."""
    if (depth := _depth(utf8)) > MOST_UNCLOSED:
        raise BookError(f"it has {depth:,} elements open at once")
    return LexborHTMLParser(utf8.decode(errors="replace"))


def text_of(tree: LexborHTMLParser, limits: Limits) -> str:
    """The text of a tree. It is walked without recursion: depth is the file's choice."""
    out, todo = PlainText(limits), list[LexborNode | str | None]([tree.root])  # the next is the last
    while todo:
        node = todo.pop()
        if isinstance(node, str):  # the tag of an element that ends
            out.end(node)
        elif node is not None:
            tag = str(node.tag)
            if tag == "-text":
                out.text(node.text_content or "")
            elif not tag.startswith("-") and tag != "!doctype":
                todo.append(tag)
                if out.begin(tag, node.attributes if tag not in DROPPED else {}):
                    todo += reversed(list(node.iter(include_text=True)))
    return out.result()


def _depth(utf8: bytes) -> int:
    """The most start tags at once that no end tag has followed, void elements set aside: a bound, not a parse."""
    depth = most = 0
    for tag in _TAG.finditer(utf8):
        if tag.group(1):
            depth = max(depth - 1, 0)
        elif not tag.group(2) and not _VOID.match(tag.group()):
            depth += 1
            most = max(most, depth)
    return most


def _facts(tree: LexborHTMLParser) -> dict[str, str]:
    facts: dict[str, str] = {}
    for meta in tree.css("meta[content]"):
        name = (meta.attributes.get("name") or meta.attributes.get("property") or "").lower()
        if name in _FACTS:
            facts.setdefault(_FACTS[name], (meta.attributes.get("content") or "").strip())
    title = tree.css_first("head > title")
    if title is not None:
        facts.setdefault("title", " ".join(title.text().split()))
    if tree.root is not None and (language := tree.root.attributes.get("lang")):
        facts.setdefault("language", language)
    return facts
