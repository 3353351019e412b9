from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import oracle_bundle
import pytest
from neosegdino import segment as module
from neosegdino.bundle import Bundle, load_bundle
from neosegdino.errors import Cancelled, DeviceError, VolumeError
from neosegdino.progress import Event, LogEvent, Progress, ProgressEvent
from neosegdino.segment import STAGES, Segmentation, segment
from neosegdino.spec import DecoderSpec, Preprocessing, WindowSpec
from neosegdino.volume import Volume
from oracle_bundle import LOCATOR, dice, make_oracle_bundle, make_view, truth, volume_on
from phantom import ORIENTATIONS, everywhere
from scipy.spatial.transform import Rotation
from tiny_bundle import make_tiny_bundle

pytestmark = pytest.mark.usefixtures("one_thread")

MakeBundle = Callable[..., Bundle]


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    return lambda **changes: make_oracle_bundle(tmp_path / "changed", **changes)


def warnings(result: Segmentation) -> str:
    return "\n".join(result.report["warnings"])


def assert_both_sides(result: Segmentation, least: float = 0.9) -> None:
    expected = truth(everywhere(make_grid(result.volume)))
    for label in (1, 2):
        assert dice(result.labels, expected, label) >= least
    left, right = (row["centroid_ras"][0] for row in result.report["hippocampus"])
    assert left < right


def make_grid(volume: Volume) -> Any:
    return module.Grid(volume.shape, volume.affine)


def test_both_sides_on_the_sources_grid(straight: Segmentation) -> None:
    assert_both_sides(straight)
    volume = straight.volume
    assert straight.labels.shape == straight.confidence.shape == volume.shape
    assert straight.labels.dtype == np.uint8
    assert straight.confidence.dtype == np.float32
    assert straight.confidence.min() > 1 / 3
    assert straight.confidence.max() <= 1 + 1e-6
    assert straight.confidence[0, 0, 0] == 1
    for row, place in zip(straight.report["hippocampus"], (oracle_bundle.LEFT, oracle_bundle.RIGHT), strict=True):
        assert np.allclose(row["centroid_ras"], place, atol=0.4)
        assert row["volume_mm3"] == pytest.approx(4 / 3 * np.pi * oracle_bundle.RADIUS**3, rel=0.12)
        assert 0.7 < row["confidence"] <= 1


def test_the_report_tells_what_was_done(straight: Segmentation) -> None:
    report = straight.report
    assert list(report["timings_s"]) == list(STAGES)
    assert report["windows"]["mode"] == "located"
    assert report["windows"]["located"]["back_to_front"] is False
    assert report["windows"]["located"]["doubt"] is None
    middle = (oracle_bundle.LEFT + oracle_bundle.RIGHT) / 2
    assert np.allclose(report["windows"]["located"]["centre_ras"], middle, atol=2)
    json.dumps(report)


def test_the_age_goes_into_the_report_and_changes_nothing_else(oracle: Bundle, straight: Segmentation) -> None:
    result = segment(volume_on(make_view()), oracle, age_weeks=36)
    assert result.report["age"]["published"][0]["weeks"] == "36"
    assert straight.report["age"] is None
    assert np.array_equal(result.labels, straight.labels)


def test_an_age_that_cannot_be_is_refused_before_any_work(oracle: Bundle) -> None:
    events: list[Event] = []
    with pytest.raises(VolumeError, match="3 weeks cannot be"):
        segment(volume_on(make_view()), oracle, age_weeks=3, progress=Progress(events.append))
    assert events == []


def test_every_finding_has_a_code(make_bundle: MakeBundle) -> None:
    volume = volume_on(make_view())
    hot = volume.data.astype(np.float32)
    hot[0, 0, 0] = np.nan
    result = segment(replace(volume, data=hot), make_bundle(age_weeks=(30.0, 53.0)), age_weeks=60)
    flags = result.report["flags"]
    assert {"intensities", "age-range"} <= {flag["code"] for flag in flags}
    assert [flag["message"] for flag in flags] == result.report["warnings"]


