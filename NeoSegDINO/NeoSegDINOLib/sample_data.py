"""The sample volume in Slicer's Sample Data module."""

from __future__ import annotations

import logging
from pathlib import Path

import slicer
from slicer.i18n import tr as _

RESOURCES = Path(__file__).resolve().parent.parent / "Resources"
SAMPLE_NAME = "SyntheticNewborn"
SAMPLE_FILE = RESOURCES / "SampleData" / "SyntheticNewborn-T2w.nii.gz"
THUMBNAIL = RESOURCES / "Icons" / "SyntheticNewborn-T2w.png"


def register_sample_data() -> None:
    """Offer the sample in the Sample Data module (called when Slicer has started).

    The file ships with the extension; its checksum makes Slicer's cache drop the sample of an older version.
    """
    if not SAMPLE_FILE.is_file():
        logging.warning("NeoSegDINO: the sample volume is missing: %s", SAMPLE_FILE)
        return
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="NeoSegDINO",
        sampleName=SAMPLE_NAME,
        uris=SAMPLE_FILE.as_uri(),
        fileNames=SAMPLE_FILE.name,
        nodeNames=_("Synthetic newborn T2w"),
        thumbnailFileName=str(THUMBNAIL),
        checksums="SHA256:" + slicer.util.computeChecksum("SHA256", str(SAMPLE_FILE)),
    )
