"""``python -m neosegdino.training.starter_cli``: make the starter bundle again, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neosegdino.cli import Commands

if TYPE_CHECKING:
    from neosegdino.spec import Accuracy
    from neosegdino.training.recipe import Recipe

recipe_option = click.option(
    "--recipe", type=click.Path(path_type=Path), help="Recipe (TOML) in place of the shipped one."
)


@click.group(cls=Commands)
def main() -> None:
    """Train the starter bundle on synthetic newborn MRI: all at once (make), or step by step."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--licence", type=click.Path(path_type=Path, exists=True), required=True, help="Text of Apache-2.0.")
@recipe_option
@click.option("--device", default="cuda", show_default=True)
def make(folder: Path, out: Path, licence: Path, recipe: Path | None, device: str) -> None:
    """Make the bundle from a FOLDER of label maps in OUT: pack, train, average, calibrate, measure, bundle.

    Called again, it goes on where it was.
    """
    from neosegdino.device import resolve
    from neosegdino.training.starter_make import make as run

    place = str(resolve(device).device)
    made = run(folder, out, licence.read_text(), _chosen(recipe), place, click.echo)
    click.echo(f"{made.folder}: {made.bytes / 1e6:.1f} MB")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("packed", type=click.Path(path_type=Path))
def pack(folder: Path, packed: Path) -> None:
    """Pack a FOLDER of label maps (FreeSurfer labels, 1 mm), taken back to newborns, into one PACKED .npz."""
    from neosegdino.synthesis.label_maps import load_label_maps
    from neosegdino.synthesis.newborn import MATURITIES

    load_label_maps(folder, maturities=MATURITIES).save(packed)


