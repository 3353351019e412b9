"""What each part of the starter is worth: one row of a table per change, all on one budget, each row one command.

    python Testing/benchmarks/ablation.py encoder KIND MAPS.npz --out DIR --seconds 300
    python Testing/benchmarks/ablation.py row NAME MAPS.npz --encoder FILE.safetensors --out DIR --steps N
    python Testing/benchmarks/ablation.py all MAPS.npz --encoder FILE.safetensors --out DIR --steps N [--rows NAME ...]
    python Testing/benchmarks/ablation.py table DIR [--markdown FILE]

MAPS.npz is packed by `starter_cli pack`. `encoder` trains an encoder from scratch: ``supervised`` (naming all
structures, as the starter's was), ``distilled`` (self-distillation) or ``both``, each for the same time; it leaves
DIR/KIND/encoder.safetensors, which the row ``encoder-KIND`` takes. `row` trains decoding arms above a frozen encoder
and leaves DIR/NAME.json; `all` does several rows that are not there yet, by default those whose encoder there is.
All rows see the same training images in the same order, and are measured on the same images of heads that were not
trained on. `table` prints the table and writes DIR/ablation.json in the form of the other benchmarks, and on request a
Markdown file for a bundle's card.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import figures
import numpy as np

TABLE = "ablation.json"
OTHER_WORK = "Machine or card had other work, such as several rows at once: the times say nothing."


def row(arguments: argparse.Namespace, name: str) -> None:
    """Train and measure one row."""
    from ablation_rows import ROWS, run_row, save
    from neosegdino.synthesis.label_maps import load_packed

    weights = encoder_of(arguments, name)
    if not weights.is_file():
        raise SystemExit(f"{name} needs an encoder, but {weights} is no file: give --encoder, or train it (`encoder`).")
    budget = {key: getattr(arguments, key) for key in ("steps", "images", "count", "seed", "device")}
    around = surroundings(arguments.device)
    found = run_row(ROWS[name], load_packed(arguments.maps), weights, log=teller(name), **budget)
    record = {"row": name, **found, "encoder_sha256": digest(weights), **around}
    save(record, arguments.out / f"{name}.json")
    left, right = found["dice_mean"]
    print(f"{name}: Dice {left:.3f} left, {right:.3f} right, {found['seconds']:.0f} s of training", flush=True)


def several(arguments: argparse.Namespace) -> None:
    """Train and measure rows that are not there yet."""
    from ablation_rows import ROWS

    names = arguments.rows or [name for name in ROWS if encoder_of(arguments, name).is_file()]
    for name in names:
        if not (arguments.out / f"{name}.json").exists():
            row(arguments, name)


def encoder(arguments: argparse.Namespace) -> None:
    """Train an encoder."""
    from ablation_encoders import train_encoder
    from ablation_rows import save
    from neosegdino.synthesis.label_maps import load_packed

    folder = arguments.out / arguments.kind
    budget = {key: getattr(arguments, key) for key in ("seconds", "steps", "seed", "device")}
    around = surroundings(arguments.device)
    found = train_encoder(arguments.kind, load_packed(arguments.maps), folder, log=teller(arguments.kind), **budget)
    save({**found, **around}, folder / "encoder.json")
    print(f"{arguments.kind}: {found['steps']} steps in {found['seconds']:.0f} s", flush=True)


def table(arguments: argparse.Namespace) -> None:
    """Print the table and write its record."""
    from ablation_rows import BASELINE, NOTE, ROWS

    paths = {name: arguments.folder / f"{name}.json" for name in ROWS}
    rows = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.exists()}
    if BASELINE not in rows:
        raise SystemExit(f"{arguments.folder} holds no {BASELINE}.json, which all rows are compared with.")
    made = record(rows, rows[BASELINE])
    notes = [f"Measured on {made['data']}.", NOTE, *([OTHER_WORK] if made["busy"] else [])]
    text = "\n".join([*markdown(rows, rows[BASELINE]), "", *notes]) + "\n"
    print(text, *sorted({found["machine"] for found in rows.values()}), sep="\n")
    (arguments.folder / TABLE).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


def markdown(rows: dict[str, dict[str, Any]], baseline: dict[str, Any]) -> list[str]:
    """Lines of the table."""
    head = ("row", "what", "Dice left (sd)", "Dice right (sd)", "to the baseline (s.e.)", "HD95 left, right", "M", "s")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, found in rows.items():
        dice = [f"{mean:.3f} ({sd:.3f})" for mean, sd in zip(found["dice_mean"], found["dice_sd"], strict=True)]
        more, error = difference(found, baseline)
        compared = "" if found is baseline else f"{more:+.3f} ({error:.3f})"
        distance = ", ".join("-" if value is None else f"{value:.2f} mm" for value in found["hd95_mm_mean"])
        cells = (name, found["what"], *dice, compared, distance, f"{found['parameters'] / 1e6:.2f}")
        lines.append(f"| {' | '.join(cells)} | {found['seconds']:.0f} |")
    return lines


def difference(found: dict[str, Any], baseline: dict[str, Any]) -> tuple[float, float]:
    """Mean difference of the Dice of both sides to the baseline's on the same images, and its standard error."""
    own, other = (np.array(record["dice"]).mean(axis=1) for record in (found, baseline))
    if len(own) != len(other):
        raise SystemExit("Rows were measured on unlike numbers of images: give every row the same --count.")
    apart = own - other
    return float(apart.mean()), float(apart.std() / max(1, len(apart) - 1) ** 0.5)


