"""What a user reads can be translated: every text of the module and of the form goes through Slicer's translator."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[3] / "NeoSegDINO"
SOURCES = [MODULE / "NeoSegDINO.py", *sorted((MODULE / "NeoSegDINOLib").glob("*.py"))]
FORM = MODULE / "Resources" / "UI" / "NeoSegDINO.ui"
SHOWN = {"text", "toolTip", "title", "windowTitle", "placeholderText", "accessibleName", "noneDisplay"}
SHOWN_BY = {
    *("setText", "setToolTip", "setWindowTitle", "setTitle", "setPlaceholderText", "addItem", "addItems", "say"),
    *("setHorizontalHeaderLabels", "setAccessibleName", "show_info", "show_warning", "Cancelled", "Paused", "Lack"),
    *("confirmOkCancelDisplay", "confirmYesNoDisplay", "infoDisplay", "warningDisplay", "errorDisplay"),
    *("getOpenFileName", "getSaveFileName", "getExistingDirectory", "showStatusMessage", "delayDisplay"),
}
NAMES_AND_TESTS = {"NeoSegDINO", "The sample has been segmented", "A cancelled run left nothing behind"}
"""The module's name, and what its self test says."""


def is_sentence(node: ast.expr) -> bool:
    """Whether a literal is for people, not a name or an option."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
        return any(sum(map(str.isalpha, str(part))) > 1 and " " in str(part) for part in parts)
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return " " in node.value.strip() and node.value not in NAMES_AND_TESTS


def shown(tree: ast.AST) -> Iterator[ast.expr]:
    """Every expression that a user gets to read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SHOWN_BY or name.endswith("Error"):
                yield from (*node.args, *(keyword.value for keyword in node.keywords))
        elif isinstance(node, ast.Assign):
            targets = [target.attr for target in node.targets if isinstance(target, ast.Attribute)]
            if SHOWN.intersection(targets):
                yield node.value


def untranslatable(source: str) -> list[str]:
    """Texts that Slicer's translators never see."""
    tree = ast.parse(source)
    bare = [ast.unparse(node) for node in shown(tree) if is_sentence(node)]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"]
    odd = [ast.unparse(call) for call in calls if len(call.args) != 1 or not isinstance(call.args[0], ast.Constant)]
    return [*bare, *odd]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_texts_of_the_module(path):
    assert untranslatable(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        'label.text = "Choose a volume"',
        'raise OutputError(f"The file {name} is gone.")',
        'raise CaseError(_("Well."), "Try it again.")',
        'label.text = _(f"About {seconds} s left")',
        'label.text = _("A" + text)',
        'slicer.util.confirmOkCancelDisplay("Replace it?", windowTitle="Replace the model")',
    ],
)
def test_a_text_that_cannot_be_translated_is_found(source):
    assert untranslatable(source)


@pytest.mark.parametrize(
    "source",
    [
        'label.text = _("Choose a volume")',
        'raise OutputError(_("The file {name} is gone.").format(name=name))',
        'combo.connect("currentIndexChanged(int)", self.on_index)',
        'label.text = f"{left} {right}"',
    ],
)
def test_a_text_that_can_be_translated_is_none(source):
    assert untranslatable(source) == []


def test_texts_of_the_form():
    """Qt Designer marks with ``notr`` what no translator sees: names of nodes and of parameters only."""
    root = ET.parse(FORM).getroot()
    for element in root.iter("property"):
        string = element.find("string")
        if string is not None and element.get("name") in SHOWN | {"toolTip"}:
            assert string.get("notr") is None, string.text
    hidden = {e.get("name") for e in root.iter("property") for s in e if s.get("notr") == "true"}
    assert hidden <= {"SlicerParameterName", "nodeTypes"}
