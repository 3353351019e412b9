"""A sheet of pictures: rows of panels under their titles, and a caption below."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

PAD = 16
BRIGHT = (236, 237, 240)
DIM = (150, 153, 160)
_BAND = 38
"""Height of a strip of text, in pixels."""
_SIZE = 18
_BACKGROUND = (16, 17, 20)
_SENTENCE = "Research use only. Not for diagnosis."

Color = tuple[int, int, int]
Text = tuple[str, Color]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Row = tuple[Sequence[Text], Sequence[Image.Image]]
"""Title and panels."""


def compose(rows: Sequence[Row], caption: Sequence[Text]) -> Image.Image:
    """Put the panels of each row side by side, their title above, and the caption below all rows.

    All rows have as many panels of one size.
    """
    first = rows[0][1]
    width = sum(panel.width + PAD for panel in first) + PAD
    height = first[0].height + _BAND
    sheet = Image.new("RGB", (width, len(rows) * height + _BAND), _BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    for number, (title, panels) in enumerate(rows):
        _write(pen, title, number * height + _BAND / 2, width)
        for place, panel in enumerate(panels):
            sheet.paste(panel, (PAD + place * (panel.width + PAD), number * height + _BAND))
    below = len(rows) * height + _BAND / 2
    _write(pen, caption, below, width)
    pen.text((width - PAD, below), _SENTENCE, DIM, font(_SIZE), "rm")
    return sheet


def rgb(color: tuple[float, float, float]) -> Color:
    """Colour in 0..1 as bytes."""
    red, green, blue = (round(value * 255) for value in color)
    return red, green, blue


def font(size: int) -> Font:
    """Return the font of all text."""
    return ImageFont.load_default(size)


def _write(pen: ImageDraw.ImageDraw, texts: Sequence[Text], y: float, width: int) -> None:
    """Write pieces of text one after the other; the first is shortened where they are too wide together."""
    letters = font(_SIZE)
    others = sum(int(letters.getlength(text)) + 2 * PAD for text, _ in texts[1:])
    x = PAD
    for number, (text, color) in enumerate(texts):
        shown = text if number else _shortened(text, letters, width - 2 * PAD - others)
        pen.text((x, y), shown, color, letters, "lm")
        x += int(letters.getlength(shown)) + 2 * PAD


def _shortened(text: str, letters: Font, width: int) -> str:
    """Return the text, with its middle left out when it is wider than `width` pixels."""
    half = len(text) // 2
    shown = text
    while half > 1 and letters.getlength(shown) > width:
        half -= 1
        shown = f"{text[:half]}\u2026{text[-half:]}"
    return shown
