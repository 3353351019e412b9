"""Pictures for documents: few enough colours to be small files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

COLOURS = 256
PAPER_MARGIN = 30
"""Pixels left below the last line of a page."""


def shrink(path: Path) -> None:
    """Rewrite a picture with a palette that covers its colours (PNG)."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            path, optimize=True
        )


def crop_paper(path: Path) -> None:
    """Cut the empty lower part of a page off."""
    with Image.open(path) as picture:
        printed = ImageOps.invert(picture.convert("L")).getbbox()
        bottom = picture.height if printed is None else min(picture.height, printed[3] + PAPER_MARGIN)
        picture.crop((0, 0, picture.width, bottom)).save(path)
