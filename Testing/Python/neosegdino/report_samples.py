"""A whole report, as the tests of what is made of it need one."""

from __future__ import annotations

from typing import Any

from neosegdino.age import described


def side(label: int, name: str, mm3: float, confidence: float | None) -> dict[str, Any]:
    return {
        "label": label,
        "side": name,
        "name": f"{name.capitalize()} hippocampus",
        "volume_mm3": mm3,
        "volume_ml": mm3 / 1000,
        "centroid_ras": [0.0, 0.0, 0.0],
        "confidence": confidence,
        "components_removed": 0,
    }


def make_report(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "schema": "neosegdino-report/1",
        "neosegdino": "1.2.3",
        "date": "2026-01-02T03:04:05+01:00",
        "bundle": {"name": "sample", "version": "2.0", "sha256": 32 * "ab"},
        "input": {
            "source": "sub-01 <T2w> & more",
            "sha256": 32 * "cd",
            "shape": [10, 20, 30],
            "spacing_mm": [0.8, 0.9, 1.0],
            "axis_codes": ["R", "A", "S"],
        },
        "age": described(31.0),
        "hippocampus": [side(1, "left", 1100.0, 0.876), side(2, "right", 1210.0, None)],
        "asymmetry": 0.0952,
        "edited": False,
        "windows": {"mode": "located", "size": [32, 32, 32], "located": None},
        "device": {"name": "cpu", "line": "CPU, 2 threads"},
        "versions": {"python": "3.12.0", "torch": "2.9.0", "timm": None},
        "flags": [{"code": "border-image", "message": "Cut <off>."}, {"code": "border-image", "message": "Here too."}],
        "warnings": ["Cut <off>.", "Here too."],
        "research_use": "Research use only.",
    }
    return values | changes
