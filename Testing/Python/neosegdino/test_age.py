from __future__ import annotations

import math

import pytest
from neosegdino.age import PUBLISHED, check_age, described, nearest
from neosegdino.errors import VolumeError


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        (30.0, ["30"]),
        (31.0, ["30", "32"]),
        (31.5, ["32"]),
        (38.4, ["37"]),
        (38.5, ["37", "40 to 43"]),
        (39.0, ["40 to 43"]),
        (41.7, ["40 to 43"]),
        (43.0, ["40 to 43"]),
    ],
)
def test_the_nearest_published_ages(weeks: float, expected: list[str]) -> None:
    assert [entry.at for entry in nearest(weeks)] == expected


@pytest.mark.parametrize("weeks", [20.0, 29.9, 43.1, 120.0])
def test_outside_the_published_ages_there_are_none(weeks: float) -> None:
    assert nearest(weeks) == []
    assert described(weeks) == {"weeks": weeks, "published": [], "note": None}


def test_every_value_names_its_source_and_is_no_reference_range() -> None:
    assert all(entry.source for entry in PUBLISHED)
    made = described(36)
    assert made is not None
    assert made["published"] == [
        {"weeks": "36", "left_ml": 1.13, "right_ml": 1.22, "source": "Fetal T2 atlas, measured on its label maps"}
    ]
    assert "not a reference range" in made["note"]
    assert described(None) is None


@pytest.mark.parametrize("weeks", [None, 20, 40.5, 120])
def test_ages_that_can_be(weeks: float | None) -> None:
    check_age(weeks)


@pytest.mark.parametrize("weeks", [0, 19.9, 121, -3, math.nan, math.inf])
def test_ages_that_cannot_be(weeks: float) -> None:
    with pytest.raises(VolumeError, match="cannot be") as caught:
        check_age(weeks)
    assert "20 to 120" in caught.value.remedy
