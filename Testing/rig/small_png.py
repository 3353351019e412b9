"""Pictures for documents, as small files: ``python -m rig.small_png FILE...`` rewrites pictures of other origin."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageOps, ImageStat

LARGEST = 200_000
"""Bytes of a file."""
COLOURS = (256, 128, 64)
METHODS = (Image.Quantize.MAXCOVERAGE, Image.Quantize.FASTOCTREE)
"""The one keeps few colours as they are, the other keeps grey grey where colours are many."""
LARGEST_ERROR = 4.0
"""Of 255, in the mean: what a palette may take from the colours before the picture is made smaller instead."""
SMALLER = 0.75
PAPER_MARGIN = 30
"""Pixels left below the last line of a page."""


def shrink(path: Path) -> None:
    """Rewrite a picture (PNG) with the palette that costs least, and smaller where noise makes a large file of it."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    while not (fitting := [(error, file) for error, file in _palettes(picture) if len(file) <= LARGEST]):
        picture = picture.resize((round(picture.width * SMALLER), round(picture.height * SMALLER)))
    path.write_bytes(min(fitting)[1])


def crop_paper(path: Path) -> None:
    """Cut the empty lower part of a page off."""
    with Image.open(path) as picture:
        printed = ImageOps.invert(picture.convert("L")).getbbox()
        bottom = picture.height if printed is None else min(picture.height, printed[3] + PAPER_MARGIN)
        picture.crop((0, 0, picture.width, bottom)).save(path)


def _palettes(picture: Image.Image) -> Iterator[tuple[float, bytes]]:
    """Files of a picture with palettes that are near enough, and their errors."""
    for method in METHODS:
        for colours in COLOURS:
            reduced = picture.quantize(colours, method, dither=Image.Dither.NONE)
            difference = ImageChops.difference(picture, reduced.convert("RGB"))
            error = sum(ImageStat.Stat(difference).mean) / 3
            if error <= LARGEST_ERROR:
                file = io.BytesIO()
                reduced.save(file, format="PNG", optimize=True)
                yield error, file.getvalue()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        shrink(Path(name))
