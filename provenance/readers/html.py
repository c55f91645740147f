"""HTML books, parsed as browsers do; and what elements mean for the words of a book, also one that is parsed as XML."""

import re
from collections.abc import Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode

from provenance.errors import BookError
from provenance.readers.document import Document
from provenance.readers.limits import Limits
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

DROPPED = frozenset(
    "script style head template nav noscript iframe object svg audio video canvas button select datalist "
    "rt rp annotation annotation-xml".split()
)
"""Elements that are not read out: code, navigation, controls, pronunciation beside the text."""

PARAGRAPHS = (
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hgroup hr html legend main menu ol p pre search section summary table ul "
    "caption colgroup tbody thead tfoot"
)
_BREAKS = dict.fromkeys(PARAGRAPHS.split(), "\n\n") | dict.fromkeys("br li tr option".split(), "\n")
_BREAKS |= {"td": "\t", "th": "\t"}
_WEIGHT = {"": 0, " ": 1, "\t": 2, "\n": 3, "\n\n": 4}  # of a break: the weightiest of several is written
INSIDE_SUPERSCRIPT = frozenset(("a", "span", "b", "i", "em", "small", "strong"))  # the number of a note may be a link
KEPT_AS_IS = frozenset(("pre", "listing", "textarea", "xmp"))

PAGE_NUMBERS = frozenset(("pagenum", "pageno", "page-number", "pagebreak"))
"""Classes by which Project Gutenberg and others mark numbers of printed pages inside the text."""
SIDE_ROLES = frozenset(("navigation", "search", "doc-pagebreak", "doc-toc", "doc-pagelist"))
SIDE_TYPES = frozenset(("pagebreak", "toc", "page-list", "landmarks"))  # of EPUB
PERMALINKS = frozenset(("headerlink", "anchorjs-link", "permalink"))  # the pilcrow behind headings of manuals

_SPACE = re.compile("[ \t\n\r\f]+")


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


class PlainText:
    """Gathers text between `begin` and `end` of elements: a blank line between blocks, nothing between inline ones."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: list[str] = []
        self._bytes = 0
        self._break = ""  # to be written before the next text: nothing, a space, a line end or a blank line
        self._dropped = self._kept = self._depth = 0
        self._superscript = False

    def begin(self, tag: str, attributes: Mapping[str, str | None]) -> bool:
        """An element begins; whether what is in it is read. `end` must follow all the same."""
        self._depth += 1
        if self._depth > self._limits.depth:
            raise BookError(f"its elements lie more than {self._limits.depth:,} deep in one another")
        if self._dropped or tag in DROPPED or (attributes and _aside(attributes)):
            self._dropped += 1
            return False
        self._wait(_BREAKS.get(tag, ""))
        if tag in KEPT_AS_IS:
            self._kept += 1
        self._superscript = tag == "sup" or (self._superscript and tag in INSIDE_SUPERSCRIPT)
        return True

    def end(self, tag: str) -> None:
        """The element ends."""
        self._depth -= 1
        if self._dropped:
            self._dropped -= 1
            return
        if tag in KEPT_AS_IS:
            self._kept -= 1
        if tag != "br":
            self._wait(_BREAKS.get(tag, ""))

    def text(self, text: str) -> None:
        """Text of the element that is open."""
        if self._dropped or not text:
            return
        if self._kept:
            self._write(text.replace("\r\n", "\n"))
            return
        words = _SPACE.sub(" ", text)
        if words[0] == " ":
            self._wait(" ")
        if inner := words.strip(" "):
            if self._superscript and inner[0] in "0123456789[(*†‡":
                self._wait(" ")  # a note or a power, which must not become part of the word before
            self._superscript = False
            self._write(inner)
            if words[-1] == " ":
                self._wait(" ")

    def result(self) -> str:
        """All the text."""
        return "".join(self._pieces)

    def _wait(self, mark: str) -> None:
        if _WEIGHT[mark] > _WEIGHT[self._break]:
            self._break = mark

    def _write(self, text: str) -> None:
        if self._break and self._pieces:
            self._pieces.append(self._break)
        self._break = ""
        self._pieces.append(text)
        self._bytes += len(text)
        self._limits.check_text(self._bytes)


def _aside(attributes: Mapping[str, str | None]) -> bool:
    """Whether an element says of itself that it is no text of the book."""
    classes = (attributes.get("class") or "").lower().split()
    return (
        "hidden" in attributes
        or (attributes.get("role") or "").lower() in SIDE_ROLES
        or not SIDE_TYPES.isdisjoint((attributes.get("epub:type") or "").split())
        or not PAGE_NUMBERS.isdisjoint(classes)
        or not PERMALINKS.isdisjoint(classes)
    )
