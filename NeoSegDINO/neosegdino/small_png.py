"""Pictures as small PNG files."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, ImageChops, ImageStat

LARGEST_ERROR = 4.0
"""Of 255, in the mean: what a palette may take from the colours before the picture is made smaller instead."""
_COLOURS = (256, 128, 64)
_METHODS = (Image.Quantize.MAXCOVERAGE, Image.Quantize.FASTOCTREE)
"""The one keeps few colours as they are, the other keeps grey grey where colours are many."""
_SMALLER = 0.75


def small_png(picture: Image.Image, largest: int) -> bytes:
    """Make a PNG file with the palette that costs least; where noise makes it too large, of a smaller picture.

    Parameters
    ----------
    picture : Image
        Any picture; transparency is lost.
    largest : int
        Bytes that the file may have.
    """
    picture = picture.convert("RGB")
    while not (fitting := [(error, file) for error, file in _palettes(picture) if len(file) <= largest]):
        picture = picture.resize((round(picture.width * _SMALLER), round(picture.height * _SMALLER)))
    return min(fitting)[1]


def _palettes(picture: Image.Image) -> Iterator[tuple[float, bytes]]:
    """Files of a picture with palettes that are near enough, and their errors."""
    for method in _METHODS:
        for colours in _COLOURS:
            reduced = picture.quantize(colours, method, dither=Image.Dither.NONE)
            difference = ImageChops.difference(picture, reduced.convert("RGB"))
            error = sum(ImageStat.Stat(difference).mean) / 3
            if error <= LARGEST_ERROR:
                file = io.BytesIO()
                reduced.save(file, format="PNG", optimize=True)
                yield error, file.getvalue()
