from __future__ import annotations

import pytest
from module_samples.classes import LEFT, RIGHT
from NeoSegDINOLib.terminology import terminology_entry

SLICERS_OWN = (
    "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure~SCT^5366008^Hippocampus~"
    "SCT^{code}^{side}~Anatomic codes - DICOM master list~^^~^^"
)


@pytest.mark.parametrize(("part", "code", "side"), [(LEFT, "7771000", "Left"), (RIGHT, "24028007", "Right")])
def test_entry_is_written_as_slicer_writes_it(part, code, side):
    assert terminology_entry(part) == SLICERS_OWN.format(code=code, side=side)


def test_slicers_own_logic_reads_it(slicer_scene):
    import slicer

    entry = slicer.vtkSlicerTerminologyEntry()
    logic = slicer.modules.terminologies.logic()
    assert logic.DeserializeTerminologyEntry(terminology_entry(LEFT), entry)
    assert entry.GetCategoryObject().GetCodeValue() == "123037004"
    assert entry.GetTypeObject().GetCodeMeaning() == "Hippocampus"
    assert entry.GetTypeModifierObject().GetCodeMeaning() == "Left"
