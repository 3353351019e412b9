"""Pictures for documents, as small files: ``python -m rig.small_png FILE...`` rewrites pictures of other origin."""

from __future__ import annotations

import sys
from pathlib import Path

from neosegdino.small_png import small_png
from PIL import Image, ImageOps

LARGEST = 200_000
"""Bytes of a file."""
PAPER_MARGIN = 30
"""Pixels left below the last line of a page."""


def shrink(path: Path) -> None:
    """Rewrite a picture (PNG) as a small file."""
    with Image.open(path) as picture:
        small = small_png(picture, LARGEST)
    path.write_bytes(small)


def crop_paper(path: Path) -> None:
    """Cut the empty lower part of a page off."""
    with Image.open(path) as picture:
        printed = ImageOps.invert(picture.convert("L")).getbbox()
        bottom = picture.height if printed is None else min(picture.height, printed[3] + PAPER_MARGIN)
        picture.crop((0, 0, picture.width, bottom)).save(path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        shrink(Path(name))
