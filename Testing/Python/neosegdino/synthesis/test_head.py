from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from neosegdino.measure import centroids_ras
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import Generator
from neosegdino.synthesis.head import MARGIN, synthesize_head
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.volume import load_volume, save_volume

VIEW = View((56, 60, 52), 2.4, (2.0, 4.0, 4.0), rotation_deg=15.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_head_with_its_labels_on_one_grid(label_maps: LabelMaps, tmp_path: Path, seed: int) -> None:
    volume, labels = synthesize_head(Generator(label_maps, Draw(seed, "cpu")), "synthetic", VIEW)
    assert volume.data.dtype == labels.dtype == np.uint8
    assert volume.shape == labels.shape
    assert volume.source == "synthetic"
    assert volume.axis_codes == ("R", "A", "S")
    assert volume.spacing == pytest.approx((2.4, 2.4, 2.4))
    assert np.allclose(volume.affine @ [*((np.array(volume.shape) - 1) / 2), 1], [0, 0, 0, 1])
    places = centroids_ras(labels, volume.affine)
    assert places[1][0] < places[2][0]
    save_volume(tmp_path / "head.nii.gz", volume)
    assert np.array_equal(load_volume(tmp_path / "head.nii.gz").data, volume.data)


def test_it_is_cropped_to_the_head(label_maps: LabelMaps) -> None:
    volume, labels = synthesize_head(Generator(label_maps, Draw(1, "cpu")), "synthetic", VIEW)
    assert any(size < full for size, full in zip(volume.shape, VIEW.shape, strict=True))
    assert np.argwhere(labels).min() >= MARGIN
