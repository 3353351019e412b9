"""Stands in for Slicer's Python when it is asked to run pip: says what pip says, and installs nothing.

The environment variable ``FAKE_PIP`` says how it ends; each call's arguments and constraints become a JSON line in the
file that ``FAKE_PIP_CALLS`` names.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def say(*lines: str) -> None:
    """Lines of pip."""
    print(*lines, sep="\n", flush=True)


def main() -> None:
    """Do as pip does."""
    module, pip, command, *arguments = sys.argv[1:]
    assert (module, pip, command) == ("-m", "pip", "install")
    place = arguments.index("--constraint")
    held = Path(arguments[place + 1]).read_text(encoding="utf-8")
    given = [word for word in arguments[:place] + arguments[place + 2 :] if word not in ("--progress-bar", "raw")]
    with Path(os.environ["FAKE_PIP_CALLS"]).open("a", encoding="utf-8") as calls:
        calls.write(json.dumps({"given": given, "held": held, "pid": os.getpid()}) + "\n")
    how = os.environ["FAKE_PIP"]
    say("Collecting nibabel<6,>=5.2", "  Downloading nibabel-5.4.2-py3-none-any.whl (3.3 MB)", "Progress 300 of 1000")
    if how == "hangs":
        time.sleep(600)
    if how == "fails":
        say("ERROR: Could not find a version", "ERROR: No matching distribution found for nibabel<6,>=5.2", "a notice")
        sys.exit(1)
    say("Installing collected packages: nibabel")
    if how == "writes":
        time.sleep(1.5)
    say("Successfully installed nibabel-5.4.2")


if __name__ == "__main__":
    main()
