"""Training must show the model what segmenting shows it: that is compared with segmenting itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import oracle_bundle
import phantom
import pytest
import torch
from bundle_samples import make_spec
from neosegdino import segment as road
from neosegdino.bundle import Bundle
from neosegdino.cases.case import Case
from neosegdino.cases.loading import LoadedCase
from neosegdino.device import resolve
from neosegdino.errors import CaseError, VolumeError
from neosegdino.geometry import Grid
from neosegdino.inference import Run, rescale
from neosegdino.loading import load_models
from neosegdino.locate import Located
from neosegdino.progress import Progress
from neosegdino.segment import segment
from neosegdino.spec import BundleSpec, Preprocessing, WindowSpec
from neosegdino.training.feature_cache import FeatureCache
from neosegdino.training.prepare import MARGIN, PreparedCase, prepare_case, windows_of
from neosegdino.training.student import create_student
from neosegdino.training.views import Views
from neosegdino.volume import Volume
from neosegdino.windows import disassemble
from training_cases import quick

STRAIGHT = ((0, 1, 2), (1, 1, 1))
OBLIQUE = phantom.view(((2, 0, 1), (-1, 1, -1)), (1.1, 1.7, 2.6), (17.0, -12.0, 25.0))
LOCATED = make_spec(preprocessing=Preprocessing((2.0, 2.0, 2.0)), windows=WindowSpec((24, 16, 16)))
FIXED = msgspec.structs.replace(LOCATED, windows=WindowSpec((16, 8, 8), "all", (2, 3, 1)))
FULL = msgspec.structs.replace(LOCATED, windows=WindowSpec((16, 16, 16), "all"))
CENTRE = (phantom.LEFT + phantom.RIGHT) / 2


def loaded(grid: Grid, noise: float = 0.0, labels: Any = None) -> LoadedCase:
    points = phantom.everywhere(grid)
    image = (
        1000 * phantom.head(points) + np.random.default_rng(1).normal(0, noise, grid.shape)
        if noise
        else (1000 * phantom.head(points))
    )
    if labels is None:
        labels = phantom.side_scores(points).argmax(axis=0)
    return LoadedCase(Case("one", "image", "labels", "s"), _volume(image, grid), labels.astype(np.uint8))


def _volume(image: Any, grid: Grid) -> Volume:
    return Volume(image.astype(np.float32), grid.affine, "phantom")


def inside(case: PreparedCase) -> tuple[torch.Tensor, torch.Tensor]:
    part = (slice(MARGIN, -MARGIN),) * 3
    return case.image[(slice(None), *part)], case.target[part]


def dice(one: Any, other: Any, label: int) -> float:
    a, b = np.asarray(one == label), np.asarray(other == label)
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.fixture(scope="module")
def straight() -> PreparedCase:
    return prepare_case(loaded(phantom.view(STRAIGHT, (2.0, 2.0, 2.0))), LOCATED)


@pytest.mark.parametrize("orientation", phantom.ORIENTATIONS)
def test_one_head_is_one_case_in_all_axis_orders_and_flips(
    orientation: tuple[tuple[int, ...], tuple[int, ...]], straight: PreparedCase
) -> None:
    case = prepare_case(loaded(phantom.view(orientation, (2.0, 2.0, 2.0))), LOCATED)
    torch.testing.assert_close(case.image, straight.image, atol=1e-4, rtol=0)
    assert torch.equal(case.target, straight.target)
    np.testing.assert_allclose(case.affine, straight.affine, atol=1e-6)
    sides = [(case.target == label).nonzero()[:, 0] for label in (1, 2)]
    assert sides[0].max() < sides[1].min()  # the patient's left has the lower indices


@pytest.mark.parametrize(
    "grid",
    [OBLIQUE, phantom.view(((1, 2, 0), (1, -1, -1)), (0.8, 3.0, 1.2)), phantom.view(STRAIGHT, angles_deg=(9, 8, 40))],
)
@pytest.mark.parametrize("spec", [LOCATED, FIXED, FULL])
def test_image_and_classes_lie_where_the_affine_says(grid: Grid, spec: BundleSpec) -> None:
    case = prepare_case(loaded(grid), spec)
    image, target = inside(case)
    points = phantom.everywhere(Grid(case.shape, case.affine))
    truth = phantom.head(points)
    known = truth > 0.2
    scale = float(np.median(image[0].numpy()[known] / truth[known]))
    assert np.abs(image[0].numpy() / scale - truth)[known].mean() < 0.015
    for label in (1, 2):
        assert dice(target, phantom.side_scores(points).argmax(axis=0), label) > 0.85
    assert float(image[0][target == 1].mean()) > 1.5 * float(image[0][target == 2].mean())  # the left ball is bright


def test_the_voxels_of_the_model_are_those_of_the_description() -> None:
    spec = msgspec.structs.replace(LOCATED, preprocessing=Preprocessing((1.0, 2.0, 3.0)))
    case = prepare_case(loaded(OBLIQUE), spec)
    np.testing.assert_allclose(case.affine[:3, :3], np.diag((1.0, 2.0, 3.0)))
    assert case.shape == (24, 16, 16)


def test_located_is_one_window_in_the_middle_of_both_sides() -> None:
    case = prepare_case(loaded(OBLIQUE), LOCATED)
    assert (case.cut.window, case.cut.counts, case.cut.origin) == ((24, 16, 16), (1, 1, 1), (0, 0, 0))
    middle = Grid(case.shape, case.affine).points((np.array(case.shape) - 1) / 2)
    np.testing.assert_allclose(middle, CENTRE, atol=0.5)


def test_one_side_alone_is_its_own_middle() -> None:
    points = phantom.everywhere(OBLIQUE)
    labels = phantom.side_scores(points).argmax(axis=0)
    case = prepare_case(loaded(OBLIQUE, labels=np.where(labels == 2, 2, 0)), LOCATED)
    middle = Grid(case.shape, case.affine).points((np.array(case.shape) - 1) / 2)
    np.testing.assert_allclose(middle, phantom.RIGHT, atol=0.5)


def test_fixed_counts_lie_around_the_middle() -> None:
    case = prepare_case(loaded(OBLIQUE), FIXED)
    assert (case.cut.counts, case.shape) == ((2, 3, 1), (32, 24, 8))
    middle = Grid(case.shape, case.affine).points((np.array(case.shape) - 1) / 2)
    np.testing.assert_allclose(middle, CENTRE, atol=0.5)


def test_a_given_centre_counts() -> None:
    wanted = CENTRE + np.array([3.0, -4.0, 5.0])
    for spec in (LOCATED, FIXED):
        case = prepare_case(loaded(OBLIQUE), spec, centre=wanted)
        middle = Grid(case.shape, case.affine).points((np.array(case.shape) - 1) / 2)
        np.testing.assert_allclose(middle, wanted, atol=1e-9)


def test_the_full_cut_covers_the_head() -> None:
    case = prepare_case(loaded(phantom.view(STRAIGHT, (2.0, 2.0, 2.0))), FULL)
    assert (inside(case)[1] > 0).sum() == (case.target > 0).sum() > 0
    assert all(c * w >= n for c, w, n in zip(case.cut.counts, case.cut.window, case.shape, strict=True))


@pytest.mark.parametrize("spec", [LOCATED, FIXED, FULL])
def test_windows_are_counted_without_preparing(spec: BundleSpec) -> None:
    assert windows_of(loaded(OBLIQUE), spec) == len(prepare_case(loaded(OBLIQUE), spec).cut)


def test_the_margin_shows_what_lies_beside_the_windows() -> None:
    small = prepare_case(loaded(OBLIQUE), LOCATED)
    large = prepare_case(
        loaded(OBLIQUE),
        msgspec.structs.replace(LOCATED, windows=WindowSpec((24 + 2 * MARGIN, 16 + 2 * MARGIN, 16 + 2 * MARGIN))),
    )
    image, target = inside(large)
    torch.testing.assert_close(small.image, image, atol=1e-4, rtol=0)
    assert torch.equal(small.target, target)
    assert float(small.image[:, :MARGIN].max()) > 0.1
    assert (small.image.dtype, small.target.dtype) == (torch.float32, torch.uint8)


def test_empty_labels_name_the_case() -> None:
    empty = loaded(OBLIQUE, labels=np.zeros(OBLIQUE.shape))
    with pytest.raises(CaseError, match="Case one: its labels are empty") as told:
        prepare_case(empty, LOCATED)
    assert "left and right" in told.value.remedy


def test_an_image_without_contrast_is_named() -> None:
    one = loaded(OBLIQUE)
    with pytest.raises(VolumeError, match="phantom"):
        prepare_case(LoadedCase(one.case, _volume(np.zeros(OBLIQUE.shape), OBLIQUE), one.labels), LOCATED)


def test_the_key_depends_on_all_that_is_in_the_case() -> None:
    base = prepare_case(loaded(OBLIQUE), LOCATED).key
    assert prepare_case(loaded(OBLIQUE), LOCATED).key == base
    labels = loaded(OBLIQUE).labels.copy()
    where = np.argwhere(labels == 1)
    labels[tuple(where[:20].T)] = 0
    clip = msgspec.structs.replace(LOCATED, preprocessing=Preprocessing((2.0, 2.0, 2.0), clip=3.0))
    others = [
        prepare_case(loaded(OBLIQUE, noise=1.0), LOCATED),
        prepare_case(loaded(OBLIQUE, labels=labels), LOCATED, centre=CENTRE),
        prepare_case(loaded(OBLIQUE), LOCATED, centre=CENTRE),
        prepare_case(loaded(OBLIQUE), FIXED),
        prepare_case(loaded(OBLIQUE), clip),
    ]
    assert len({base, *(other.key for other in others)}) == 6
    # Scaling that does not show here shows in the windows, which are scaled once more.
    assert torch.equal(others[-1].image, prepare_case(loaded(OBLIQUE), LOCATED).image)


# What segmenting feeds the model.


def damaged(grid: Grid) -> LoadedCase:
    """A noisy image whose intensities have to be mended, with a background below 0."""
    one = loaded(grid, noise=20.0)
    data = one.volume.data - 150
    data[5, 5, 5], data[6, 7, 8], data[20, 20, 10] = np.nan, np.inf, 60000
    return LoadedCase(one.case, _volume(data, grid), one.labels)


@pytest.mark.parametrize("grid", [OBLIQUE, phantom.view(((0, 2, 1), (-1, 1, 1)), (0.9, 0.9, 2.2))])
@pytest.mark.parametrize("spec", [LOCATED, FIXED, FULL])
def test_windows_equal_those_that_segmenting_makes(grid: Grid, spec: BundleSpec) -> None:
    case = damaged(grid)
    centre = CENTRE + np.array([1.3, -0.7, 2.1])
    run = Run(spec, resolve("cpu"), Progress())
    prepared = road._prepare(case.volume, run)
    found = Located(centre, (900.0, 900.0), False, "")
    located = None if spec is FULL else found
    _, there, cut = road._place(prepared, located, spec.windows.default, [found], run)
    expected = rescale(disassemble(road._sample(prepared, there, run), cut), run)

    own = prepare_case(case, spec, centre=centre)
    assert own.cut == cut and own.shape == there.shape
    np.testing.assert_allclose(own.affine, there.affine, atol=1e-9)
    windows = rescale(disassemble(inside(own)[0], own.cut), run)
    torch.testing.assert_close(windows, expected, atol=1e-5, rtol=0)
    assert float(expected.std()) > 0.1


class Seen:
    """Windows that really reach the encoder of a bundle while it segments."""

    def __init__(self, bundle: Bundle) -> None:
        self.windows: list[torch.Tensor] = []
        encoder = load_models(bundle, torch.device("cpu")).window.encoder
        self.hook = encoder.register_forward_pre_hook(lambda _, given: self.windows.append(given[0].clone()))


def training_windows(bundle: Bundle, settings: Any, case: LoadedCase, centre: Any, tmp_path: Path) -> torch.Tensor:
    student = create_student(bundle, settings, torch.device("cpu"))
    run = Run(student.spec, resolve("cpu"), Progress())
    views = Views(student, settings, FeatureCache(tmp_path, 10**9), run)
    return views.plain(prepare_case(case, student.spec, centre)).windows


def test_training_and_segment_show_the_encoder_the_same_windows_of_a_whole_head(tiny: Bundle, tmp_path: Path) -> None:
    case = damaged(OBLIQUE)
    seen = Seen(tiny)
    segment(case.volume, tiny, windows="all", device="cpu")
    seen.hook.remove()
    settings = quick(tiny.folder, windows="all", window=None)
    windows = training_windows(tiny, settings, case, None, tmp_path)
    shown = windows[windows.flatten(1).any(dim=1)]  # segmenting leaves out what is empty
    assert len(shown) > 1
    torch.testing.assert_close(shown, torch.cat(seen.windows), atol=2e-3, rtol=0)


def test_training_and_segment_show_the_encoder_the_same_located_window(tmp_path: Path) -> None:
    bundle = oracle_bundle.make_oracle_bundle(tmp_path / "oracle")
    grid = oracle_bundle.make_view(((1, 0, 2), (-1, 1, -1)), (1.6, 1.3, 1.9))
    points = phantom.everywhere(grid)
    case = LoadedCase(Case("one", "image", "labels", "s"), oracle_bundle.volume_on(grid), oracle_bundle.truth(points))
    seen = Seen(bundle)
    report = segment(case.volume, bundle, windows="located", device="cpu").report
    seen.hook.remove()
    centre = np.array(report["windows"]["located"]["centre_ras"])
    np.testing.assert_allclose(centre, (oracle_bundle.LEFT + oracle_bundle.RIGHT) / 2, atol=2.0)
    windows = training_windows(bundle, quick(bundle.folder, window=None), case, centre, tmp_path / "features")
    (shown,) = seen.windows
    # The report rounds the centre to 0.01 mm.
    torch.testing.assert_close(windows, shown, atol=0.02, rtol=0)
