"""A small scripted module, written by the tests in the manner of Slicer's template."""

from __future__ import annotations

from pathlib import Path

_SOURCE = """
from typing import Annotated

import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class Example(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Example")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["Nobody"]
        self.parent.helpText = "Help"
        slicer.app.connect("startupCompleted()", self.onStartup)

    def onStartup(self):
        self.started = True


@parameterNodeWrapper
class ExampleParameterNode:
    inputVolume: vtkMRMLScalarVolumeNode
    threshold: Annotated[float, WithinRange(-100, 500)] = 100
    invert: bool = False


class ExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self._parameterNode = None
        self._tag = None
        self.events = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        form = slicer.util.loadUI(self.resourcePath("UI/Example.ui"))
        self.layout.addWidget(form)
        self.ui = slicer.util.childWidgetVariables(form)
        form.setMRMLScene(slicer.mrmlScene)
        self.logic = ExampleLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.bind(self.logic.getParameterNode())

    def enter(self):
        self.events.append("enter")
        self.bind(self.logic.getParameterNode())

    def exit(self):
        self.events.append("exit")
        self.bind(None)

    def cleanup(self):
        self.events.append("cleanup")
        self.removeObservers()

    def onStartClose(self, caller, event):
        self.bind(None)

    def onEndClose(self, caller, event):
        if self.parent.isEntered:
            self.bind(self.logic.getParameterNode())

    def bind(self, node):
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._tag)
        self._parameterNode = node
        if node:
            self._tag = node.connectGui(self.ui)

    def onApply(self):
        with slicer.util.tryWithErrorDisplay(_("Failed."), waitCursor=True):
            self.logic.process(self._parameterNode.inputVolume, self._parameterNode.threshold)


class ExampleLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return ExampleParameterNode(super().getParameterNode())

    def process(self, volume, threshold):
        if not volume:
            raise ValueError("Input volume is missing")
        volume.SetAttribute("threshold", str(threshold))


class ExampleTest(ScriptedLoadableModuleTest):
    def runTest(self):
        self.delayDisplay("Testing")
        self.assertEqual(ExampleLogic().moduleName, "Example")
"""

_CONNECTION = """
  <connection>
   <sender>Example</sender>
   <signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
   <receiver>inputSelector</receiver>
   <slot>setMRMLScene(vtkMRMLScene*)</slot>
  </connection>"""


def form(connections: str = _CONNECTION, extra: str = "") -> str:
    """Text of the `.ui` file."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0">
 <class>Example</class>
 <widget class="qMRMLWidget" name="Example">
  <layout class="QVBoxLayout" name="column">
   <item><widget class="ctkCollapsibleButton" name="inputs">
    <property name="text"><string>Inputs</string></property>
    <layout class="QFormLayout" name="rows">
     <item row="0" column="0"><widget class="QLabel" name="label"><property name="text"><string>Volume:</string></property></widget></item>
     <item row="0" column="1"><widget class="qMRMLNodeComboBox" name="inputSelector">
      <property name="nodeTypes"><stringlist notr="true"><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
      <property name="addEnabled"><bool>false</bool></property>
      <property name="SlicerParameterName" stdset="0"><string>inputVolume</string></property>
     </widget></item>
     <item row="1" column="1"><widget class="ctkSliderWidget" name="slider">
      <property name="SlicerParameterName" stdset="0"><string>threshold</string></property>
     </widget></item>
     <item row="2" column="1"><widget class="QCheckBox" name="invertBox">
      <property name="SlicerParameterName" stdset="0"><string>invert</string></property>
     </widget></item>
    </layout>
   </widget></item>
   <item><widget class="QPushButton" name="applyButton"><property name="text"><string>Apply</string></property></widget></item>
   {extra}
  </layout>
 </widget>
 <connections>{connections}
 </connections>
</ui>"""  # noqa: E501


def write(folder: Path) -> Path:
    """Write the module; returns its file."""
    (folder / "Resources" / "UI").mkdir(parents=True)
    (folder / "Resources" / "UI" / "Example.ui").write_text(form(), encoding="utf-8")
    path = folder / "Example.py"
    path.write_text(_SOURCE, encoding="utf-8")
    return path
