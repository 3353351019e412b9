from __future__ import annotations

import builtins
import sys

from NeoSegDINOLib.bundles import bundle_choices


def test_default_first_then_the_others(models):
    choices = bundle_choices()
    assert choices[0] == ("", "Starter (1.0)")
    assert ("other", "Another model (1.0)") in choices[1:]
    assert "neonatal-starter" not in [name for name, _title in choices]


def test_damaged_bundles_are_left_out(models):
    (models / "other" / "decoder.safetensors").write_bytes(b"cut")
    assert "other" not in [name for name, _title in bundle_choices()]


def test_without_the_packages_only_the_default_is_named(monkeypatch):
    real = builtins.__import__

    def refuse(name, *arguments, **named):
        if name.split(".")[0] == "msgspec":
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **named)

    for name in [name for name in sys.modules if name.startswith("neosegdino.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("neosegdino.bundle_store", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    assert bundle_choices() == [("", "Default model")]
