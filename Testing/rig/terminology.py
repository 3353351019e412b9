"""Terminology files for the Terminologies logic (the wheel holds none): the hippocampus, or Slicer's own lists."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

_SEGMENTATION = (
    "SegmentationCategoryTypeModifier-DICOM-Master",
    "SegmentationCategoryTypeModifier-SlicerGeneralAnatomy",
)
_ANATOMIC = "AnatomicRegionAndModifier-DICOM-Master"
_CONTEXTS = {
    _SEGMENTATION[0]: "Segmentation category and type - DICOM master list",
    _SEGMENTATION[1]: "Segmentation category and type - 3D Slicer General Anatomy list",
}
_SCHEMA = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/"


def _code(value: str, meaning: str, **more: Any) -> dict[str, Any]:
    return {"CodingSchemeDesignator": "SCT", "CodeValue": value, "CodeMeaning": meaning, **more}


def _segmentation_context(name: str) -> dict[str, Any]:
    sides = [_code("24028007", "Right"), _code("7771000", "Left")]
    hippocampus = _code("5366008", "Hippocampus", Modifier=sides)
    category = _code("123037004", "Anatomical Structure", showAnatomy=False, Type=[hippocampus])
    return {
        "SegmentationCategoryTypeContextName": name,
        "@schema": f"{_SCHEMA}segment-context-schema.json#",
        "SegmentationCodes": {"Category": [category]},
    }


def _region_context() -> dict[str, Any]:
    return {
        "AnatomicContextName": "Anatomic codes - DICOM master list",
        "@schema": f"{_SCHEMA}anatomic-context-schema.json#",
        "AnatomicCodes": {"AnatomicRegion": [_code("12738006", "Brain")]},
    }


def write(folder: Path, source: Path | None) -> Path:
    """Fill a folder with the files that the logic looks for.

    Parameters
    ----------
    folder : Path
        Where to write.
    source : Path or None
        ``Base/Python`` of a copy of Slicer's source; its lists are copied when they are beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contexts: dict[str, dict[str, Any]] = {name: _segmentation_context(_CONTEXTS[name]) for name in _SEGMENTATION}
    contexts[_ANATOMIC] = _region_context()
    lists = None if source is None else source.parent.parent / "Modules" / "Loadable" / "Terminologies" / "Resources"
    for name, context in contexts.items():
        target = folder / f"{name}.term.json"
        if lists is not None and (lists / f"{name}.json").is_file():
            shutil.copyfile(lists / f"{name}.json", target)
        else:
            target.write_text(json.dumps(context), encoding="utf-8")
    return folder
