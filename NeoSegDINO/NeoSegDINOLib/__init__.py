"""The Slicer side of NeoSegDINO: MRML nodes, the worker job, one file a tab, installing packages."""
