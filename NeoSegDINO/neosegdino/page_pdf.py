"""A page as PDF, laid out by reportlab."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Image, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from neosegdino.page import NO_FLAGS, TITLE, Lines, Page
from neosegdino.page_letters import BOLD, FONT, Letters, find_letters

_MARGIN = 14 * mm
_PADDING = 6
"""Which reportlab leaves inside the margins on either side."""
_WIDTH = A4[0] - 2 * _MARGIN - 2 * _PADDING
_INK, _DIM, _LINE = colors.HexColor("#1b1c1f"), colors.HexColor("#55585f"), colors.HexColor("#dddfe3")
_AMBER, _RED = colors.HexColor("#8a4b00"), colors.HexColor("#b3261e")
_TEXT = ParagraphStyle("text", fontName=FONT, fontSize=8.5, leading=11.5, textColor=_INK)
_SMALL = ParagraphStyle("small", _TEXT, fontSize=7.5, leading=10, textColor=_DIM)
_NAME = ParagraphStyle("name", _TEXT, textColor=_DIM)
_CODE = ParagraphStyle("code", _TEXT, fontName=BOLD, fontSize=8, textColor=_AMBER)
_NUMBER = ParagraphStyle("number", _TEXT, alignment=2)
_BOLD_NUMBER = ParagraphStyle("head", _NUMBER, fontName=BOLD)
_USE = ParagraphStyle("use", _TEXT, fontName=BOLD, textColor=_RED, spaceBefore=4, spaceAfter=8)
_TITLE = ParagraphStyle("title", _TEXT, fontName=BOLD, fontSize=15, leading=19)
_HEADING = ParagraphStyle("heading", _TEXT, fontName=BOLD, fontSize=10, spaceBefore=10, spaceAfter=3)


def write(page: Page, path: Path) -> None:
    """Write a page."""
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=f"{page.subject}: {TITLE}".encode("utf-8", "backslashreplace").decode(),
        author="NeoSegDINO",
    )
    lines = (*page.figures, *page.flags, *page.facts)
    texts = (page.subject, page.research_use, *page.sources, *(cell for line in lines for cell in line))
    document.build(_Layout(find_letters("".join(texts))).parts(page))


class _Layout:
    """Puts the parts of a page below one another."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters

    def parts(self, page: Page) -> list[Any]:
        """All of them, from top to bottom."""
        return [
            Paragraph(TITLE, _TITLE),
            self._text(page.subject, _NAME),
            *(self._text(note, _SMALL) for note in self._letters.notes),
            self._text(page.research_use, _USE),
            _picture(page),
            Paragraph("Figures", _HEADING),
            self._figures(page.figures),
            Spacer(1, 3),
            *(self._text(source, _SMALL) for source in page.sources),
            Paragraph("To look at", _HEADING),
            self._pairs(page.flags, _CODE) if page.flags else self._text(NO_FLAGS, _TEXT),
            Paragraph("How it was made", _HEADING),
            self._pairs(page.facts, _NAME),
        ]

    def _text(self, text: str, style: ParagraphStyle) -> Paragraph:
        return Paragraph(self._letters.markup(text), style)

    def _figures(self, lines: Lines) -> Table:
        head, *rest = lines
        cells = [[self._text(cell, _BOLD_NUMBER) for cell in head]]
        cells += [[self._text(name, _TEXT), *(self._text(cell, _NUMBER) for cell in values)] for name, *values in rest]
        return _table(cells, (_WIDTH - 70 * mm, 35 * mm, 35 * mm))

    def _pairs(self, lines: Lines, style: ParagraphStyle) -> Table:
        cells = [[self._text(name, style), self._text(text, _TEXT)] for name, text in lines]
        return _table(cells, (42 * mm, _WIDTH - 42 * mm))


def _picture(page: Page) -> Image:
    stream = io.BytesIO()
    page.picture.save(stream, format="PNG")
    stream.seek(0)
    return Image(stream, width=_WIDTH, height=_WIDTH * page.picture.height / page.picture.width)


def _table(cells: list[list[Paragraph]], widths: tuple[float, ...]) -> Table:
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    return Table(cells, widths, style=TableStyle(style), hAlign="LEFT")
