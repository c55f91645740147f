"""EPUB: a zip file of XHTML chapters, which its package file (OPF) lists, orders and describes."""

import html
import posixpath
import re
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml import etree

from provenance.errors import BookError
from provenance.readers.document import Document
from provenance.readers.html import DUBLIN_CORE, PlainText, parsed, text_of
from provenance.readers.limits import Limits
from provenance.readers.metadata import isbn13
from provenance.readers.text import to_utf8
from provenance.readers.unpacking import SafeZip

Element = Any  # lxml has no types
CONTAINER = "META-INF/container.xml"
PACKAGE_TYPE = "application/oebps-package+xml"
TEXT_TYPES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml")
FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Hides fonts from being copied out of a book; it is no protection of the book."""
DRM_FILES = ("META-INF/rights.xml", "META-INF/sinf.xml", "META-INF/license.lcpl")
OPF = "{http://www.idpf.org/2007/opf}"
OPS = "{http://www.idpf.org/2007/ops}"  # the namespace whose prefix is `epub:` by custom
ENTITIES = "its XML declares entities, by which little can expand to much: they are refused"

_DECLARES_ENTITY = re.compile(rb"<!DOCTYPE[^>\[]*\[[^\]]*<!ENTITY")
_XML_ENCODING = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")


def read_epub(data: bytes, limits: Limits) -> Document:
    """Text in reading order, and metadata; raises BookError for DRM, damage, bombs and hostile XML."""
    book = SafeZip(BytesIO(data), len(data), limits)
    for name in DRM_FILES:
        if name in book:
            raise BookError(f"it is protected by DRM ({name}): only its owner's reader can open it")
    folder, package = _package(book)
    items = {item.get("id"): item for item in _all(package, "item")}
    refs = [ref.get("idref") for ref in _all(package, "itemref")]
    spine = [items[ref] for ref in refs if ref in items]
    names = [(_resolve(folder, item.get("href") or ""), item) for item in spine]
    _refuse_drm(book, {name for name, _ in names})
    chapters, size = [], 0
    notes = [f"its reading order names {ref}, which it does not list" for ref in refs if ref not in items]
    for name, item in names:
        if "nav" in (item.get("properties") or "").split():
            continue
        if item.get("media-type") not in TEXT_TYPES:
            notes.append(f"{name} is {item.get('media-type') or 'of no type'} and was not read")
        elif name not in book:
            notes.append(f"{name} is missing")
        else:
            chapters.append(_chapter(_member(book, name), limits))
            size += len(chapters[-1])
            limits.check_text(size)
    if not names:
        raise BookError("its package file lists no chapter")
    if not chapters and notes:
        raise BookError(f"none of its chapters could be read: {'; '.join(notes[:3])}")
    text = "\n\n".join(chapter for chapter in chapters if chapter.strip())
    return Document(text.encode(), "epub", "as its XML declares", _facts(package), tuple(notes))


def _member(book: SafeZip, name: str) -> bytes:
    try:
        return book.read(name)
    except BookError as error:
        raise BookError(f"its member {name}: {error}") from error


def parse_xml(data: bytes) -> Element:
    """The root of an XML file; raises etree.XMLSyntaxError, and BookError for declared entities. No file is fetched."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, recover=False)
    if _DECLARES_ENTITY.search(data):
        raise BookError(ENTITIES)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if "entity" in (error.msg or "") and "amplification" in error.msg:
            raise BookError(ENTITIES) from error
        raise
    dtd = root.getroottree().docinfo.internalDTD  # of a file in UTF-16, whose bytes say nothing to a search
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise BookError(ENTITIES)
    return root


def _package(book: SafeZip) -> tuple[str, Element]:
    """The package file and the folder that its names are relative to."""
    path = ""
    if CONTAINER in book:
        roots = _all(_parse(book, CONTAINER), "rootfile")
        path = next((root.get("full-path") or "" for root in roots if root.get("media-type") == PACKAGE_TYPE), "")
    path = path or next((name for name in book.names if name.lower().endswith(".opf")), "")
    if path not in book:
        raise BookError(f"it is no EPUB: it has no package file{' ' + path if path else ''}")
    return posixpath.dirname(path), _parse(book, path)


