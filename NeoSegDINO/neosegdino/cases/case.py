"""A case: an image with its reference labels."""

from __future__ import annotations

import os

import msgspec

from neosegdino.spec import Spec

SIDES = {"left": 1, "right": 2}
"""Value of each side in the labels of a loaded case."""


class Case(Spec, frozen=True):
    """Where a case is, and which values of its label map are which side."""

    name: str
    """Unique among the cases of a run."""
    image: str
    """NIfTI file."""
    labels: str
    """NIfTI file of integers on the image's grid."""
    subject: str
    """Cases of one subject are never split between training and validation."""
    left: tuple[int, ...] = (1,)
    """Values of the left hippocampus; all others but `right` are background."""
    right: tuple[int, ...] = (2,)
    """Values of the right hippocampus."""

    def absolute(self) -> Case:
        """Return the case with files that are found from any folder; links are not followed."""
        image, labels = os.path.abspath(self.image), os.path.abspath(self.labels)  # noqa: PTH100 (resolve follows links)
        return msgspec.structs.replace(self, image=image, labels=labels)
