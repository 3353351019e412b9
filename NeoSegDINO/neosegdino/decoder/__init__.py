"""Decoding arms behind one small interface. A new head is one file and one line here."""

from neosegdino.decoder import dpt, linear, pyramid, stem
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
    "pyramid",
    "register",
    "stem",
]
