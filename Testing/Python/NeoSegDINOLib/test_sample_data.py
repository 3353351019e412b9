from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from NeoSegDINOLib import sample_data


def test_the_shipped_sample_is_offered(slicer_scene, tmp_path, monkeypatch):
    from rig import sample_data as registered

    sample = tmp_path / "a folder" / "sample.nii.gz"
    sample.parent.mkdir()
    sample.write_bytes(b"voxels")
    monkeypatch.setattr(sample_data, "SAMPLE_FILE", sample)
    sample_data.register_sample_data()
    (source,) = registered.sources
    assert source["category"] == "NeoSegDINO"
    assert Path(url2pathname(urlparse(source["uris"]).path)) == sample
    assert source["checksums"] == "SHA256:" + hashlib.sha256(b"voxels").hexdigest()
    assert source["fileNames"] == "sample.nii.gz"


def test_sample_and_thumbnail_ship():
    assert sample_data.SAMPLE_FILE.is_file()
    assert sample_data.SAMPLE_FILE.stat().st_size <= 3_000_000
    assert sample_data.THUMBNAIL.is_file()
