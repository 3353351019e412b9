"""Stand-in for slicer.parameterNodeWrapper: typed parameters in a vtkMRMLScriptedModuleNode, bound to widgets.

The types are str, int, float, bool, Path, enumerations and MRML node classes; Slicer's own knows more (lists, tuples,
dictionaries, unions, packs). Values are written as Slicer writes them, so that scenes are exchangeable.
"""

from rig.parameter_node.annotations import (
    Choice,
    Decimals,
    Default,
    Exclude,
    Maximum,
    Minimum,
    SingleStep,
    Validator,
    WithinRange,
)
from rig.parameter_node.connectors import GuiConnector, createGuiConnector, parameterNodeGuiConnector
from rig.parameter_node.wrapper import (
    SlicerParameterNamePropertyName,
    findChildWidgetForParameter,
    isParameterNodeWrapper,
    parameterNodeWrapper,
)

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "GuiConnector",
    "Maximum",
    "Minimum",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "createGuiConnector",
    "findChildWidgetForParameter",
    "isParameterNodeWrapper",
    "parameterNodeGuiConnector",
    "parameterNodeWrapper",
]