def record(rows: dict[str, dict[str, Any]], baseline: dict[str, Any]) -> dict[str, Any]:
    """What the table says, in the form of the other benchmarks."""
    found = []
    for name, entry in rows.items():
        mean = float(np.mean(entry["dice_mean"]))
        more, error = difference(entry, baseline)
        compared = "" if entry is baseline else f" ({more:+.3f}, s.e. {error:.3f})"
        found.append(figures.plain(f"{name}: Dice, mean of {entry['count']}{compared}", [mean], ""))
    budget = f"{baseline['steps']} steps of {baseline['images']} images, {baseline['count']} images measured"
    options = " ".join(f"--{key} {baseline[key]}" for key in ("steps", "images", "count", "seed"))
    return {
        "benchmark": "ablation",
        "command": f"ablation.py all {options}",
        "busy": any(entry["busy"] for entry in rows.values()),
        **{key: baseline[key] for key in ("day", "machine", "versions")},
        "data": f"synthetic windows over both hippocampi of held-out heads; {budget}",
        "figures": [asdict(figure) for figure in found],
        "rows": rows,
    }


def encoder_of(arguments: argparse.Namespace, name: str) -> Path:
    """Weights of a row's encoder."""
    from ablation_rows import ROWS

    kind = ROWS[name].trained
    return arguments.out / kind / "encoder.safetensors" if kind else arguments.encoder


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def surroundings(device: str) -> dict[str, Any]:
    """Day, machine, versions, and whether the machine or its card has other work."""
    import torch

    card, busy = "", figures.busy()
    if torch.device(device).type == "cuda":
        card = torch.cuda.get_device_name(device)
        free, total = torch.cuda.mem_get_info(device)
        busy = busy or total - free > figures.GIB
    today = datetime.date.today().isoformat()
    return {"day": today, "machine": figures.machine(card), "versions": figures.versions(), "busy": busy}


def teller(name: str) -> Callable[[str], None]:
    """Print lines about the progress of something."""
    return lambda line: print(f"{name}: {line}", flush=True)


def parse() -> argparse.Namespace:
    from ablation_encoders import KINDS
    from ablation_rows import ROWS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    works = parser.add_subparsers(dest="work", required=True)
    one, more, kind, told = (works.add_parser(name) for name in ("row", "all", "encoder", "table"))
    one.add_argument("name", choices=list(ROWS))
    more.add_argument("--rows", nargs="+", choices=list(ROWS))
    kind.add_argument("kind", choices=KINDS)
    for sub in (one, more, kind):
        sub.add_argument("maps", type=Path, help="label maps packed by starter_cli")
        sub.add_argument("--out", type=Path, required=True)
        sub.add_argument("--device", default="cuda")
        sub.add_argument("--seed", type=int, default=1)
    for sub in (one, more):
        sub.add_argument("--encoder", type=Path, default=Path(), help="weights of the frozen encoder")
        sub.add_argument("--steps", type=int, default=400)
        sub.add_argument("--images", type=int, default=8, help="per step")
        sub.add_argument("--count", type=int, default=60, help="images measured")
    kind.add_argument("--seconds", type=float, default=300, help="of training")
    kind.add_argument("--steps", type=int, help="in place of a time")
    told.add_argument("folder", type=Path)
    told.add_argument("--markdown", type=Path, help="write the table to this file as well")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    if arguments.work == "row":
        row(arguments, arguments.name)
    else:
        {"all": several, "encoder": encoder, "table": table}[arguments.work](arguments)


if __name__ == "__main__":
    main()
