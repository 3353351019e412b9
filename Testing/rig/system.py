"""The system's shared libraries that Qt and VTK load: checked before they are imported.

Needs nothing but the standard library: ``python -m rig.system`` names what is missing, ``--install`` installs it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Shared library -> Debian package.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libGLX.so.0": "libglx0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXext.so.6": "libxext6",
    "libXcursor.so.1": "libxcursor1",
}
# Software rendering for machines without a graphics card: a driver that libEGL loads.
EGL_DRIVER = "libEGL_mesa.so.0"
EGL_PACKAGES = ("libegl-mesa0", "libgl1-mesa-dri")
FONT_PACKAGE = "fonts-dejavu-core"
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


class MissingLibrariesError(RuntimeError):
    """A shared library that Qt or VTK needs is not on this machine."""


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _has_fonts() -> bool:
    folders = (Path(f).expanduser() for f in _FONT_FOLDERS)
    return any(next(f.rglob("*.[to]tf"), None) is not None for f in folders if f.is_dir())


def _has_driver() -> bool:
    vendors = Path("/usr/share/glvnd/egl_vendor.d"), Path("/etc/glvnd/egl_vendor.d")
    return _loads(EGL_DRIVER) or any(next(v.glob("*.json"), None) is not None for v in vendors if v.is_dir())


def missing_packages() -> list[str]:
    """Return the Debian packages that this machine lacks (none on other systems than Linux)."""
    if not sys.platform.startswith("linux"):
        return []
    packages = [package for library, package in LIBRARIES.items() if not _loads(library)]
    if not _has_driver():
        packages += EGL_PACKAGES
    if not _has_fonts():
        packages.append(FONT_PACKAGE)
    return packages


def command(packages: list[str]) -> str:
    """Return the command that installs packages on Debian and Ubuntu."""
    return f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def require() -> None:
    """Raise unless all libraries are there.

    Raises
    ------
    MissingLibrariesError
        With the missing packages and the command to type.
    """
    packages = missing_packages()
    if packages:
        raise MissingLibrariesError(f"missing system packages: {', '.join(packages)}\n  Type: {command(packages)}")


def install(packages: list[str]) -> int:
    """Install packages with apt-get, when this user may; returns the exit status.

    Prints the command to type when this user may not.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(
            f"These system packages are missing: {', '.join(packages)}\nType:\n  {command(packages)}", file=sys.stderr
        )
        return 1
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
    subprocess.run(
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], check=True, env=environment
    )
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point of ``python -m rig.system``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m rig.system", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install what is missing (root with apt-get)")
    install_asked = parser.parse_args(arguments).install
    packages = missing_packages()
    if not packages:
        print("All system libraries are there.")
        return 0
    if install_asked:
        return install(packages)
    print(f"These system packages are missing: {', '.join(packages)}\nType:\n  {command(packages)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
