"""The models of the tab "Models": real clicks, real bundles, real settings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import slicer
from module_samples.bundle import write_description
from module_samples.volumes import add_volume
from neosegdino import bundle_store
from neosegdino.bundle_store import DEFAULT
from NeoSegDINOLib import default_bundle


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """The user's folder, and no default model in the settings before and after."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    slicer.app.userSettings().remove(default_bundle.KEY)
    yield tmp_path / "home"
    slicer.app.userSettings().remove(default_bundle.KEY)


@pytest.fixture
def ui(home, models, jobs, module_widget):
    """The tab over a folder with two models, one of them of the default one's name."""
    module_widget.ui.tabWidget.currentIndex = 2
    return module_widget.ui


@pytest.fixture
def shipped_ui(home, monkeypatch, jobs, module_widget):
    """The tab over what ships with the extension."""
    monkeypatch.delenv("NEOSEGDINO_MODELS", raising=False)
    module_widget.ui.tabWidget.currentIndex = 2
    return module_widget.ui


@pytest.fixture
def done(slicer_scene, module_widget):
    """Wait until nothing is at work in the tab."""
    return lambda: slicer_scene.wait_for(lambda: not module_widget.modelsTab.busy)


@pytest.fixture
def choose(slicer_scene, ui, done):
    """Install a file; further answers are for the questions that come."""

    def click(path: Path, *answers: str) -> None:
        slicer_scene.dialogs.answer(str(path), *answers)
        ui.installModelButton.click()
        done()

    return click


def texts(ui) -> list[str]:
    return [ui.modelList.item(row).text() for row in range(ui.modelList.count)]


def select(ui, name: str) -> None:
    (row,) = [row for row, text in enumerate(texts(ui)) if text.startswith(name)]
    ui.modelList.setCurrentRow(row)


def offered(combo) -> list[str]:
    return [combo.itemText(index) for index in range(combo.count)]


def zipped(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.make_archive(str(tmp_path / "model"), "zip", folder))


def contents(models: Path) -> set[str]:
    return {path.name for path in models.iterdir() if path.name != ".lock"}


class TestList:
    def test_name_version_place_licence_and_size_of_each(self, ui):
        assert texts(ui) == [
            "Starter 1.0 (default)\ninstalled, Apache-2.0, 0.0 MB",
            "Another model 1.0\ninstalled, Apache-2.0, 0.0 MB",
        ]
        assert ui.modelList.currentRow == 0
        assert ui.modelList.item(0).font().bold()
        assert not ui.modelList.item(1).font().bold()

    def test_a_fine_tuned_model_is_named_so(self, ui, models, module_widget):
        write_description(models, "mine", "Mine", {"curves.csv": b"epoch\n"})
        module_widget.modelsTab.update()
        assert "Mine 1.0\nfine-tuned, Apache-2.0, 0.0 MB" in texts(ui)

    def test_the_shipped_one_shows_card_and_figures_and_cannot_be_removed(self, shipped_ui):
        spec = bundle_store.find_bundle(DEFAULT).spec
        first = spec.accuracy[0]
        size = f"{sum(entry.bytes for entry in spec.files.values()) / 2**20:.1f} MB"
        assert texts(shipped_ui) == [f"Neonatal starter {spec.version} (default)\nshipped, Apache-2.0, {size}"]
        card = shipped_ui.cardBrowser.toPlainText()
        assert "Licence: Apache-2.0" in card
        assert "Intended use: Research use only; not a medical device." in card
        assert "Age range: 30 weeks of gestation" in card
        assert "Contrasts: T1w, T2w" in card
        assert f"{first.data} (not trained on):\n{first.metric} {first.mean:.2f} (sd {first.sd:.2f}, n = " in card
        assert "(n = 1)" in card
        located = next(row for row in spec.accuracy if row.metric == "located")  # a share: it has no spread
        assert f"located {located.mean:.2f} (n = {located.count})" in card
        assert "These are not Meta's DINOv3 weights" in card
        assert not shipped_ui.removeModelButton.enabled
        assert "stays" in shipped_ui.removeModelButton.toolTip

    def test_figures_of_cases_that_chose_the_weights_say_so(self, ui, models, module_widget):
        write_description(models, "mine", "Mine", held_out=False)
        module_widget.modelsTab.update()
        select(ui, "Mine")
        assert "own cases (chose or trained the weights):\nDice, left 0.81 (sd 0.04, n = 5)" in (
            ui.cardBrowser.toPlainText()
        )

    def test_a_model_without_figures_and_card_says_so(self, ui):
        select(ui, "Another model")
        card = ui.cardBrowser.toPlainText()
        assert "nothing is known of this model's accuracy" in card
        assert "This model has no card." in card

    def test_a_broken_one_says_what_is_wrong(self, ui, models, module_widget):
        (models / "other" / "decoder.safetensors").write_bytes(b"cut")
        module_widget.modelsTab.update()
        select(ui, "other\n")
        assert "cannot be used" in texts(ui)[1]
        assert "is damaged" in ui.cardBrowser.toPlainText()
        assert not ui.defaultModelButton.enabled
        assert ui.removeModelButton.enabled

    def test_a_long_card_is_cut_and_one_that_has_gone_is_told(self, ui, models, module_widget):
        write_description(models, "mine", "Mine", {"CARD.md": b"word " * 100_000})
        module_widget.modelsTab.update()
        select(ui, "Mine")
        assert 200_000 < len(ui.cardBrowser.toPlainText()) < 300_000
        (models / "mine" / "CARD.md").unlink()
        select(ui, "Starter")
        select(ui, "Mine")
        assert "Its card cannot be read" in ui.cardBrowser.toPlainText()

    def test_a_picture_of_a_card_is_named_alone(self, ui, models, module_widget):
        card = b"Before.\n\n![Known failures](worst.png)\n\nAfter."
        write_description(models, "mine", "Mine", {"CARD.md": card, "worst.png": b"no picture"})
        module_widget.modelsTab.update()
        select(ui, "Mine")
        assert "Before.\nPicture in the folder: worst.png\nAfter." in ui.cardBrowser.toPlainText()
        assert "\N{OBJECT REPLACEMENT CHARACTER}" not in ui.cardBrowser.toPlainText()

    def test_links_of_a_card_open_outside_and_others_lead_nowhere(self, ui, slicer_scene):
        import qt

        ui.cardBrowser.anchorClicked.emit(qt.QUrl("https://arxiv.org/abs/2602.23962"))
        ui.cardBrowser.anchorClicked.emit(qt.QUrl("file:///etc/passwd"))
        assert slicer_scene.dialogs.opened_urls == ["https://arxiv.org/abs/2602.23962"]


