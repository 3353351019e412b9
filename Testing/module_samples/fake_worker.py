"""A worker that does on request what the real one never should: dies, hangs, babbles, fills the disk.

Called as the package's command line is; the environment variable ``FAKE_WORKER`` says what it does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def say(**event: object) -> None:
    """One JSON line."""
    print(json.dumps(event), flush=True)


def progress(fraction: float, stage: str, remaining_s: float | None = None) -> None:
    """Tell of progress."""
    say(event="progress", fraction=fraction, stage=stage, remaining_s=remaining_s)


def hang() -> None:
    """Start a child that hangs as well, write both process numbers down, and never end."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(os.environ["FAKE_WORKER_PIDS"]).write_text(f"{os.getpid()} {child.pid} {Path.cwd()}")
    progress(0.4, "segment", 12.0)
    time.sleep(600)


def crash() -> None:
    """Die in the middle with a traceback."""
    progress(0.3, "segment")
    raise RuntimeError("the tensor has a bad day: \u00fc")


def vanish() -> None:
    """Be killed, as by a system that runs out of memory."""
    progress(0.3, "segment")
    os.kill(os.getpid(), 9)


def nothing() -> None:
    """End well without a result."""


def error() -> None:
    """Say properly what is wrong with the input."""
    say(
        event="error",
        kind="VolumeError",
        message=f"{sys.argv[2]}: all voxels are equal.",
        remedy="Load it again.",
        exit_code=3,
    )
    sys.exit(3)


def labels_for(source: str) -> tuple[object, dict[str, object]]:
    """Two boxes, the left one on the left of the image's middle in RAS, and their report."""
    import nibabel as nib
    import numpy as np

    image = nib.load(source)
    grid = np.moveaxis(np.indices(image.shape), 0, -1)
    points = nib.affines.apply_affine(image.affine, grid)
    middle = nib.affines.apply_affine(image.affine, (np.array(image.shape) - 1) / 2)
    near = np.abs(points - middle)
    band = (near[..., 0] > 6) & (near[..., 0] < 14) & (near[..., 1:] < 5).all(axis=-1)
    labels = np.where(band, np.where(points[..., 0] < middle[0], 1, 2), 0).astype(np.uint8)
    voxel = abs(np.linalg.det(image.affine[:3, :3]))
    rows = [
        {
            "label": label,
            "side": side,
            "name": f"{side.capitalize()} hippocampus",
            "volume_mm3": float((labels == label).sum() * voxel),
            "volume_ml": float((labels == label).sum() * voxel / 1000),
            "centroid_ras": [float(v) for v in points[labels == label].mean(axis=0)],
            "confidence": 0.91,
            "components_removed": 0,
        }
        for label, side in ((1, "left"), (2, "right"))
    ]
    return nib.Nifti1Image(labels, image.affine), report_with(rows, image, source)


def report_with(rows: list[dict[str, object]], image: Any, source: str) -> dict[str, object]:
    """A whole report, as `neosegdino.report` has it."""
    import nibabel as nib
    from neosegdino import measure
    from neosegdino.age import described

    age = float(sys.argv[sys.argv.index("--age-weeks") + 1]) if "--age-weeks" in sys.argv else None
    left, right = (float(str(row["volume_mm3"])) for row in rows)
    return {
        "schema": "neosegdino-report/1",
        "neosegdino": "0.0",
        "date": "2026-01-02T03:04:05+00:00",
        "bundle": {"name": "fake", "version": "1.0", "sha256": 64 * "0"},
        "input": {
            "source": source,
            "sha256": None,
            "shape": list(image.shape),
            "spacing_mm": [float(side) for side in image.header.get_zooms()],
            "axis_codes": list(nib.aff2axcodes(image.affine)),
        },
        "age": described(age),
        "hippocampus": rows,
        "asymmetry": measure.asymmetry(left, right),
        "edited": False,
        "windows": {"mode": "located", "size": [32, 32, 32], "located": None},
        "device": {"name": "cpu", "line": "CPU"},
        "versions": {"python": "3"},
        "flags": [{"code": "asymmetry-range", "message": "The two sides differ."}],
        "warnings": ["The two sides differ."],
        "research_use": "Research use only.",
    }


def confidence_for(labels: Any) -> Any:
    """Certain everywhere, but for the shell of each box."""
    import numpy as np
    from scipy import ndimage

    inside = labels > 0
    shell = ndimage.binary_dilation(inside) & ~ndimage.binary_erosion(inside)
    return np.where(shell, np.float32(0.6), np.float32(1.0))


def result(babble: bool = False) -> None:
    """Do the work; with noise around it if asked."""
    import nibabel as nib
    import numpy as np

    source, out = sys.argv[2], Path(sys.argv[sys.argv.index("--out") + 1])
    out.mkdir()
    progress(0.95, "restore")
    if babble:
        print("Downloading 100%|####|\rnot JSON {", flush=True)
        print('"a string"\n[1, 2]\nnull\n{"event": "unknown"}', flush=True)
        sys.stdout.buffer.write(b"\xff\xfe broken bytes\n")
        sys.stdout.flush()
        print("a warning of some library", file=sys.stderr)
    image, report = labels_for(source)
    nib.save(image, out / "labels.nii.gz")
    if "--confidence" in sys.argv:
        nib.save(nib.Nifti1Image(confidence_for(np.asarray(image.dataobj)), image.affine), out / "confidence.nii.gz")
    (out / "report.json").write_text(json.dumps(report))
    progress(1.0, "done", 0.0)
    names = {"labels": "labels.nii.gz", "report": "report.json", "confidence": "confidence.nii.gz"}
    output = {name: str(out / file) for name, file in names.items()}
    say(event="result", output=output | {"warnings": report["warnings"]})


def babble() -> None:
    """Do the work, with garbage on both streams."""
    result(babble=True)


def chatter() -> None:
    """Tell of progress without end."""
    while True:
        progress(0.5, "segment")


def slow() -> None:
    """Do the work, in small steps."""
    for step in range(10):
        progress(step / 10, "segment", (10 - step) * 0.1)
        time.sleep(0.1)
    result()


def waits() -> None:
    """Say that the work has begun, and do it once the file of ``FAKE_WORKER_GO`` is there; end with the parent."""
    progress(0.2, "segment")
    parent = os.getppid()
    while not Path(os.environ["FAKE_WORKER_GO"]).exists():
        if os.getppid() != parent:
            sys.exit(1)
        time.sleep(0.02)
    result()


def as_named() -> None:
    """Do what the volume's name says, without the number behind it."""
    globals()[Path(sys.argv[2]).stem.rstrip("0123456789_")]()


def short_of_memory() -> None:
    """Warn, then do the work."""
    progress(0.2, "segment")
    say(event="log", level="warning", message="Small card has too little memory. The CPU computes instead.")
    slow()


def wrong_grid() -> None:
    """Hand over labels of another shape."""
    import nibabel as nib
    import numpy as np

    out = Path(sys.argv[sys.argv.index("--out") + 1])
    out.mkdir()
    nib.save(nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), np.eye(4)), out / "labels.nii.gz")
    (out / "report.json").write_text("{}")
    say(event="result", output={"labels": str(out / "labels.nii.gz"), "report": str(out / "report.json")})


def doctor() -> None:
    """Say what computes."""
    device = {"torch": "0.0", "cuda": None, "line": "CPU, 1 thread, 1.0 GiB free", "notes": []}
    print(json.dumps({"device": device, "problems": []}))


if __name__ == "__main__" and sys.argv[1] == "doctor":
    doctor()
elif __name__ == "__main__":
    globals()[os.environ["FAKE_WORKER"]]()
