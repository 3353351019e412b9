"""One booted Slicer stand-in: everything a test needs, in one object."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from rig import pytorch_utils, sample_data, slicer_package
from rig.dialogs import Dialogs, dialogs
from rig.problems import Problems, problems


class Session:
    """The rig in this process.

    Attributes
    ----------
    app : qSlicerApplication
    scene : vtkMRMLScene
    dialogs : Dialogs
        Answers for dialogs, and those shown.
    world : rig.scene.Scene
        The scene with its logics, as the views want it.
    problems : Problems
        Exceptions in slots and observers; calls that Slicer would refuse.
    torch : pytorch_utils
        What the stand-in of PyTorchUtils pretends.
    packaging : module
        ``slicer.packaging``; the stand-in's `calls` records installations.
    temporary : Path
        Folder of this process, removed at exit.
    """

    def __init__(self) -> None:
        source = slicer_package.source()
        self.uses_slicer_source = source is not None
        self.dialogs: Dialogs = dialogs
        self.problems: Problems = problems
        self.torch: ModuleType = pytorch_utils
        self.temporary = Path(tempfile.mkdtemp(prefix="slicer_rig_"))
        atexit.register(shutil.rmtree, self.temporary, ignore_errors=True)
        (self.temporary / "tmp").mkdir()
        problems.install()
        self._boot_qt()
        self._boot_scene(source)
        slicer_package.complete(source)
        import slicer.packaging

        self.packaging: Any = slicer.packaging
        pytorch_utils.reset()
        sample_data.install()

    def _boot_qt(self) -> None:
        import slicer

        from rig import ctk_module, qt_module, references

        references.make_plenty()
        slicer_package.prepare()
        qt = qt_module.build()
        ctk_module.build()
        from rig import application, main_window, mrml_widgets, ui_loader  # noqa: F401 (the widgets register themselves)

        qt.QUiLoader = ui_loader.QUiLoader  # type: ignore[attr-defined]
        self.app: Any = application.qSlicerApplication(self.temporary)
        slicer.app = self.app
        self.window: Any = main_window.main_window()

    def _boot_scene(self, source: Path | None) -> None:
        import slicer

        from rig import scene, terminology
        from rig.subject_hierarchy import SubjectHierarchy

        cache = self.temporary / "cache"
        cache.mkdir()
        self.world = scene.boot(cache, terminology.write(self.temporary / "share", source))
        self.scene: Any = self.world.node
        self._hierarchy = SubjectHierarchy(self.scene)
        self.app.attach(self.world)
        for name, logic in self.world.logics.items():
            module = SimpleNamespace(name=name, path="", logic=_always(logic))
            setattr(slicer.modules, name.lower(), module)
        from rig.segment_editor import SegmentEditorModule

        self.app.moduleManager().add(SegmentEditorModule())

    def clear(self) -> None:
        """Close the scene and forget what a test left behind."""
        self.scene.Clear(0)
        self.process_events()
        self.dialogs.reset()
        self.app.setTesting(False)
        self.app.extensionsManagerModel().installed.clear()
        pytorch_utils.reset()
        sample_data.reset()
        if not self.uses_slicer_source:
            self.packaging.calls.clear()

    def views_are_there(self) -> bool:
        """Whether the scene still holds the nodes that the slice views were built with."""
        nodes = [logic.GetSliceNode() for logic in self.world.slice_logics.values()]
        return all(node is not None and self.scene.IsNodePresent(node) for node in nodes)

    def process_events(self) -> None:
        """Let timers and posted events run."""
        self.app.processEvents()

    def wait_for(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Run the event loop until a condition holds.

        Raises
        ------
        TimeoutError
            When it does not hold in time.
        """
        import time

        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s")
            self.app.processEvents()
            time.sleep(0.005)

    def load_module(self, path: str | Path) -> Any:
        """Load a scripted module from its file."""
        from rig import module

        return module.load(path)


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value
