"""Fine-tuning on real images, each method for the same time: hippocampus crops of the Medical Segmentation Decathlon.

    python Testing/benchmarks/msd_hippocampus.py FOLDER --device cuda [--seconds 80 | --epochs N] [--rows NAME ...]

FOLDER holds ``images`` and ``labels`` of Task04 (adult T1w crops around one hippocampus; 1 is its anterior part, 2 its
posterior part; CC BY-SA 4.0, not part of this repository). Of 100 cases the first 80 by number are trained on and the
last 20 are tested; nothing is chosen by the latter, and no epoch is chosen at all: the last weights count. The Dice is
that of the hippocampus (1 or 2) on the crop's own voxels. The windows lie around the middle of the crop. The time is
that of all training steps; encoding, which is done once, is told beside it. With --epochs each row has that many
epochs in place of a time. The features are the starter's, frozen.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import figures
import numpy as np
from figures import Figure

TESTED = 20
ONE, QUARTER = (48, 64, 48), (48, 32, 24)
BAR = 0.85
STEM = {"decoder": "stem", "decoder_options": {"channels": [24, 48, 112]}}
FOUR = {"windows": "all", "window": QUARTER, "counts": (1, 2, 2)}
COMMON = {
    "window": ONE,
    "from_scratch": True,
    "spacing_mm": (1.0, 1.0, 1.0),
    "mirror": False,
    "batch": 2,
    "rate": 1.5e-3,
    "views": 2,
}
ROWS: dict[str, dict[str, Any]] = {
    "one window": STEM,
    "four windows, one shared arm": {**STEM, **FOUR},
    "four windows, an arm each": {**STEM, **FOUR, "arms": "per-window"},
    "one window, from the starter's decoder": {"from_scratch": False},
    "baseline: linear probe": {"decoder": "linear"},
    "baseline: 3D U-Net from scratch": {"decoder": "unet"},
    "one window, no augmentation": {**STEM, "views": 1},
    "one window, new views, not cached": {**STEM, "views": 0},
}
BASELINES = ("baseline: linear probe", "baseline: 3D U-Net from scratch")


def register_unet() -> None:
    """Make monai's 3D U-Net (4.8 million parameters) a head, which looks at the image alone."""
    from monai.networks.nets import UNet
    from neosegdino.decoder import Head, HeadShape, register

    @register("unet")
    class UNetHead(Head):
        def __init__(self, shape: HeadShape) -> None:
            super().__init__(shape)
            channels = (16, 32, 64, 128, 256)
            self.net = UNet(3, 1, shape.classes, channels, (2,) * 4, num_res_units=2, norm="INSTANCE")

        def forward(self, tokens: Sequence[Any], image: Any) -> Any:
            return self.net(image)


