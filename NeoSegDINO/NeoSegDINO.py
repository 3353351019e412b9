"""Slicer module NeoSegDINO: left and right hippocampus from a newborn's brain MRI (research use)."""
# ruff: noqa: N802, N803, N815 (Slicer's names)

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import slicer
import vtk
from neosegdino.errors import Cancelled
from NeoSegDINOLib.choices import Arms, Device, FinetuneWindows, Windows
from NeoSegDINOLib.job import ProgressUpdate, Request, check_windows, worker_bundle
from NeoSegDINOLib.nodes import image_of
from NeoSegDINOLib.run import SegmentationRun
from NeoSegDINOLib.sample_data import SAMPLE_FILE, register_sample_data
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Decimals, SingleStep, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

if TYPE_CHECKING:
    from NeoSegDINOLib.finetune_run import FinetuneRun

HOMEPAGE = "https://github.com/neosegdino/NeoSegDINO"


class NeoSegDINO(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "NeoSegDINO"
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["SampleData"]
        self.parent.contributors = ["The NeoSegDINO contributors"]
        self.parent.helpText = _(
            "<p>Finds the left and the right hippocampus in a newborn's brain MRI: choose the volume and click "
            "<b>Segment Hippocampus</b>. For research use only, not a medical device.</p>"
            '<p>Tutorials: <a href="{tutorials}/first-run.md">from the installation to the first result</a>, '
            '<a href="{tutorials}/walk.md">the panel in pictures</a>, '
            '<a href="{tutorials}/segment.md">segment a newborn</a>, '
            '<a href="{tutorials}/fine-tune.md">fine-tune on your own cases</a>. '
            '<a href="{url}">Documentation</a>, <a href="{url}/issues">report a problem</a>.</p>'
        ).format(url=HOMEPAGE, tutorials=f"{HOMEPAGE}/blob/main/Resources/Tutorials")
        self.parent.acknowledgementText = _(
            "<p>Method: a frozen 2D DINOv3 encoder read slice by slice in 3D windows, and a light 3D decoder "
            '(Usman, Khan and Syed, <a href="https://arxiv.org/abs/2602.23962">arXiv 2602.23962</a>).</p>'
            "<p>The starter model was trained by this project on synthetic images made from the label maps of "
            '<a href="https://github.com/BBillot/SynthSeg">SynthSeg</a> (Billot et al., Apache-2.0), without any '
            "patient image; it does not hold Meta's weights. Its card names data and licences.</p>"
            "<p>Code and shipped weights: Apache-2.0. Built on PyTorch, timm, NiBabel, SciPy, safetensors and MONAI, "
            "and on 3D Slicer.</p>"
        )
        slicer.app.connect("startupCompleted()", register_sample_data)


@parameterNodeWrapper
class NeoSegDINOParameterNode:
    """Choices of the panel, saved with the scene.

    Attributes
    ----------
    inputVolume : vtkMRMLScalarVolumeNode
        Volume to segment.
    segmentation : vtkMRMLSegmentationNode
        Node that takes the result; none makes a new one.
    bundle : str
        Name of the model bundle; empty for the default one.
    windows : Windows
        How the volume is covered.
    device : Device
        Where the model runs.
    ageWeeks : float
        Postmenstrual age; 0 where it is not given.
    finetuneFolder : str
        Folder of the fine-tuning run; empty for none.
    finetuneBundle : str
        Name of the bundle to start from; empty for the default one.
    finetuneCounts : str
        Windows per axis, as three numbers; empty for the whole volume.
    finetuneLeaveOutBad : bool
        Whether bad cases are left out.
    finetuneShowLook : bool
        Whether a validation case is shown in the slice views.
    finetuneName, finetuneWindows, finetuneArms, finetuneEpochs, finetuneViews, finetuneValidation, finetuneRate, \
    finetunePatience, finetuneSeed, finetuneFromScratch, finetuneDevice
        Settings of the same names in `neosegdino.training.settings`, whose defaults these are.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    bundle: str = ""
    windows: Windows = Windows.located
    device: Device = Device.auto
    ageWeeks: Annotated[float, WithinRange(0.0, 120.0), Decimals(1), SingleStep(1.0)] = 0.0
    finetuneFolder: str = ""
    finetuneName: str = "fine-tuned"
    finetuneBundle: str = ""
    finetuneWindows: FinetuneWindows = FinetuneWindows.located
    finetuneCounts: str = ""
    finetuneArms: Arms = Arms.shared
    finetuneEpochs: Annotated[int, WithinRange(1, 10000)] = 40
    finetuneViews: Annotated[int, WithinRange(0, 1000)] = 8
    finetuneValidation: Annotated[float, WithinRange(0.0, 0.9), Decimals(2), SingleStep(0.05)] = 0.2
    finetuneRate: Annotated[float, WithinRange(0.000001, 1.0), Decimals(6), SingleStep(0.0001)] = 0.0005
    finetunePatience: Annotated[int, WithinRange(1, 10000)] = 10
    finetuneSeed: Annotated[int, WithinRange(0, 1000000)] = 1
    finetuneFromScratch: bool = False
    finetuneDevice: Device = Device.auto
    finetuneLeaveOutBad: bool = False
    finetuneShowLook: bool = False


class NeoSegDINOWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: loads the form and ties its tabs to the scene's parameter node."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: NeoSegDINOLogic | None = None
        self._parameterNode: Any = None
        self._parameterNodeGuiTag: int | None = None
        self._imported = False

    def setup(self) -> None:
        """Build the panel (when the module is first opened)."""
        from NeoSegDINOLib.device_line import DeviceLine  # the panel's parts are no work for Slicer's start
        from NeoSegDINOLib.finetune_tab import FinetuneTab
        from NeoSegDINOLib.first_run import FirstRun
        from NeoSegDINOLib.kept_devices import keep_choices
        from NeoSegDINOLib.models_tab import ModelsTab
        from NeoSegDINOLib.segment_tab import SegmentTab

        ScriptedLoadableModuleWidget.setup(self)
        form = slicer.util.loadUI(self.resourcePath("UI/NeoSegDINO.ui"))
        self.layout.addWidget(form)
        self.ui = slicer.util.childWidgetVariables(form)
        form.setMRMLScene(slicer.mrmlScene)
        self.logic = NeoSegDINOLogic()
        self.segmentTab = SegmentTab(self.ui, self.logic)
        self.finetuneTab = FinetuneTab(self.ui, self.onModelInstalled)
        self.modelsTab = ModelsTab(self.ui, self.onModelsChanged)
        self.firstRun = FirstRun(self.ui, self.onPackagesInstalled, self.onModelInstalled)
        self.deviceLine = DeviceLine(self.ui)
        keep_choices(self.ui)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.NodeAddedEvent, self.onVolumesChanged)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(scene, scene.EndBatchProcessEvent, self.onSceneEndBatch)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """End a running segmentation and let go of the scene (when the panel is destroyed); fine-tuning goes on."""
        self.firstRun.close()
        self.deviceLine.close()
        self.segmentTab.close()
        self.finetuneTab.close()
        self.modelsTab.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """Follow the parameter node, and look what is missing (when the user opens the module)."""
        self.initializeParameterNode()
        self.firstRun.update()

    def exit(self) -> None:
        """Follow the parameter node no longer (when the user opens another module); a job goes on."""
        self.setParameterNode(None)

    def onSceneStartClose(self, _caller: Any, _event: Any) -> None:
        """Let go of the parameter node, which is about to go."""
        self.setParameterNode(None)

    def onSceneEndClose(self, _caller: Any, _event: Any) -> None:
        """Start over in the empty scene."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onVolumesChanged(self, _caller: Any, _event: Any) -> None:
        """Choose the input once there is one; a scene that is being loaded brings its own choice."""
        if not slicer.mrmlScene.IsImporting():
            self.segmentTab.choose_input()

    def onSceneEndImport(self, _caller: Any, _event: Any) -> None:
        """Remember that the choices of a loaded scene are still to be shown."""
        self._imported = True

    def onSceneEndBatch(self, _caller: Any, _event: Any) -> None:
        """Show the choices of a loaded scene: selectors list its nodes only now."""
        if self._imported and self._parameterNode:
            self.initializeParameterNode()
        self._imported = False

    def initializeParameterNode(self) -> None:
        """Make sure that there is a parameter node, and follow it."""
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode: NeoSegDINOParameterNode | None) -> None:
        """Tie the form to a parameter node; None unties it."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self._parameterNode = parameterNode
        if parameterNode:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self.segmentTab.set_parameters(parameterNode)
        self.finetuneTab.set_parameters(parameterNode)

    def onParametersModified(self, _caller: Any = None, _event: Any = None) -> None:
        """Show what has changed."""
        self.segmentTab.update()
        self.finetuneTab.update()

    def onPackagesInstalled(self) -> None:
        """Show the models once the packages that read them have come."""
        self.segmentTab.show_bundles()
        self.finetuneTab.bring_back()
        self.onParametersModified()

    def onModelInstalled(self, name: str) -> None:
        """Choose a fine-tuned model for segmenting, and show that tab."""
        self.onModelsChanged()
        self.logic.getParameterNode().bundle = name  # the panel follows none while another module is open
        self.segmentTab.update()
        self.ui.tabWidget.currentIndex = 0

    def onModelsChanged(self) -> None:
        """Offer the models that are installed now in the tabs that use one."""
        self.segmentTab.show_bundles()
        self.finetuneTab.show_bundles()
        self.onParametersModified()


class NeoSegDINOLogic(ScriptedLoadableModuleLogic):
    """What the panel does, for the Python console and scripts."""

    def getParameterNode(self) -> Any:
        """Parameter node of the scene, made if there is none: with the devices that were chosen last."""
        from NeoSegDINOLib.kept_devices import take_kept_devices

        node = super().getParameterNode()
        new = not node.GetParameterNamesAsCommaSeparatedList()
        parameters = NeoSegDINOParameterNode(node)
        if new:
            take_kept_devices(parameters)
        return parameters

    def segment(
        self,
        volumeNode: Any,
        segmentationNode: Any = None,
        *,
        bundle: str | Path | None = None,
        windows: str = "located",
        device: str = "auto",
        ageWeeks: float | None = None,
        wait: bool = True,
        onProgress: Callable[[ProgressUpdate], None] | None = None,
        onFinished: Callable[[SegmentationRun], None] | None = None,
    ) -> Any:
        """Segment both hippocampi of a newborn's brain MRI in a worker process.

        Parameters
        ----------
        volumeNode : vtkMRMLScalarVolumeNode
            The MRI. Linear parent transforms are honoured.
        segmentationNode : vtkMRMLSegmentationNode, optional
            Node to fill in place; by default a new one is made. Until a whole result is there it stays as it is.
        bundle : str or Path, optional
            Name or folder of a model bundle; by default the one set as default in the tab Models, at first the one
            that ships with the extension.
        windows : {"located", "all"}, optional
            One window over both hippocampi, or the whole volume cut into windows.
        device : str, optional
            "auto", "cpu", "cuda", "cuda:1" or "mps".
        ageWeeks : float, optional
            Postmenstrual age, for the report.
        wait : bool, optional
            Wait for the end; the window stays alive meanwhile.
        onProgress, onFinished : callable, optional
            Called with the newest `ProgressUpdate`, and once with the ended `SegmentationRun`.

        Returns
        -------
        tuple or SegmentationRun
            The segmentation node and the report (dict), or without waiting the run, which has ``cancel()``.

        Raises
        ------
        NeoSegDINOError
            If the volume cannot be segmented, has left the scene while packages were installed, or packages are
            missing; with ``wait`` also if the job fails.

        Examples
        --------
        >>> segmentation, report = NeoSegDINOLogic().segment(slicer.util.getNode("T2w"))
        >>> [(side["side"], side["volume_ml"]) for side in report["hippocampus"]]
        """
        from neosegdino.age import check_age
        from NeoSegDINOLib.default_bundle import default_bundle

        check_age(ageWeeks)
        check_windows(windows)
        self._ensure_packages_for(volumeNode)
        chosen = worker_bundle(bundle) if bundle else default_bundle()
        request = Request(image_of(volumeNode), chosen, windows, device, ageWeeks)
        run = SegmentationRun(volumeNode, segmentationNode, request, onProgress, onFinished)
        run.start()
        return run.wait() if wait else run

    def _ensure_packages_for(self, volumeNode: Any) -> None:
        """Install what is missing; that takes minutes, in which the scene may be closed and another one opened."""
        from NeoSegDINOLib.install import ensure_packages  # reads package metadata: no work for Slicer's start

        scene = slicer.mrmlScene
        was_there = volumeNode is not None and scene.IsNodePresent(volumeNode)
        ensure_packages()
        if was_there and not scene.IsNodePresent(volumeNode):
            left = _("'{name}' has left the scene. Nothing was changed.").format(name=volumeNode.GetName())
            raise Cancelled(left)

    def finetune(
        self,
        cases: str | Path | Sequence[Any],
        out: str | Path,
        *,
        leaveOutBad: bool = False,
        wait: bool = True,
        onProgress: Callable[[FinetuneRun], None] | None = None,
        onFinished: Callable[[FinetuneRun], None] | None = None,
        **settings: Any,
    ) -> Any:
        """Fine-tune a model on cases in a worker process that outlives Slicer.

        Parameters
        ----------
        cases : path, or sequence of tuple
            A CSV table, a BIDS folder or a folder of pairs; or pairs of a volume and a segmentation or labelmap, by
            node or by file. A third entry of a pair names the sides:
            ``{"left": "segment or value", "right": ...}``; without it they are guessed from the names.
        out : str or Path
            The run's folder. Pairs of nodes are copied into it.
        leaveOutBad : bool, optional
            Train on the good cases if others cannot be used; by default they end the run before it begins.
        wait : bool, optional
            Wait for the end; the window stays alive meanwhile.
        onProgress, onFinished : callable, optional
            Called with the run whenever it has gone on, and once when its worker has ended.
        **settings
            Fields of `neosegdino.training.settings.FinetuneSettings`, such as ``epochs=20``.

        Returns
        -------
        str or FinetuneRun
            Folder of the finished bundle, or without waiting the run, which has ``pause()``, ``cancel()``,
            ``resume()``, ``state`` and ``status``.

        Raises
        ------
        NeoSegDINOError
            If cases or settings do not suit, a run is at work already or packages are missing; with ``wait`` also
            if the run fails.

        Examples
        --------
        >>> pairs = [(getNode("T2w"), getNode("Hippocampi")), (getNode("T2w_2"), getNode("Hippocampi_2"))]
        >>> bundle = NeoSegDINOLogic().finetune(pairs, "D:/runs/first", epochs=20)
        >>> NeoSegDINOLogic().segment(getNode("T2w_3"), bundle=bundle)
        """
        from NeoSegDINOLib.console_run import start_run
        from NeoSegDINOLib.install import ensure_packages

        ensure_packages(training=True)
        run = start_run(cases, Path(out), settings, leaveOutBad, onProgress, onFinished)
        return run.wait() if wait else run


class NeoSegDINOTest(ScriptedLoadableModuleTest):
    """Slicer's self test: the sample, segmented."""

    def setUp(self) -> None:
        """Start in an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run all tests."""
        self.setUp()
        self.test_sample()
        self.setUp()
        self.test_cancel()

    def test_sample(self) -> None:
        """Both hippocampi are found in the sample, each on its side."""
        if self._packages_missing():
            return
        volume = slicer.util.loadVolume(str(SAMPLE_FILE))
        node, report = NeoSegDINOLogic().segment(volume, device="cpu")
        self.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 2)
        left, right = sorted(report["hippocampus"], key=lambda entry: entry["side"])
        self.assertLess(left["centroid_ras"][0], right["centroid_ras"][0])
        for side in (left, right):
            self.assertGreater(side["volume_ml"], 0.3)
            self.assertLess(side["volume_ml"], 3.0)
        self.delayDisplay("The sample has been segmented")

    def test_cancel(self) -> None:
        """A cancelled run leaves the scene as it was."""
        if self._packages_missing():
            return
        volume = slicer.util.loadVolume(str(SAMPLE_FILE))
        before = slicer.mrmlScene.GetNumberOfNodes()
        run = NeoSegDINOLogic().segment(volume, wait=False)
        run.cancel()
        self.assertTrue(run.join(10))
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.delayDisplay("A cancelled run left nothing behind")

    def _packages_missing(self) -> bool:
        from NeoSegDINOLib.install import missing_packages

        missing = missing_packages()
        if missing:
            logging.warning("NeoSegDINOTest: skipped, these packages are missing: %s", missing)
        return bool(missing)
