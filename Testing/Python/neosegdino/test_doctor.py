from __future__ import annotations

import json
from pathlib import Path

import pytest
from bundle_samples import NAME, make_bundle
from neosegdino import bundle_store, doctor
from neosegdino.errors import DependencyError


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bundle_store, "search_folders", lambda: [tmp_path / "models"])
    return tmp_path / "models"


def test_a_machine_that_can_segment(store: Path) -> None:
    make_bundle(store / NAME)
    found = json.loads(json.dumps(doctor.examine()))
    assert found["ready"] is True
    assert found["problems"] == []
    assert found["versions"]["timm"]
    assert found["memory_bytes"]["available"] > 0
    assert found["bundles"] == [{"name": NAME, "version": "1.0.0", "folder": str(store / NAME), "state": "whole"}]
    text = doctor.as_text(found)
    assert text.endswith("Ready to segment.")
    assert found["device"]["line"] in text


def test_no_bundle_is_a_problem(store: Path) -> None:
    found = doctor.examine()
    assert not found["ready"]
    assert [problem["exit_code"] for problem in found["problems"]] == [4]
    assert "Segmentation cannot work here yet." in doctor.as_text(found)


def test_broken_bundle_is_shown_with_its_reason(store: Path) -> None:
    make_bundle(store / NAME)
    (store / NAME / "encoder.safetensors").write_bytes(b"")
    found = doctor.examine()
    assert found["bundles"][0]["state"].startswith("broken: ")
    assert "encoder.safetensors" in found["bundles"][0]["state"]
    assert not found["ready"]


def test_timm_that_does_not_load_is_a_problem(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bundle(store / NAME)

    def fail() -> None:
        raise DependencyError("timm does not load.", "Install it.")

    monkeypatch.setattr("neosegdino.backbone.import_timm", fail)
    found = doctor.examine()
    assert [(problem["kind"], problem["exit_code"]) for problem in found["problems"]] == [("DependencyError", 8)]


def test_missing_package_is_a_problem(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bundle(store / NAME)
    monkeypatch.setattr(doctor, "_IMPORTS", ("no_such_package",))
    found = doctor.examine()
    assert "no_such_package" in found["problems"][0]["message"]
    assert not found["ready"]


def test_a_device_asked_for_that_cannot_be_used_is_a_problem(store: Path) -> None:
    make_bundle(store / NAME)
    found = doctor.examine("cuda:99")
    assert found["device"] is None
    (problem,) = found["problems"]
    assert (problem["kind"], problem["exit_code"]) == ("DeviceError", 6)
    assert problem["message"].startswith("The device cuda:99 cannot be used: ")
    assert doctor.examine("cpu")["device"]["name"] == "cpu"