def _parse(book: SafeZip, name: str) -> Element:
    data = _member(book, name)
    try:
        return parse_xml(data)
    except etree.XMLSyntaxError as error:
        raise BookError(f"its member {name} is no XML: {error.msg}") from error
    except BookError as error:
        raise BookError(f"{name}: {error}") from error


def _all(root: Element, name: str) -> list[Element]:
    """Elements of a local name, whatever their namespace: real books have wrong ones."""
    return [element for element in root.iter(f"{{*}}{name}") if isinstance(element.tag, str)]


def _resolve(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(urlsplit(href).path)))


def _refuse_drm(book: SafeZip, spine: set[str]) -> None:
    """Raise BookError when a chapter is encrypted; obfuscated fonts are none of our business."""
    if "META-INF/encryption.xml" not in book:
        return
    for encrypted in _all(_parse(book, "META-INF/encryption.xml"), "EncryptedData"):
        methods = [method.get("Algorithm") for method in _all(encrypted, "EncryptionMethod")]
        names = {_resolve("", reference.get("URI") or "") for reference in _all(encrypted, "CipherReference")}
        if spine & names and not set(methods) <= set(FONT_OBFUSCATION):
            raise BookError(f"it is protected by DRM ({sorted(spine & names)[0]} is encrypted)")


def _chapter(data: bytes, limits: Limits) -> str:
    """Text of one chapter: as the XML it should be, or as browsers read it where it is none."""
    try:
        root = parse_xml(data)
    except etree.XMLSyntaxError:
        declared = _XML_ENCODING.match(data[:400])
        utf8, _ = to_utf8(data, declared.group(1).decode() if declared else "")
        return text_of(parsed(utf8), limits)
    return text_of_xml(root, limits)


def text_of_xml(root: Element, limits: Limits) -> str:
    """The text of an XHTML tree. Entities of HTML that no declaration explains are read as HTML's."""
    out, todo = PlainText(limits), [root]  # of what is to do, the next is the last
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):  # the end of an element, and the text behind it
            out.end(node[0])
            out.text(node[1])
        elif isinstance(node.tag, str):
            tag = etree.QName(node).localname.lower()
            if out.begin(tag, {name.replace(OPS, "epub:"): value for name, value in node.attrib.items()}):
                out.text(node.text or "")
            todo += [(tag, node.tail or ""), *reversed(node)]
        else:
            out.text(html.unescape(node.text) if node.tag is etree.Entity else "")
            out.text(node.tail or "")
    return out.result()


def _facts(package: Element) -> dict[str, str]:
    """Dublin Core of the package file: the first of each, all creators that are authors, the first true ISBN."""
    facts: dict[str, str] = {}
    roles = {
        (meta.get("refines") or "")[1:]: (meta.text or "").strip()
        for meta in _all(package, "meta")
        if meta.get("property") == "role"
    }
    authors = []
    for name, fact in DUBLIN_CORE.items():
        for element in _all(package, name):
            value = " ".join((element.text or "").split())
            role = element.get(f"{OPF}role") or roles.get(element.get("id") or "", "")
            if name == "creator" and value and role in ("", "aut"):
                authors.append(value)
            elif name != "creator" and value:
                facts.setdefault(fact, value)
    if authors:
        facts["author"] = "; ".join(dict.fromkeys(authors))
    for identifier in [*_all(package, "identifier"), *_all(package, "source")]:
        text = identifier.text or ""
        scheme = identifier.get(f"{OPF}scheme") or ""
        declared = scheme.lower() == "isbn" or "isbn" in text.lower()
        if (declared or re.fullmatch(r"\s*97[89][\d -]{10,14}\s*", text)) and (number := isbn13(text)):
            facts.setdefault("isbn", number)
    dates = [date for date in _all(package, "date") if date.get(f"{OPF}event") in (None, "publication")]
    if dates:
        facts["year"] = dates[0].text or ""
    return facts
