from __future__ import annotations

import torch
from neosegdino.synthesis.contrast import sample_means
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.label_maps import LabelMaps

COUNT = 400


def means(maps: LabelMaps, **changes: object) -> torch.Tensor:
    mirror = torch.from_numpy(maps.mirror_table())
    return sample_means(Draw(0, "cpu"), maps.labels, mirror, COUNT, **changes)  # type: ignore[arg-type]


def test_means_are_in_range_and_both_sides_look_alike(label_maps: LabelMaps) -> None:
    table = means(label_maps)
    assert table.shape == (COUNT, len(label_maps.labels))
    assert table.min() >= 0
    assert table.max() <= 1.2
    for left, right in ((17, 53), (2, 41), (3, 42), (4, 43)):
        assert torch.equal(table[:, label_maps.index(left)], table[:, label_maps.index(right)])


def test_contrasts_of_newborns_and_others_occur(label_maps: LabelMaps) -> None:
    """White matter darker than grey, and brighter; fluid darkest, and brightest; air mostly black."""
    table = means(label_maps)
    white, grey, fluid = (table[:, label_maps.index(label)] for label in (2, 3, 4))
    for share in ((white < grey).float().mean(), (fluid < white).float().mean()):
        assert 0.2 < share < 0.8
    assert 0.7 < (table[:, 0] == 0).float().mean() < 0.95
