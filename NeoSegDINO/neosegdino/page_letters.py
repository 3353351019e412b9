"""Letters of a PDF page: its own font, fonts of this computer for what that lacks, and numbers for what none has."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

FONT, BOLD = "NeoSegDINO", "NeoSegDINO-Bold"
_OWN = {FONT: "Vera.ttf", BOLD: "VeraBd.ttf"}
"""The ones that come with reportlab: letters of western and central Europe."""
_ELSEWHERE = (
    *("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "arial.ttf", "segoeui.ttf"),
    *("Arial Unicode.ttf", "msyh.ttc", "simsun.ttc", "msjh.ttc", "msgothic.ttc", "malgun.ttf"),
    *("wqy-zenhei.ttc", "wqy-microhei.ttc", "DroidSansFallbackFull.ttf", "NanumGothic.ttf"),
)
"""Fonts of Linux, macOS and Windows that reportlab finds by name and can embed; those with all scripts come last."""
_FROM_RIGHT = {"R", "AL"}
_MARKS = {"Mn", "Mc"}
_NUMBERS = "Letters that no font here has are written as their Unicode numbers. The page as HTML shows the letters."
_ONE_BY_ONE = (
    "Letters that join or run from right to left stand one by one, in the order in which they are stored. "
    "The page as HTML shows them as they are written."
)


@dataclass(frozen=True)
class Letters:
    """How the letters of a page are written.

    Attributes
    ----------
    fonts : mapping of str to str
        Letters that the page's own font lacks, and the font that has them; empty where none has.
    notes : tuple of str
        What a reader should know of it.
    """

    fonts: Mapping[str, str]
    notes: tuple[str, ...]

    def markup(self, text: str) -> str:
        """Return a text as reportlab's paragraphs take it."""
        runs = itertools.groupby(unicodedata.normalize("NFC", text), lambda letter: self.fonts.get(letter, FONT))
        return "".join(_marked(font, "".join(run)) for font, run in runs)


def find_letters(text: str) -> Letters:
    """Find fonts for all that is on a page; other fonts are looked for only if its own does not do."""
    for name, file in _OWN.items():
        pdfmetrics.registerFont(TTFont(name, file))
    letters = {letter for letter in unicodedata.normalize("NFC", text) if not letter.isspace()}
    missing = letters - _known(pdfmetrics.getFont(FONT), letters)
    fonts: dict[str, str] = {}
    for number, file in enumerate(_ELSEWHERE):
        if not missing:
            break
        try:
            font = TTFont(f"{FONT}-{number}", file)
        except TTFError:  # not on this computer, or not of a kind that can be embedded
            continue
        if found := _known(font, missing):
            pdfmetrics.registerFont(font)
            fonts |= dict.fromkeys(found, font.fontName)
            missing -= found
    notes = {_NUMBERS: bool(missing), _ONE_BY_ONE: any(map(_joins, fonts))}
    return Letters(fonts | dict.fromkeys(missing, ""), tuple(note for note, holds in notes.items() if holds))


def _known(font: TTFont, letters: set[str]) -> set[str]:
    return {letter for letter in letters if ord(letter) in font.face.charToGlyph}


def _joins(letter: str) -> bool:
    return unicodedata.bidirectional(letter) in _FROM_RIGHT or unicodedata.category(letter) in _MARKS


def _marked(font: str, run: str) -> str:
    if not font:
        return "".join(f"[U+{ord(letter):04X}]" for letter in run)
    return escape(run) if font == FONT else f'<font name="{font}">{escape(run)}</font>'
