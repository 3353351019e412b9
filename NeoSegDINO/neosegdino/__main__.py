"""``python -m neosegdino``: the command line."""

from neosegdino.cli import main

if __name__ == "__main__":
    main(prog_name="neosegdino")
