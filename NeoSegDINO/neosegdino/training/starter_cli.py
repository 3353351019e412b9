"""``python -m neosegdino.training.starter_cli``: make the starter bundle again, stage by stage."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click


@click.group()
def main() -> None:
    """Train the starter bundle on synthetic newborn MRI. Order: pack, encoder, decoder, locator, measure."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("packed", type=click.Path(path_type=Path))
def pack(folder: Path, packed: Path) -> None:
    """Pack a FOLDER of label maps (FreeSurfer labels, 1 mm) into one PACKED .npz."""
    from neosegdino.synthesis.label_maps import load_label_maps

    load_label_maps(folder).save(packed)


@main.command()
@click.argument("stage", type=click.Choice(["encoder", "decoder", "locator"]))
@click.argument("packed", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Checkpoints, weights.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--steps", type=int, help="In place of the recipe's number of steps.")
@click.option("--limit-s", default=1e9, help="Write a checkpoint and stop after this many seconds.")
def train(stage: str, packed: Path, out: Path, device: str, seed: int, steps: int | None, limit_s: float) -> None:
    """Train one STAGE on PACKED label maps, or go on with it."""
    from neosegdino.synthesis.label_maps import load_packed
    from neosegdino.training.starter import train as run

    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def log(line: str) -> None:
        click.echo(f"{stage}: {line}")
        with (out / f"{stage}.log").open("a") as stream:
            stream.write(line + "\n")

    done = run(stage, load_packed(packed), out, seed, device, limit_s, log, steps)
    click.echo(f"{stage}: {'finished' if done else 'stopped at the time limit'} after {time.monotonic() - began:.0f} s")


@main.command()
@click.argument("packed", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the weights.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--count", default=200, show_default=True, help="Images.")
def measure(packed: Path, out: Path, device: str, count: int) -> None:
    """Dice on synthetic images of heads that were not trained on."""
    from neosegdino.backbone import create_backbone
    from neosegdino.synthesis.label_maps import load_packed
    from neosegdino.training import starter
    from neosegdino.training.measure_synthetic import dice_on_views

    backbone = create_backbone(starter.ENCODER, pretrained_state=starter.load_weights(out / "encoder.safetensors"))
    generator = starter.make_generator(load_packed(packed), held_out=True, seed=12345, device=device)
    figures = {}
    for stage, model, view in (
        ("decoder", starter.window_model(backbone), starter.NEAR),
        ("locator", starter.locator_model(backbone), starter.HEAD),
    ):
        model.arms.load_state_dict(starter.load_weights(out / f"{stage}.safetensors"))
        backbone.to(device)
        dice = dice_on_views(model.to(device).eval(), generator, view, count)
        kept = dice[~dice.isnan().any(dim=1)]
        figures[stage] = {
            "count": len(kept),
            "mean": [round(v, 4) for v in kept.mean(0).tolist()],
            "sd": [round(v, 4) for v in kept.std(0).tolist()],
            "median": [round(v, 4) for v in kept.median(0).values.tolist()],
        }
    (out / "synthetic.json").write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