@main.command()
@click.argument("stage", type=click.Choice(["encoder", "image", "arm", "lenient", "strict", "locator"]))
@click.argument("packed", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Checkpoints, weights.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--seed", type=int, help="In place of the recipe's.")
@click.option("--run", type=click.IntRange(min=1), help="Number of one of the recipe's runs of this stage, see merge.")
@click.option("--steps", type=int, help="In place of the recipe's number of steps.")
@click.option("--seconds", type=float, help="In place of steps; the cosine then runs over time.")
@click.option(
    "--limit-s",
    default=1e9,
    help="Write a checkpoint and stop after this many seconds, reading the maps and compiling included.",
)
@click.option(
    "--begin-with", "start", type=click.Path(path_type=Path, exists=True), help="Weights of the arm to begin with."
)
@recipe_option
@click.option("--compiled", is_flag=True, help="Compile encoder and arm first: shorter steps on a GPU.")
def train(
    stage: str,
    packed: Path,
    out: Path,
    device: str,
    seed: int | None,
    run: int | None,
    steps: int | None,
    seconds: float | None,
    limit_s: float,
    start: Path | None,
    recipe: Path | None,
    compiled: bool,
) -> None:
    """Train one STAGE on PACKED label maps, or go on with it.

    Started by torchrun, several GPUs share the parts of a step that the recipe gives the stage.
    """
    began = time.monotonic()
    from neosegdino.synthesis.label_maps import load_packed
    from neosegdino.training.ranks import joined
    from neosegdino.training.starter import train as train_stage
    from neosegdino.training.starter_make import stage_log

    if stage == "encoder" and (start or compiled):
        raise click.UsageError("--begin-with and --compiled are for an arm: train another stage with them.")
    chosen = _chosen(recipe)
    seed = chosen.seed if seed is None else seed
    out.mkdir(parents=True, exist_ok=True)
    log = stage_log(out, stage if run is None else f"{stage}-{run}", click.echo)
    maps = load_packed(packed)
    with joined(device) as ranks:
        place = str(ranks.device or device)
        left_s = limit_s - (time.monotonic() - began)
        done = train_stage(
            stage, maps, out, seed, place, left_s, log, steps,
            run=run, seconds=seconds, start=start, compiled=compiled, recipe=chosen, ranks=ranks,
        )  # fmt: skip
        if ranks.first:
            end = "finished" if done else "stopped at the time limit"
            click.echo(f"{stage}: {end} after {time.monotonic() - began:.1f} s")


@main.command()
@click.argument("stage", type=click.Choice(["arm", "lenient", "strict"]))
@click.argument("out", type=click.Path(path_type=Path, exists=True, file_okay=False))
@recipe_option
def merge(stage: str, out: Path, recipe: Path | None) -> None:
    """Average the runs of a STAGE in the folder OUT into the stage's weights."""
    from neosegdino.training import starter

    chosen = _chosen(recipe)
    starter.merge(stage, out, chosen)
    click.echo(", ".join(chosen.runs(stage)))


@main.command()
@click.argument("out", type=click.Path(path_type=Path, exists=True, file_okay=False))
@recipe_option
def average(out: Path, recipe: Path | None) -> None:
    """Average the arms in the folder OUT into the bundle's decoder, by the recipe's shares."""
    from neosegdino.training import starter

    chosen = _chosen(recipe)
    starter.average(out, chosen)
    click.echo(", ".join(f"{share} {stage}" for stage, share in chosen.shares.items()))


@main.command()
@click.argument("packed", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the weights.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--count", type=int, help="Images of heads that are trained on, in place of the recipe's number.")
@recipe_option
def calibrate(packed: Path, out: Path, device: str, count: int | None, recipe: Path | None) -> None:
    """Fit the decoder's border, and the temperature of its confidence, on new images of the training heads."""
    from neosegdino.synthesis.label_maps import load_packed
    from neosegdino.training import starter

    chosen = _chosen(recipe)
    images = chosen.calibration_images if count is None else count
    shift, temperature = starter.calibrate(load_packed(packed), out, device, images, chosen)
    click.echo(f"scores of the hippocampi shifted by {shift}, temperature {temperature}")


@main.command()
@click.argument("packed", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the weights.")
@click.option("--figures", type=click.Path(path_type=Path), required=True, help="JSON file that takes the figures.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--count", type=int, help="Images, in place of the recipe's number.")
@recipe_option
@click.option(
    "--stage", type=click.Choice(["decoder", "image"]), default="decoder", show_default=True, help="Its weights."
)
def measure(
    packed: Path, out: Path, figures: Path, device: str, count: int | None, recipe: Path | None, stage: str
) -> None:
    """Dice, HD95 and calibration in windows over synthetic heads that were not trained on.

    The decoder's worst windows are drawn into worst.png in the folder of the weights. The stage image is the arm
    without the encoder.
    """
    from neosegdino.synthesis.label_maps import load_packed
    from neosegdino.training.starter_measure import measure as run

    chosen = _chosen(recipe)
    images = chosen.measuring_images if count is None else count
    _tell(run(load_packed(packed), out, figures, device, images, chosen, stage))


@main.command()
@click.argument("out", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("target", type=click.Path(path_type=Path))
@recipe_option
def curve(out: Path, target: Path, recipe: Path | None) -> None:
    """Draw the losses that the stages have logged in the folder OUT into the picture TARGET.png."""
    from neosegdino.training.stage_curves import draw_stages

    chosen = _chosen(recipe)
    names = [name for stage in chosen.stages for name in (stage, *chosen.runs(stage))]
    draw_stages(out, list(dict.fromkeys(names)), target)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(path_type=Path))
def split(file: Path, folder: Path) -> None:
    """Cut a FILE, such as a checkpoint, into pieces of at most 16 MB in a new FOLDER, to bring it elsewhere."""
    from neosegdino.training import pieces

    made = pieces.split(file, folder)
    click.echo(f"{folder}: {made.whole.bytes / 1e6:.1f} MB, pieces: {len(made.pieces)}")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("file", type=click.Path(path_type=Path))
def join(folder: Path, file: Path) -> None:
    """Put the pieces in FOLDER together again into the FILE, and check them."""
    from neosegdino.training import pieces

    made = pieces.join(folder, file)
    click.echo(f"{file}: {made.name}, {made.whole.bytes / 1e6:.1f} MB")


@main.command()
@click.argument("weights", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--licence", type=click.Path(path_type=Path, exists=True), required=True, help="Text of Apache-2.0.")
@click.option("--figures", type=click.Path(path_type=Path, exists=True), help="Measured figures (JSON).")
@click.option("--replace", is_flag=True, help="Replace a bundle that stands there.")
@recipe_option
def bundle(
    weights: Path, target: Path, licence: Path, figures: Path | None, replace: bool, recipe: Path | None
) -> None:
    """Put the trained WEIGHTS (a folder), and the pictures and texts there, together into the bundle TARGET."""
    from neosegdino.training.figures import load_figures
    from neosegdino.training.starter_bundle import assemble

    measured = load_figures(figures) if figures else []
    made = assemble(weights, target, licence.read_text(), measured, replace, _chosen(recipe))
    click.echo(f"{made.folder}: {sum(entry.bytes for entry in made.spec.files.values()) / 1e6:.1f} MB")


@main.command("measure-heads")
@click.argument("packed", type=click.Path(path_type=Path, exists=True))
@click.option("--bundle", help="Name or folder; the shipped one by default.")
@click.option("--count", default=500, show_default=True, help="Heads.")
@click.option("--seed", default=2024, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes.")
@click.option("--figures", type=click.Path(path_type=Path), required=True, help="JSON file that takes the figures.")
def measure_heads(
    packed: Path, bundle: str | None, count: int, seed: int, device: str, workers: int, figures: Path
) -> None:
    """Locating and Dice of the whole road on synthetic heads that were not trained on."""
    import numpy as np

    from neosegdino.training import measure_heads as heads
    from neosegdino.training.figures import record_figures, side_rows, single_row
    from neosegdino.training.starter_measure import COMMAND, RANDOM_CONTRAST

    results = heads.measure_heads(packed, bundle, count, seed, device, workers, click.echo)
    found, unsure, misled = (
        sum(kind) for kind in zip(*((r.found, not r.sure, r.misled) for r in results), strict=True)
    )
    data, command = "synthetic whole heads and brains, label maps 17 to 20", f"{COMMAND} measure-heads"
    note = f"{found} located within {heads.REACH_MM:.0f} mm, {unsure} said to be unsure, {misled} misled"
    dice = np.array([result.dice for result in results])
    rows = [
        *side_rows(data, "Dice", dice, command, held_out=True, note=RANDOM_CONTRAST),
        single_row(data, "located", found / len(results), len(results), command, note=note),
    ]
    record_figures(figures, rows)
    _tell(rows)


@main.command()
@click.argument("packed", type=click.Path(path_type=Path, exists=True))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--pairs", default=6, show_default=True, help="Rows of two images.")
@click.option("--seed", default=3, show_default=True)
def gallery(packed: Path, target: Path, pairs: int, seed: int) -> None:
    """Draw synthetic training windows, three coronal slices each, into the picture TARGET.png."""
    from neosegdino.synthesis.gallery import coronal, write_gallery
    from neosegdino.synthesis.label_maps import load_packed
    from neosegdino.training import starter

    generator = starter.make_generator(load_packed(packed), held_out=False, seed=seed, device="cpu")
    batch = generator(2 * pairs, starter.NEAR)
    shown = [coronal(image[0].numpy(), labels.numpy()) for image, labels in zip(batch.image, batch.target, strict=True)]
    write_gallery(target, [[*first, *second] for first, second in zip(shown[::2], shown[1::2], strict=True)])


@main.command()
@click.argument("packed", type=click.Path(path_type=Path, exists=True))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--contrast", type=click.Choice(["newborn T1", "newborn T2"]), default="newborn T2", show_default=True)
@click.option("--seed", default=32, show_default=True)
def sample(packed: Path, target: Path, contrast: str, seed: int) -> None:
    """Make one synthetic newborn's whole head of the held-out maps: TARGET.nii.gz."""
    from neosegdino.synthesis.draw import Draw
    from neosegdino.synthesis.generator import Generator
    from neosegdino.synthesis.head import synthesize_head
    from neosegdino.synthesis.label_maps import load_packed
    from neosegdino.training.starter import held_out_maps
    from neosegdino.volume import save_labels, save_volume

    maps = held_out_maps(load_packed(packed))
    generator = Generator(maps, Draw(seed, "cpu"), contrasts={contrast: 1.0}, extraction=(1.0, 0.0, 0.0))
    volume, labels = synthesize_head(generator, target.name)
    save_volume(target, volume)
    save_labels(target.with_name(target.name.replace(".nii.gz", "_labels.nii.gz")), labels, volume)


def _chosen(recipe: Path | None) -> Recipe:
    """Read a recipe; without one it is the shipped one."""
    from neosegdino.training import starter
    from neosegdino.training.recipe import read_recipe

    return starter.RECIPE if recipe is None else read_recipe(recipe)


def _tell(rows: Sequence[Accuracy]) -> None:
    for row in rows:
        click.echo(f"{row.data}: {row.metric} {row.mean:.3f} (sd {row.sd:.3f}), n = {row.count}. {row.note}")


if __name__ == "__main__":
    main()
