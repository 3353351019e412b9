"""The command line in a process that has too little: ``limited.py file-size|memory BYTES ARGUMENTS...``."""

from __future__ import annotations

import resource
import signal
import sys

import psutil


def main() -> None:
    kind, size, *arguments = sys.argv[1:]
    # What is loaded before the limit does not count.
    import monai.losses
    import monai.transforms
    import neosegdino.training.finetune
    from neosegdino.cli import main as command

    del monai, neosegdino
    if kind == "file-size":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    else:
        most = psutil.Process().memory_info().vms + int(size)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sys.argv = ["neosegdino", *arguments]
    command(prog_name="neosegdino")


if __name__ == "__main__":
    main()
