"""Nodes of the scene that belong to a fine-tuning run, found again by the run's folder and their role."""

from __future__ import annotations

import slicer

from NeoSegDINOLib.nodes import Node

RUN_ATTRIBUTE = "NeoSegDINO.FinetuneRun"
ROLE_ATTRIBUTE = "NeoSegDINO.FinetuneRole"


def mark_node(node: Node, run: str, role: str) -> None:
    """Let a node be found again by its role for a run."""
    node.SetAttribute(RUN_ATTRIBUTE, run)
    node.SetAttribute(ROLE_ATTRIBUTE, role)


def find_node(kind: str, run: str, role: str) -> Node:
    """Node of the scene that plays a role for a run; None if there is none."""
    for node in slicer.util.getNodesByClass(kind):
        if node.GetAttribute(RUN_ATTRIBUTE) == run and node.GetAttribute(ROLE_ATTRIBUTE) == role:
            return node
    return None
