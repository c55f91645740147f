"""Plain text: bytes of any encoding become UTF-8, and how the encoding was chosen is told."""

import codecs
import re

from charset_normalizer import from_bytes

from provenance.errors import BookError
from provenance.readers.document import Document
from provenance.readers.gutenberg import declared_encoding

SAMPLE = 256 << 10  # bytes that an encoding is guessed from
BOMS = (  # of 32 bits first: theirs begin with those of 16
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
GUESSES = (
    "utf_8 cp1252 mac_roman utf_16",
    "cp1251 koi8_r cp1250 iso8859_2 cp1253 cp1254 cp1255 cp1256 cp1257 cp866 cp437 cp850",
    "cp932 euc_jp",
    "gb18030 big5 cp949",
)
"""Sets to choose from, in this order. With all of them at once, charset-normalizer takes French in cp1252 for cp1257
and Japanese for Korean."""
JAPANESE = ("cp932", "euc_jp")  # Korean and Chinese can be read as that, but give no kana
MAGIC = ((b"%PDF-", "a PDF"), (b"PK\x03\x04", "a zip file or EPUB"), (b"\x1f\x8b", "a gzip file"), (b"PAR1", "Parquet"))
NO_CHARSETS = ("utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape")  # that Python takes for some
MOST_CONTROLS = 0.01  # of bytes: text has tabs and line ends, and those are not counted

_CONTROLS = bytes(set(range(32)) - set(b"\t\n\x0b\x0c\r\x1a\x1b"))
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_VALID = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def read_text(data: bytes) -> Document:
    """The text of a `.txt` file; raises BookError for what is no text."""
    text, encoding = to_utf8(data, declared_encoding(data))
    return Document(text, "txt", encoding)


def to_utf8(data: bytes, declared: str = "") -> tuple[bytes, str]:
    """The same text in UTF-8 without a byte order mark, and its encoding with how it was chosen.

    In this order: byte order mark, `declared`, strict UTF-8, guess. Text in UTF-8 with a few bytes that are none stays
    as it is. Raises BookError for what is no text.
    """
    for bom, codec in BOMS:
        if data.startswith(bom):
            return data.decode(codec, errors="replace").encode(), f"{codec.removesuffix('-sig')} (byte order mark)"
    if sixteen := _without_mark(data):
        return data.decode(sixteen, errors="replace").encode(), f"{sixteen} (guessed)"
    refuse_binary(data)
    valid, broken = _utf8_census(data)
    if not broken and (valid or not declared):
        return data, "utf-8 (strict)"  # another declaration is wrong: no other text happens to be UTF-8
    codec = _text_codec(declared)
    if codec and (text := _strictly(data, codec)) is not None:
        return text, f"{codec} (declared)"
    if not broken:
        return data, "utf-8 (strict)"
    if valid >= broken:
        return data, "utf-8 (some bytes invalid)"
    return _guessed(data)


def refuse_binary(data: bytes) -> None:
    """Raise BookError for what is no text by its first bytes or by its control characters."""
    for magic, name in MAGIC:
        if data.startswith(magic):
            raise BookError(f"it is no text but {name}: give it the suffix of what it is")
    sample = data[:SAMPLE]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls > MOST_CONTROLS * len(sample):
        raise BookError(f"it is no text: {controls:,} of its first {len(sample):,} bytes are control characters")


def _without_mark(data: bytes) -> str:
    """UTF-16 that does not say so: every other byte of much text is zero."""
    even, odd, size = data[:4096:2].count(0), data[1:4096:2].count(0), min(len(data), 4096)
    if odd > size // 5 and even <= size // 200:
        return "utf-16-le"
    return "utf-16-be" if even > size // 5 and odd <= size // 200 else ""


def _strictly(data: bytes, codec: str) -> bytes | None:
    try:
        return data.decode(codec).encode()
    except (UnicodeError, ValueError):
        return None


def _text_codec(name: str) -> str:
    """The Python name of a declared encoding that is worth a try; Latin-1 is windows-1252, as browsers take it."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    if not codec._is_text_encoding or codec.name.replace("-", "_") in NO_CHARSETS:
        return ""
    return {"iso8859-1": "cp1252", "ascii": "", "utf-8": ""}.get(codec.name, codec.name)


def _utf8_census(data: bytes) -> tuple[int, int]:
    """How many characters beyond ASCII the text has, read as UTF-8, and how many bytes beyond ASCII are none."""
    try:
        return len(data.decode()) < len(data), 0
    except UnicodeDecodeError:
        rest, valid = _VALID.subn(b"", data)
        return valid, len(rest) - len(_BEYOND_ASCII.sub(b"", rest))


def _guessed(data: bytes) -> tuple[bytes, str]:
    for candidates in GUESSES:
        best = from_bytes(data[:SAMPLE], cp_isolation=candidates.split(), enable_fallback=False).best()
        text = None if best is None else _strictly(data, best.encoding)
        if best and text is not None and (not best.encoding.startswith(JAPANESE) or _has_kana(text)):
            return text, f"{best.encoding} (guessed)"
    return data, "utf-8 (some bytes invalid)"


def _has_kana(text: bytes) -> bool:
    characters = text[:SAMPLE].decode(errors="ignore")
    return sum("\u3041" <= character <= "\u30fe" for character in characters) > len(characters) // 20
