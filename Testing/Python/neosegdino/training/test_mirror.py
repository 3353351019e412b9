"""Seen in a mirror, a left hippocampus is a right one, in images, targets and scores alike."""

from __future__ import annotations

import torch
from neosegdino.training.mirror import every_second, mirrored, mirrored_scores, mirrored_target
from torch.nn import functional as F


def test_image_target_and_scores_are_mirrored_alike() -> None:
    image = torch.rand(2, 1, 6, 4, 5)
    target = (image[:, 0] * 3).long()  # what a model would answer that sees nothing but the brightness
    scores = F.one_hot(target, 3).movedim(-1, 1).float()
    assert torch.equal(mirrored(image)[:, :, 0], image[:, :, 5])
    assert torch.equal(mirrored_target(target)[:, 0] == 2, target[:, 5] == 1)
    assert torch.equal(mirrored_target(target)[:, 0] == 0, target[:, 5] == 0)
    assert torch.equal(mirrored_scores(scores).argmax(1), mirrored_target(target))
    for change, values in ((mirrored, image), (mirrored_target, target), (mirrored_scores, scores)):
        assert torch.equal(change(change(values)), values)


def test_small_integers_are_classes_as_well() -> None:
    target = torch.tensor([0, 1, 2], dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert mirrored_target(target).flatten().tolist() == [1, 2, 0]
    assert mirrored_target(target).dtype == torch.uint8


def test_every_second_of_a_batch_is_changed_and_the_order_stays() -> None:
    batch = torch.arange(6.0)[:, None, None, None, None].expand(6, 1, 2, 2, 2)
    assert every_second(torch.neg, batch)[:, 0, 0, 0, 0].tolist() == [0, -1, 2, -3, 4, -5]
