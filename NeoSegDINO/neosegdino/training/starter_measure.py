"""The starter's measured figures on synthetic windows, and the picture of the worst of them."""

from __future__ import annotations

from pathlib import Path

from neosegdino.evaluation.worst import draw_worst
from neosegdino.spec import Accuracy
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import starter
from neosegdino.training.figures import record_figures, side_rows, single_row
from neosegdino.training.measure_synthetic import measure_views
from neosegdino.training.recipe import Recipe
from neosegdino.training.starter_card import WORST

COMMAND = "python -m neosegdino.training.starter_cli"
RANDOM_CONTRAST = "newborn, adult and random contrasts, degraded as the generator does"


def measure(
    maps: LabelMaps,
    folder: Path,
    figures: Path,
    device: str,
    count: int,
    recipe: Recipe | None = None,
    stage: str = "decoder",
) -> list[Accuracy]:
    """Measure the weights of a folder on heads that they were not trained on.

    Parameters
    ----------
    maps : LabelMaps
        All label maps.
    folder : Path
        Of the weights; takes the picture of the decoder's worst answers.
    figures : Path
        JSON file that takes the figures, last of all.
    device : str
        Torch device.
    count : int
        Images.
    recipe : Recipe, optional
        In place of the shipped one.
    stage : {"decoder", "image"}
        Whose weights: ``image`` is the arm without the encoder, and without a temperature.
    """
    fitted = stage == "decoder" and (folder / starter.TEMPERATURE_FILE).exists()
    temperature = starter.load_temperature(folder) if fitted else 1.0
    origin = "fitted on other images of the training heads" if fitted else "not fitted"
    generator = starter.measuring_generator(maps, device, recipe)
    found = measure_views(starter.trained_scores(folder, device, stage), generator, starter.NEAR, count, temperature)
    heads = maps_in_words((recipe or starter.RECIPE).measuring_heads)
    data, command = f"synthetic windows over both hippocampi, {heads}", f"{COMMAND} measure"
    if stage == "image":
        data, command = f"{data}; arm without encoder", f"{command} --stage image"
    rows = [
        *side_rows(data, "Dice", found.column("dice"), command, held_out=True, note=RANDOM_CONTRAST),
        *side_rows(data, "HD95 (mm)", found.column("hd95_mm"), command, held_out=True, note=RANDOM_CONTRAST),
        single_row(
            data,
            "expected calibration error",
            found.reliability.error,
            count,
            command,
            note=f"over voxels in question; temperature {temperature}, {origin}",
        ),
    ]
    if stage == "decoder":  # the picture goes into the bundle's card
        draw_worst(found.worst, folder / WORST)
    record_figures(figures, rows)
    return rows


def maps_in_words(heads: tuple[int, ...]) -> str:
    """Name label maps by their place in the folder, from 1."""
    numbers = [head + 1 for head in sorted(heads)]
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"label maps {numbers[0]} to {numbers[-1]}"
    return f"label maps {', '.join(map(str, numbers))}"