def test_the_input_is_left_as_it_is(oracle: Bundle) -> None:
    volume = volume_on(make_view())
    before = volume.data.copy()
    segment(volume, oracle)
    assert np.array_equal(volume.data, before)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
def test_the_order_and_direction_of_axes_change_nothing(
    oracle: Bundle, straight: Segmentation, orientation: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """The same voxels stored in another order give the same voxels labelled, every one."""
    order, signs = orientation
    result = segment(volume_on(make_view(orientation)), oracle)
    back = result.labels[tuple(slice(None, None, sign) for sign in signs)].transpose(np.argsort(order))
    assert np.array_equal(back, straight.labels)


@pytest.mark.parametrize("number", [0, 7, 13, 22, 30, 41, 47])
def test_left_is_left_with_a_second_look_in_a_mirror(
    make_bundle: MakeBundle, straight: Segmentation, number: int
) -> None:
    """Of an arm that tells sides by their place, in the window and in the mirrored window."""
    sided = DecoderSpec("test-sided", "decoder.safetensors", options={"reach": 3})
    bundle = make_bundle(decoder=sided, windows=WindowSpec(oracle_bundle.WINDOWS.size, mirrored=True))
    result = segment(volume_on(make_view(ORIENTATIONS[number])), bundle)
    assert_both_sides(result)
    for label in (1, 2):
        assert (result.labels == label).sum() == pytest.approx((straight.labels == label).sum(), rel=0.02)


@pytest.mark.parametrize("number", [0, 7, 13, 22, 30, 41, 47])
def test_oblique_and_anisotropic_views_of_one_head(oracle: Bundle, number: int) -> None:
    angles = np.random.default_rng(number).uniform(-28, 28, 3)
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    spacing = np.roll((0.8, 1.2, 1.8), number)
    result = segment(volume_on(make_view(ORIENTATIONS[number], spacing, rotation, 112)), oracle)
    assert_both_sides(result, 0.9)
    assert "conflict" not in warnings(result)
    assert "Sides" not in warnings(result)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float64"])
def test_types_and_scales_of_intensities(oracle: Bundle, straight: Segmentation, dtype: str) -> None:
    volume = straight.volume
    scaled = volume.data * (0.2 if dtype == "uint8" else 30) - (0 if dtype == "uint8" else 3000)
    result = segment(replace(volume, data=scaled.astype(dtype)), oracle)
    for label in (1, 2):
        assert dice(result.labels, straight.labels, label) > 0.98


def test_damaged_voxels_are_noted_and_do_no_harm(oracle: Bundle, straight: Segmentation) -> None:
    data = straight.volume.data.copy()
    data[1, 2, 3:6] = np.nan
    data[30, 30, 30] = 1e9
    result = segment(replace(straight.volume, data=data), oracle)
    assert "3 voxels that are not finite" in warnings(result)
    assert "1 hot voxels" in warnings(result)
    for label in (1, 2):
        assert dice(result.labels, straight.labels, label) > 0.98


def test_the_whole_volume_in_windows(oracle: Bundle, straight: Segmentation) -> None:
    result = segment(straight.volume, oracle, windows="all")
    assert_both_sides(result)
    assert result.report["windows"]["mode"] == "all"
    for label in (1, 2):
        assert dice(result.labels, straight.labels, label) > 0.97


def test_all_windows_are_the_default_where_the_bundle_says_so(make_bundle: MakeBundle) -> None:
    result = segment(volume_on(make_view()), make_bundle(windows=WindowSpec((64, 48, 48), default="all")))
    assert result.report["windows"]["mode"] == "all"
    assert "could not be located" not in warnings(result)


def test_a_head_that_was_not_located_is_segmented_whole_and_that_is_said(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(locator=msgspec.structs.replace(LOCATOR, min_side_mm3=50_000.0))
    result = segment(volume_on(make_view()), bundle)
    assert_both_sides(result)
    assert result.report["windows"]["mode"] == "all"
    assert "could not be located with certainty (hardly any sign of the left hippocampus)" in warnings(result)
    assert "the whole volume was segmented" in warnings(result)


def test_a_bundle_without_a_locator(make_bundle: MakeBundle) -> None:
    """Its default is the whole volume, of which nothing is to be said; located windows cannot be had, and that is."""
    bundle = make_bundle(locator=None, windows=WindowSpec((64, 48, 48), default="all"))
    result = segment(volume_on(make_view()), bundle)
    assert_both_sides(result)
    assert "located" not in warnings(result)
    assert "this bundle has no locator" in warnings(segment(volume_on(make_view()), bundle, windows="located"))


def per_window(bundle: MakeBundle, **changes: Any) -> Bundle:
    decoder = DecoderSpec("test-oracle", "decoder.safetensors", arms="per-window", options={"reach": 3})
    return bundle(windows=WindowSpec((32, 48, 48), counts=(2, 1, 1)), decoder=decoder, **changes)


def test_arms_per_window_over_the_located_place(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle takes the brightest for the right one, so each window is scaled as the whole for this test."""
    monkeypatch.setattr("neosegdino.inference.rescale", lambda windows, run: windows)
    result = segment(volume_on(make_view()), per_window(make_bundle))
    assert_both_sides(result)


def test_arms_per_window_need_the_place(make_bundle: MakeBundle) -> None:
    locator = msgspec.structs.replace(LOCATOR, min_side_mm3=50_000.0)
    with pytest.raises(VolumeError, match="could not be located") as caught:
        segment(volume_on(make_view()), per_window(make_bundle, locator=locator))
    assert "shared arm" in caught.value.remedy


def test_a_head_back_to_front_is_segmented_and_its_header_doubted(oracle: Bundle) -> None:
    result = segment(volume_on(make_view(), turned=True), oracle)
    assert any(
        text.startswith("Orientation conflict: the head looks back to front") for text in result.report["warnings"]
    )
    assert result.report["windows"]["located"]["back_to_front"] is True
    for label, ball in ((1, oracle_bundle.LEFT), (2, oracle_bundle.RIGHT)):
        row = result.report["hippocampus"][label - 1]
        mirrored = ball * (1, -1, 1) + oracle_bundle.CENTRE * (0, 2, 0)
        assert np.allclose(row["centroid_ras"], mirrored, atol=0.5)
        assert row["volume_mm3"] == pytest.approx(4 / 3 * np.pi * oracle_bundle.RADIUS**3, rel=0.12)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For every look at the whole head whether it was one against the header."""
    taken: list[bool] = []
    look = module._look

    def recorded(*arguments: Any, back_to_front: bool) -> Any:
        taken.append(back_to_front)
        return look(*arguments, back_to_front=back_to_front)

    monkeypatch.setattr(module, "_look", recorded)
    return taken


@pytest.mark.parametrize("turned", [False, True])
def test_a_head_is_looked_at_against_its_header_only_where_that_is_in_doubt(
    oracle: Bundle, looks: list[bool], turned: bool
) -> None:
    events: list[Event] = []
    result = segment(volume_on(make_view(), turned), oracle, progress=Progress(events.append))
    assert looks == ([False, True] if turned else [False])
    assert result.report["windows"]["located"]["back_to_front"] is turned
    fractions = [event.fraction for event in events if isinstance(event, ProgressEvent)]
    assert fractions == sorted(fractions), "a second look may not turn the bar back"


@pytest.mark.parametrize("turned", [False, True])
def test_where_both_looks_are_in_doubt_the_head_is_segmented_as_its_header_says(
    make_bundle: MakeBundle, looks: list[bool], turned: bool
) -> None:
    bundle = make_bundle(locator=msgspec.structs.replace(LOCATOR, min_side_mm3=50_000.0))
    result = segment(volume_on(make_view(), turned), bundle)
    assert looks == [False, True]
    assert result.report["windows"]["located"] is None
    assert "could not be located" in warnings(result)
    assert "Orientation conflict" not in warnings(result)


def test_hippocampi_at_the_border_of_the_window_are_noted(make_bundle: MakeBundle, straight: Segmentation) -> None:
    fine = Preprocessing(spacing_mm=(1.25, 1.25, 1.25), percentile=99.8)
    bundle = make_bundle(preprocessing=fine, windows=WindowSpec((32, 32, 32)))
    result = segment(straight.volume, bundle)
    for side in ("left", "right"):
        assert f"The {side} hippocampus touches the border of the window" in warnings(result)
    assert "border of the window" not in warnings(straight)


@pytest.mark.parametrize("value", [0, 7])
def test_a_volume_without_foreground(oracle: Bundle, value: int) -> None:
    with pytest.raises(VolumeError, match=r"empty\.nii is empty"):
        segment(Volume(np.full((20, 20, 20), value, np.int16), np.eye(4), "empty.nii"), oracle)


def test_a_view_too_small_for_two_hippocampi_is_refused_only_where_they_are_to_be_located(
    oracle: Bundle, straight: Segmentation
) -> None:
    part = replace(straight.volume, data=straight.volume.data[30:50])
    with pytest.raises(VolumeError, match="covers only 32 mm from left to right") as caught:
        segment(part, oracle)
    assert caught.value.remedy.startswith("Load the whole head, or let the whole volume be cut into windows")
    assert "covers only 32 mm from left to right" in warnings(segment(part, oracle, windows="all"))


def test_what_was_found_before_the_work_is_told_once_and_reported(oracle: Bundle) -> None:
    events: list[Event] = []
    result = segment(volume_on(make_view(spacing=(1.6, 3.6, 1.6))), oracle, progress=Progress(events.append))
    told = [event.message for event in events if isinstance(event, LogEvent)]
    (text,) = [message for message in told if "3.6 mm from back to front" in message]
    assert result.report["warnings"].count(text) == 1


def test_progress_rises_from_the_start_to_the_end(oracle: Bundle, straight: Segmentation) -> None:
    events: list[Event] = []
    progress = Progress(events.append)
    segment(straight.volume, oracle, progress=progress)
    progress.finish()
    steps = [event for event in events if isinstance(event, ProgressEvent)]
    fractions = [step.fraction for step in steps]
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert list(dict.fromkeys(step.stage for step in steps)) == [*STAGES, "done"]
    inside = [step.fraction for step in steps if step.stage == "segment"]
    assert len(set(inside)) >= 4, "the longest stage has to move"
    last = [max(s.fraction for s in steps if s.stage == name) for name in ("locate", "segment")]
    assert last == pytest.approx([6 / 13, 12 / 13], abs=1e-3), "a stage's steps were not all done"


@pytest.mark.parametrize("looks", [1, 2, 3, 5, 9, 14])
def test_cancelling_at_any_point(oracle: Bundle, straight: Segmentation, looks: int, tmp_path: Path) -> None:
    asked: list[None] = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) >= looks

    with pytest.raises(Cancelled):
        segment(straight.volume, oracle, progress=Progress(cancelled=cancelled))
    assert len(asked) == looks
    again = segment(straight.volume, oracle)
    assert np.array_equal(again.labels, straight.labels), "a cancelled run left something behind"


def test_an_unknown_device_is_named(oracle: Bundle, straight: Segmentation) -> None:
    with pytest.raises(DeviceError, match="'abacus'"):
        segment(straight.volume, oracle, device="abacus")


@pytest.mark.parametrize("windows", ["located", "all"])
def test_random_weights_give_an_answer_on_the_grid_with_warnings(tmp_path: Path, windows: Any) -> None:
    """Whatever the networks say, the answer has the source's shape and the report says what is odd about it."""
    bundle = load_bundle(make_tiny_bundle(tmp_path / "tiny"))
    volume = volume_on(make_view(((2, 0, 1), (-1, 1, -1)), (2.0, 2.5, 3.0)))
    result = segment(volume, bundle, windows=windows)
    assert result.labels.shape == volume.shape
    assert set(np.unique(result.labels)) <= {0, 1, 2}
    assert np.isfinite(result.confidence).all()
    json.dumps(result.report)
