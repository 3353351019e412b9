"""Coded terms of a bundle's classes as Slicer writes them into a segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neosegdino.spec import ClassSpec, Code

CATEGORY_LIST = "Segmentation category and type - DICOM master list"
REGION_LIST = "Anatomic codes - DICOM master list"


def terminology_entry(class_spec: ClassSpec) -> str:
    """Value of a segment's terminology tag: category, type and laterality; no anatomic region of its own."""
    terms = class_spec.terminology
    coded = [_triplet(code) for code in (terms.category, terms.type, terms.modifier)]
    return "~".join([CATEGORY_LIST, *coded, REGION_LIST, "^^", "^^"])


def _triplet(code: Code) -> str:
    return f"{code.scheme}^{code.value}^{code.meaning}"
