"""Text in PDFs: Noto Sans, and its Chinese, Japanese and Korean sisters where it lacks a character.

The fonts come from the package rendercv-fonts; only the glyphs that are used go into a document.
Scripts that need shaping (Arabic, Devanagari…) and emoji are not among them: each such character
is shown as a replacement character.
"""

import threading
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import groupby

from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont

REGULAR = "NotoSans-Regular"
BOLD = "NotoSans-Bold"
_FALLBACKS = ("NotoSansSC-Regular", "NotoSansJP-Regular", "NotoSansKR-Regular")
_REPLACEMENT = "\ufffd"

_loading = threading.RLock()
_loaded: dict[str, TTFont] = {}


def font(name: str) -> TTFont:
    """One object per font for all threads: a document being written keeps its glyphs in it."""
    found = _loaded.get(name)
    if found is None:
        with _loading:
            if name not in _loaded:
                path = files("rendercv_fonts") / "Noto Sans" / f"{name}.ttf"
                registerFont(loading := TTFont(name, str(path)))
                _loaded[name] = loading
            found = _loaded[name]
    return found


for _name in (REGULAR, BOLD):
    font(_name)


def printable(text: str) -> str:
    """`text` on one line: composed, without control characters (those of direction as well), and
    with a replacement for what no font has."""
    line = unicodedata.normalize("NFC", text)
    if not line.isprintable():
        line = "".join([c if c.isprintable() else " " for c in line])
    line = " ".join(line.split())
    if line.isascii():
        return line
    return "".join([c if _font_of(c) is not None else _REPLACEMENT for c in line])


@cache
def _font_of(char: str) -> str | None:
    names = (REGULAR, *_FALLBACKS)
    return next((name for name in names if ord(char) in font(name).face.charToGlyph), None)


def runs(text: str, preferred: str = REGULAR) -> Iterator[tuple[str, str]]:
    """`text` in pieces, each with the font that has all of its characters."""
    if text.isascii():
        yield preferred, text
        return
    for name, chars in groupby(text, key=lambda char: _glyph(char, preferred)[0]):
        yield name, "".join(chars)


@cache
def _glyph(char: str, preferred: str) -> tuple[str, float]:
    """The font of `char`, and its width at a size of 1 point."""
    has = ord(char) in font(preferred).face.charToGlyph
    name = preferred if has else _font_of(char) or preferred
    face = font(name).face
    return name, face.charWidths.get(ord(char), face.defaultWidth) / 1000


def width_of(text: str, size: float, preferred: str = REGULAR) -> float:
    """In points, at `size` points."""
    return size * sum([_glyph(char, preferred)[1] for char in text])


def wrapped(text: str, width: float, size: float) -> list[str]:
    """`text` in lines of at most `width` points, broken at spaces, and within a word that is
    longer than a line."""
    if width_of(text, size) <= width:
        return [text] if text else []
    lines = [""]
    room = width
    space = width_of(" ", size)
    for word in text.split():
        for piece in _broken(word, width, size):
            needed = width_of(piece, size)
            if lines[-1] and space + needed > room:
                lines.append("")
                room = width
            gap, needed = (" ", space + needed) if lines[-1] else ("", needed)
            lines[-1] += gap + piece
            room -= needed
    return lines


def _broken(word: str, width: float, size: float) -> list[str]:
    """`word`, or pieces of it that fit on a line."""
    pieces = [""]
    room = width
    for char in word:
        needed = size * _glyph(char, REGULAR)[1]
        if pieces[-1] and needed > room:
            pieces.append("")
            room = width
        pieces[-1] += char
        room -= needed
    return pieces