class TestInstall:
    @pytest.mark.parametrize("as_zip", [True, False])
    def test_from_a_zip_or_a_folder(self, ui, models, choose, tmp_path, as_zip):
        source = write_description(tmp_path / "here", "new", "New model")
        choose(zipped(source, tmp_path) if as_zip else source / "bundle.json")
        assert (models / "new" / "bundle.json").is_file()
        assert "New model 1.0\ninstalled, Apache-2.0, 0.0 MB" in texts(ui)
        assert ui.modelList.currentItem().text().startswith("New model")
        assert ui.modelsMessageLabel.text == "'New model' was installed."
        assert "New model (1.0)" in offered(ui.bundleComboBox)
        assert "New model (1.0)" in offered(ui.baseComboBox)

    def test_nothing_chosen_changes_nothing(self, ui, models, slicer_scene, module_widget):
        slicer_scene.dialogs.answer("")
        ui.installModelButton.click()
        assert not module_widget.modelsTab.busy
        assert ui.modelsMessageFrame.isHidden()

    def test_a_damaged_file_is_told_and_leaves_nothing(self, ui, models, choose, tmp_path):
        source = write_description(tmp_path / "here", "new", "New model")
        (source / "decoder.safetensors").write_bytes(b"other deco")
        choose(zipped(source, tmp_path))
        message, remedy = ui.modelsMessageLabel.text.split("\n\n")
        assert "decoder.safetensors is damaged" in message
        assert remedy == "Get the bundle again from its source."
        assert contents(models) == {DEFAULT, "other"}

    @pytest.mark.parametrize(("answer", "title"), [("Cancel", "Another model"), ("Ok", "Newer model")])
    def test_an_installed_one_is_replaced_only_with_a_yes(self, ui, choose, slicer_scene, tmp_path, answer, title):
        source = write_description(tmp_path / "here", "other", "Newer model")
        choose(zipped(source, tmp_path), answer)
        assert "A bundle named other is installed already" in slicer_scene.dialogs.shown[-1].text
        assert any(text.startswith(title) for text in texts(ui))


