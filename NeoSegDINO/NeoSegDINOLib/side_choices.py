"""What a node of labels offers as left and right hippocampus, and which of it is most likely meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from NeoSegDINOLib.nodes import Node

LEFT_CODES = ("SCT^7771000^", "SRT^G-A101^")
RIGHT_CODES = ("SCT^24028007^", "SRT^G-A100^")
_LEFT = re.compile(r"(^|[^a-z])(left|lh|l|links)([^a-z]|$)")
_RIGHT = re.compile(r"(^|[^a-z])(right|rh|r|rechts)([^a-z]|$)")
_FEW = 4096
"""Values up to this are counted, which is faster than sorting all voxels."""


@dataclass(frozen=True)
class Part:
    """A segment, or a value of a labelmap.

    Attributes
    ----------
    key : str
        Identifier of the segment, or the value as text.
    name : str
        What it is called in the scene.
    terms : str
        Terminology of a segment.
    """

    key: str
    name: str
    terms: str = ""


def parts_of(node: Node) -> list[Part]:
    """Segments of a segmentation, or the values of a labelmap with the names of its colours."""
    if node is None:
        return []
    if node.IsA("vtkMRMLSegmentationNode"):
        return _segments(node)
    return _values(node)


def guess_sides(parts: Sequence[Part]) -> tuple[str, str]:
    """Keys of the most likely left and right part; empty where there is none."""
    left, right = (_best(parts, side) for side in ("left", "right"))
    if not left and not right and [part.key for part in parts] == ["1", "2"]:
        return "1", "2"  # the package's own values
    return left, right


def _segments(node: Node) -> list[Part]:
    segmentation = node.GetSegmentation()
    tag = slicer.vtkSegment.GetTerminologyEntryTagName()
    found = []
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        terms = vtk.reference("")
        segment.GetTag(tag, terms)
        found.append(Part(segmentation.GetNthSegmentID(index), segment.GetName(), str(terms)))
    return found


def _values(node: Node) -> list[Part]:
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        return []
    display = node.GetDisplayNode()
    colours = display.GetColorNode() if display is not None else None
    named = [(value, colours.GetColorName(value) if colours else "") for value in _present(node)]
    return [Part(str(value), f"{value}: {name}" if name else str(value)) for value, name in named]


def _present(node: Node) -> list[int]:
    """Values of a labelmap that occur, without 0."""
    voxels: NDArray[np.generic] = slicer.util.arrayFromVolume(node).ravel()
    if voxels.dtype.kind in "iu" and voxels.min() >= 0 and voxels.max() < _FEW:
        values = np.flatnonzero(np.bincount(voxels, minlength=1))
    else:
        values = np.unique(np.rint(voxels))
    return [int(value) for value in values if value != 0]


def _best(parts: Sequence[Part], side: str) -> str:
    scored = [(_score(part, side), part.key) for part in parts]
    best = max(scored, key=lambda one: one[0], default=(0, ""))
    alone = sum(score == best[0] for score, _key in scored) == 1
    return best[1] if best[0] >= 2 and alone else ""


def _score(part: Part, side: str) -> int:
    """How well a part fits: a side that is named counts 2, the hippocampus 1; the other side's name rules it out."""
    name = part.name.lower().replace("_", " ")
    own, other = (_LEFT, _RIGHT) if side == "left" else (_RIGHT, _LEFT)
    codes, others = (LEFT_CODES, RIGHT_CODES) if side == "left" else (RIGHT_CODES, LEFT_CODES)
    if any(code in part.terms for code in others) or (other.search(name) and not own.search(name)):
        return 0
    named = bool(own.search(name)) or any(code in part.terms for code in codes)
    hippocampus = "hippoc" in name or "hippoc" in part.terms.lower() or "^5366008^" in part.terms
    return 2 * named + hippocampus
