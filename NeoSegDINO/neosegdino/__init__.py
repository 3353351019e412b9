"""NeoSegDINO: left and right hippocampus from a newborn's brain MRI (research use, not a medical device).

Importing this package imports neither torch nor timm; they load with the first work that needs them.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("neosegdino")
except PackageNotFoundError:  # inside an installed Slicer extension the package is a plain folder
    __version__ = "0.1.0"