class TestRemove:
    def test_asks_first(self, ui, models, slicer_scene):
        select(ui, "Another model")
        slicer_scene.dialogs.answer("Cancel")
        ui.removeModelButton.click()
        assert contents(models) == {DEFAULT, "other"}

    def test_gone_from_disk_and_from_the_other_tabs(self, ui, models, slicer_scene, done, module_widget):
        module_widget._parameterNode.bundle = "other"
        select(ui, "Another model")
        slicer_scene.dialogs.answer("Ok")
        ui.removeModelButton.click()
        done()
        assert contents(models) == {DEFAULT}
        assert len(texts(ui)) == 1
        assert "Another model (1.0)" not in offered(ui.bundleComboBox) + offered(ui.baseComboBox)
        assert module_widget._parameterNode.bundle == ""

    def test_the_default_one_gives_its_place_back(self, ui, slicer_scene, done):
        select(ui, "Another model")
        ui.defaultModelButton.click()
        slicer_scene.dialogs.answer("Ok")
        ui.removeModelButton.click()
        done()
        assert default_bundle.default_bundle() == ""
        assert "The shipped model is the default again." in ui.modelsMessageLabel.text
        assert texts(ui)[0].startswith("Starter 1.0 (default)")


class TestDefault:
    @pytest.fixture
    def other_is_default(self, ui):
        select(ui, "Another model")
        ui.defaultModelButton.click()

    def test_is_marked_kept_and_seen_by_the_other_tabs(self, ui, other_is_default):
        assert slicer.util.settingsValue("NeoSegDINO/DefaultModel", "") == "other"
        assert texts(ui)[1].startswith("Another model 1.0 (default)")
        assert texts(ui)[0].startswith("Starter 1.0\n")
        for combo in (ui.bundleComboBox, ui.baseComboBox):
            assert offered(combo)[0] == "Another model (1.0)"
            assert "Starter (1.0)" in offered(combo)[1:]

    def test_a_click_and_the_console_use_it(self, ui, other_is_default, fake_worker, slicer_scene, module_widget):
        fake_worker("slow")
        volume = add_volume()
        ui.segmentButton.click()
        run = module_widget.segmentTab.run
        slicer_scene.wait_for(lambda: module_widget.segmentTab.run is None)
        assert "--bundle other" in run.log
        run = module_widget.logic.segment(volume, wait=False)
        run.wait()
        assert "--bundle other" in run.log
        run = module_widget.logic.segment(volume, bundle=DEFAULT, wait=False)
        run.wait()
        assert f"--bundle {DEFAULT}" in run.log

    def test_fine_tuning_starts_from_it(self, ui, other_is_default, module_widget):
        assert module_widget.finetuneTab._settings.settings().bundle == "other"

    def test_the_shipped_one_can_be_chosen_again(self, ui, other_is_default):
        select(ui, "Starter")
        ui.defaultModelButton.click()
        assert default_bundle.default_bundle() == ""
        assert offered(ui.bundleComboBox)[0] == "Starter (1.0)"

    def test_one_that_has_gone_is_told_and_not_replaced_silently(self, ui, other_is_default, models, module_widget):
        shutil.rmtree(models / "other")
        module_widget.modelsTab.update()
        assert "'other' is not installed" in ui.modelsMessageLabel.text
        module_widget.onModelsChanged()
        assert offered(ui.bundleComboBox)[0] == "other (not installed)"


class TestVerify:
    def test_a_whole_one(self, ui, done):
        ui.verifyModelButton.click()
        done()
        assert ui.modelsMessageLabel.text == f"'{DEFAULT}' is whole: 2 files."

    def test_an_altered_one(self, ui, models, done):
        path = models / DEFAULT / "encoder.safetensors"
        path.write_bytes(path.read_bytes().upper())
        ui.verifyModelButton.click()
        done()
        assert "encoder.safetensors is damaged or altered" in ui.modelsMessageLabel.text


def test_without_the_packages_the_tab_says_when_they_come(ui, module_widget, monkeypatch):
    import builtins
    import sys

    real = builtins.__import__

    def refuse(name, *arguments, **named):
        if name.split(".")[0] in ("msgspec", "psutil"):
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **named)

    for name in [name for name in sys.modules if name.startswith("neosegdino.") and "errors" not in name]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("bundle_store", "licences"):
        monkeypatch.delattr(f"neosegdino.{name}", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    module_widget.modelsTab.update()
    assert "not installed yet" in ui.modelsMessageLabel.text
    assert not ui.weightsCollapsibleButton.enabled
