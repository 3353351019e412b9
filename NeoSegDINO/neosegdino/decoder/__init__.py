"""Decoding arms behind one small interface. A new head is one file and one line here."""

from neosegdino.decoder import dpt, linear, stem, unet
from neosegdino.decoder.arms import DecodingArm, DecodingArms
from neosegdino.decoder.base import HEADS, Head, HeadShape, create_head, register

__all__ = [
    "HEADS",
    "DecodingArm",
    "DecodingArms",
    "Head",
    "HeadShape",
    "create_head",
    "dpt",
    "linear",
    "register",
    "stem",
    "unet",
]