class Experiment:
    """The cases, and the training of one row after the other."""

    def __init__(self, folder: Path, device: str, seconds: float, epochs: int | None) -> None:
        from neosegdino.bundle_store import find_bundle
        from neosegdino.cases.case import Case
        from neosegdino.cases.loading import load_case
        from neosegdino.device import resolve

        self.bundle, self.choice, self.seconds, self.epochs = find_bundle(None), resolve(device), seconds, epochs
        names = sorted(path.name for path in (folder / "images").glob("*.nii.gz"))
        files = ((name, str(folder / "images" / name), str(folder / "labels" / name), name) for name in names)
        self.cases = [load_case(Case(*parts)) for parts in files]

    def row(self, name: str) -> tuple[list[float], list[float]]:
        """Train one row; return the Dice of the test cases: of the hippocampus, and the mean of its two parts."""
        from neosegdino.training.prepare import prepare_case
        from neosegdino.training.settings import FinetuneSettings

        settings = FinetuneSettings(**(COMMON | ROWS[name]), device=str(self.choice.device))
        with tempfile.TemporaryDirectory() as scratch:
            student, views = self._student(settings, Path(scratch))
            prepared = [prepare_case(case, student.spec, middle(case.volume)) for case in self.cases]
            training, tested = prepared[:-TESTED], prepared[-TESTED:]
            encoding = timed(lambda: encode(views, training, settings))
            epochs = self.epochs or self._epochs_in_time(student, views, training, settings, Path(scratch))
            student, views = self._student(settings, Path(scratch))
            took = timed(lambda: self._train(student, views, training, settings, epochs, Path(scratch)))
            pairs = zip(tested, self.cases[-TESTED:], strict=True)
            results = [self._test(student, views.plain(case), case, loaded) for case, loaded in pairs]
        count = sum(p.numel() for p in student.model.arms.parameters()) / 1e6
        print(
            f"{name}: {epochs} epochs in {took:.0f} s, encoding {encoding:.0f} s, {count:.1f} M parameters, mean "
            f"Dice {np.mean([whole for whole, _ in results]):.3f}",
            flush=True,
        )
        whole, parts = zip(*results, strict=True)
        return list(whole), list(parts)

    def _epochs_in_time(self, student: Any, views: Any, training: Any, settings: Any, scratch: Path) -> int:
        probe = timed(lambda: self._train(student, views, training, settings, 1, scratch))
        return max(1, round(self.seconds / probe))

    def _student(self, settings: Any, scratch: Path) -> tuple[Any, Any]:
        from neosegdino.inference import Run
        from neosegdino.progress import Progress
        from neosegdino.training.feature_cache import FeatureCache
        from neosegdino.training.student import create_student
        from neosegdino.training.views import Views

        student = create_student(self.bundle, settings, self.choice.device)
        cache = FeatureCache(scratch / "features", 1 << 37)
        kind = image_views() if settings.decoder == "unet" else Views
        return student, kind(student, settings, cache, Run(student.spec, self.choice, Progress()))

    def _train(self, student: Any, views: Any, training: Any, settings: Any, epochs: int, scratch: Path) -> None:
        import msgspec
        from neosegdino.progress import Progress
        from neosegdino.training.reporter import Reporter
        from neosegdino.training.run_folder import RunFolder
        from neosegdino.training.trainer import Trainer

        folder = RunFolder(scratch / "run")
        shutil.rmtree(folder.folder, ignore_errors=True)
        folder.folder.mkdir()
        settings = msgspec.structs.replace(settings, epochs=epochs)
        Trainer(student, views, training, [], settings, folder, Reporter(folder, Progress())).run()

    def _test(self, student: Any, sample: Any, case: Any, loaded: Any) -> tuple[float, float]:
        """Dice on the crop's own voxels."""
        from neosegdino.evaluation.measures import compare
        from neosegdino.geometry import Grid, resample
        from neosegdino.training.scores import whole_scores

        probabilities = whole_scores(student.model.arms, sample).softmax(dim=0).cpu().numpy()
        grid = Grid(loaded.volume.shape, loaded.volume.affine)
        found = resample(probabilities, case.affine, grid, fill=(1.0, 0.0, 0.0)).argmax(axis=0)
        truth = loaded.labels
        spacing = loaded.volume.spacing
        whole, front, back = (
            compare(there, seen, spacing).dice or 0.0
            for there, seen in ((truth > 0, found > 0), (truth == 1, found == 1), (truth == 2, found == 2))
        )
        return whole, (front + back) / 2


def image_views() -> type:
    """Views whose tokens are not made: of a network that does not look at them."""
    import dataclasses

    from neosegdino.training.views import Sample, Views

    class ImageViews(Views):
        def _sample(self, *args: Any, **options: Any) -> Sample:
            return dataclasses.replace(super()._sample(*args, **options), tokens=lambda position: [])

    return ImageViews


def encode(views: Any, training: Sequence[Any], settings: Any) -> None:
    """Fill the cache with all views."""
    for case in training:
        for view in range(settings.views):
            sample = views.training(case, view)
            for position in range(len(sample.cut)):
                sample.tokens(position)


def middle(volume: Any) -> np.ndarray:
    """RAS point in the middle of a volume."""
    return np.asarray((volume.affine @ [*((n - 1) / 2 for n in volume.shape), 1])[:3])


def timed(work: Callable[[], object]) -> float:
    """Seconds that some work takes."""
    import torch

    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def table(name: str, whole: Sequence[float], parts: Sequence[float]) -> list[Figure]:
    """Figures of a row."""
    spread = f"mean of {len(whole)} (sd {np.std(whole, ddof=1):.3f})"
    mean = [float(np.mean(whole))]
    kind = figures.plain(f"{name}: Dice, {spread}", mean, "")
    if name not in BASELINES:
        kind = figures.at_least(f"{name}: Dice, {spread}", mean, "", BAR)
    return [kind, figures.plain(f"{name}: mean Dice of both parts", [float(np.mean(parts))], "")]


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    benchmark.parser.add_argument("folder", type=Path)
    benchmark.parser.add_argument("--device", default="auto")
    lengths = benchmark.parser.add_mutually_exclusive_group()
    lengths.add_argument("--seconds", type=float, default=80, help="training time of each row")
    lengths.add_argument("--epochs", type=int, help="epochs of each row, in place of a time")
    benchmark.parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    arguments = benchmark.parser.parse_args()
    register_unet()
    experiment = Experiment(arguments.folder, arguments.device, arguments.seconds, arguments.epochs)
    rows = [figure for name in arguments.rows for figure in table(name, *experiment.row(name))]
    length = f"{arguments.epochs} epochs" if arguments.epochs else f"{arguments.seconds:g} s"
    data = f"MSD Task04: {len(experiment.cases) - TESTED} cases trained on, {TESTED} tested; {length} a row"
    benchmark.finish(data, rows, arguments.json, experiment.choice.line)


if __name__ == "__main__":
    main()
