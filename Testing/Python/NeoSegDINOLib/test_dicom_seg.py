"""A result is ready for Slicer's DICOM SEG exporter: what that one takes from the node makes a right DICOM SEG.

The exporter itself is an extension; its part is done here by highdicom, from the same data: terminology by Slicer's
own logic, the reference volume, and the segments on that volume's grid.
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pydicom
import pytest
import slicer
import vtk
from highdicom.sr import CodedConcept
from module_samples.classes import CLASSES, LEFT, RIGHT
from module_samples.segment_points import segment_points
from NeoSegDINOLib.label_boxes import label_boxes
from NeoSegDINOLib.segmentation import segment_id, show_segmentation
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from scipy.spatial.transform import Rotation

SHAPE = (40, 36, 24)
SPACING = np.array([0.8, 0.9, 1.1])
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
GRIDS = {"to the left": (-1, 1, 1), "to the right": (1, 1, 1), "feet first": (-1, -1, -1)}


@pytest.fixture(params=GRIDS.values(), ids=GRIDS)
def volume(request, slicer_scene):
    """An oblique volume whose first axis runs to the left or to the right."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [8, -5, 11], degrees=True).as_matrix() * request.param * SPACING
    matrix[:3, 3] = [12, -30, 4]
    voxels = np.random.default_rng(0).integers(0, 900, SHAPE[::-1]).astype(np.int16)
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=matrix, name="T2w")


@pytest.fixture
def node(volume):
    labels = np.zeros(SHAPE, np.uint8)
    right_is_high = matrix_of(volume)[0, 0] > 0
    high, low = (RIGHT, LEFT) if right_is_high else (LEFT, RIGHT)
    labels[26:36, 10:22, 5:14] = high.label
    labels[4:12, 10:22, 5:13] = low.label
    return show_segmentation(volume, label_boxes(labels, CLASSES), {"schema": "neosegdino-report/1"})


def matrix_of(volume):
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return np.array(slicer.util.arrayFromVTKMatrix(matrix))


def series_of(volume):
    """The volume as the slices of an MR series, the one that it could have been loaded from."""
    to_lps, voxels = LPS @ matrix_of(volume), slicer.util.arrayFromVolume(volume)
    directions = to_lps[:3, :3] / np.linalg.norm(to_lps[:3, :3], axis=0)
    spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    slices = []
    for number, pixels in enumerate(voxels):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, series, frame
        one.PatientID, one.PatientName, one.PatientBirthDate, one.PatientSex = "1", "Newborn^", "", ""
        one.StudyID, one.StudyDate, one.StudyTime, one.AccessionNumber = "1", "20260101", "120000", ""
        one.ReferringPhysicianName, one.PositionReferenceIndicator = "", ""
        one.Modality, one.SeriesNumber, one.InstanceNumber, one.Manufacturer = "MR", 1, number + 1, "none"
        one.Rows, one.Columns = pixels.shape
        one.PixelSpacing = [float(spacing[1]), float(spacing[0])]
        one.SliceThickness = float(spacing[2])
        one.ImageOrientationPatient = [*directions[:, 0], *directions[:, 1]]
        one.ImagePositionPatient = list((to_lps @ [0, 0, number, 1])[:3])
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.PixelData = pixels.tobytes()
        slices.append(one)
    return slices


def terms_of(node, segment):
    """Category, type and laterality of a segment, as Slicer's own logic reads its tag."""
    tag = vtk.reference("")
    assert node.GetSegmentation().GetSegment(segment).GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), tag)
    entry = slicer.vtkSlicerTerminologyEntry()
    assert slicer.modules.terminologies.logic().DeserializeTerminologyEntry(str(tag), entry)
    parts = (entry.GetCategoryObject(), entry.GetTypeObject(), entry.GetTypeModifierObject())
    return [CodedConcept(p.GetCodeValue(), p.GetCodingSchemeDesignator(), p.GetCodeMeaning()) for p in parts]


def description_of(node, segment, number):
    category, kind, laterality = terms_of(node, segment)
    made = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=node.GetSegmentation().GetSegment(segment).GetName(),
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            "NeoSegDINO", hd.sr.CodedConcept("123110", "DCM", "Artificial Intelligence"), "1"
        ),
    )
    made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [laterality]
    return made


def export(node, path):
    """Write a DICOM SEG of a node, from the node and its reference volume alone."""
    reference = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
    segments = list(node.GetSegmentation().GetSegmentIDs())
    masks = [slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, reference) for segment in segments]
    made = hd.seg.Segmentation(
        source_images=series_of(reference),
        pixel_array=np.stack(masks, axis=-1).astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[description_of(node, s, number) for number, s in enumerate(segments, start=1)],
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="1",
        device_serial_number="1",
    )
    made.save_as(path)


def points_in(found, number):
    """World RAS of the voxels of a segment in a DICOM SEG, and the volume of one voxel."""
    volume = found.get_volume(segment_numbers=[number])
    index = np.argwhere(volume.array[..., 0] > 0)
    to_ras = LPS @ volume.affine
    return index @ to_ras[:3, :3].T + to_ras[:3, 3], abs(np.linalg.det(to_ras[:3, :3]))


def test_left_stays_left_and_volumes_are_equal(node, tmp_path):
    path = tmp_path / "hippocampus.dcm"
    export(node, path)
    found = hd.seg.segread(path)
    middles = {}
    for number, part in enumerate(CLASSES, start=1):
        described = found.get_segment_description(number)
        (kind,) = described.SegmentedPropertyTypeCodeSequence
        (laterality,) = kind.SegmentedPropertyTypeModifierCodeSequence
        assert described.SegmentLabel == part.name
        assert (kind.CodingSchemeDesignator, kind.CodeValue) == ("SCT", "5366008")
        assert laterality.CodeValue == part.terminology.modifier.value
        assert laterality.CodeMeaning == part.side.capitalize()
        points, voxel = points_in(found, number)
        expected = segment_points(node, segment_id(part))
        assert len(points) * voxel == pytest.approx(len(expected) * SPACING.prod(), rel=1e-5)
        np.testing.assert_allclose(points.mean(axis=0), expected.mean(axis=0), atol=1e-3)
        middles[laterality.CodeMeaning] = points.mean(axis=0)
    assert middles["Left"][0] < middles["Right"][0]


def test_categories_are_anatomical_structures(node, tmp_path):
    path = tmp_path / "hippocampus.dcm"
    export(node, path)
    for segment in pydicom.dcmread(path).SegmentSequence:
        (category,) = segment.SegmentedPropertyCategoryCodeSequence
        assert (category.CodingSchemeDesignator, category.CodeValue) == ("SCT", "123037004")
