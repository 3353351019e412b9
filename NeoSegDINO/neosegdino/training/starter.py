"""The recipe of the starter bundle: what is trained, on what, for how long. The commands are in `starter_cli`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from neosegdino.backbone import create_backbone
from neosegdino.encoder import SliceEncoder
from neosegdino.errors import TrainingError
from neosegdino.files import atomic_path, save_tensors
from neosegdino.model import WindowModel
from neosegdino.spec import DecoderSpec, EncoderSpec, EncoderWeights, LocatorSpec, WindowSpec
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import Generator
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training.calibration import fit_shift, fit_temperature, shifted
from neosegdino.training.fit_arm import fit_arm
from neosegdino.training.pretrain import pretrain
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.training.recipe import Recipe, read_recipe

RECIPE = read_recipe()
"""The numbers that the bundle is made with; functions take another recipe in its place."""
LEFT, RIGHT = 1, 2
CLASSES = 3

ENCODER = EncoderSpec(
    architecture="vit_tiny_patch16_dinov3_qkvb",
    weights=EncoderWeights(source="bundle", file="encoder.safetensors"),
    blocks=(2, 5, 8, 11),
    axis="coronal",
    upsampling=4,
    slab=3,
    mean=0.45,
    std=0.25,
)
WINDOWS = WindowSpec(size=(96, 64, 56), mirrored=True)
SPACING_MM = 0.8
DECODER = DecoderSpec(name="unet", file="decoder.safetensors", options={"channels": [32, 64, 128, 80]})
LOCATOR = LocatorSpec(
    spacing_mm=(2.4, 2.4, 2.4),
    size=(56, 64, 56),
    upsampling=4,
    decoder=DecoderSpec(name="stem", file="locator.safetensors", options={"channels": [16, 32, 96]}),
)

NEAR = View(WINDOWS.size, SPACING_MM, (8.0, 8.0, 8.0), rotation_deg=22.0)
ANYWHERE = View(WINDOWS.size, SPACING_MM, (50.0, 60.0, 50.0), rotation_deg=22.0)
"""Windows of the full cut lie anywhere in a head."""
HEAD = View(LOCATOR.size, 2.4, (20.0, 30.0, 30.0), rotation_deg=35.0, supersampling=2, turned=0.3, cropped=0.3)

DECODER_VIEWS = (NEAR, NEAR, NEAR, ANYWHERE)
"""The steps of the decoding arm go round these."""
BEGINS_WITH = {"arm": "image", "lenient": "arm", "strict": "lenient"}
"""Stages that begin with the weights of another one."""
TEMPERATURE_FILE = "temperature.json"
SCORE_BIAS = "arms.0.head.score.bias"
"""Of the decoder's last layer, one number for each class."""


def make_generator(maps: LabelMaps, held_out: bool, seed: int, device: str, recipe: Recipe | None = None) -> Generator:
    """Generator on the training maps, or on the maps kept for measuring."""
    chosen = held_out_maps(maps, recipe) if held_out else maps.of_heads((recipe or RECIPE).training_heads)
    return Generator(chosen, Draw(seed, device))


def measuring_generator(maps: LabelMaps, device: str, recipe: Recipe | None = None) -> Generator:
    """The images that everything is measured on: heads that were never trained on, always the same."""
    seed = (recipe or RECIPE).measuring_seed
    return make_generator(maps, held_out=True, seed=seed, device=device, recipe=recipe)


def held_out_maps(maps: LabelMaps, recipe: Recipe | None = None) -> LabelMaps:
    """Maps of heads that were not trained on."""
    return maps.of_heads((recipe or RECIPE).measuring_heads)


def window_model(backbone: nn.Module) -> WindowModel:
    """Model of the fine window."""
    return WindowModel(ENCODER, backbone, WINDOWS.size, DECODER, CLASSES, mirrored=(LEFT, RIGHT))


def trained_scores(folder: Path, device: str, stage: str = "decoder") -> Callable[[Tensor], Tensor]:
    """Scores of windows by the weights that a stage left in a folder, in bfloat16 on a GPU; ``image`` has no tokens."""
    model = window_model(_frozen_backbone(folder, stage).to(device))
    model.arms.load_state_dict(load_weights(folder / f"{stage}.safetensors"))
    model.to(device).eval()

    def scores(image: Tensor) -> Tensor:
        with torch.autocast(image.device.type, torch.bfloat16, enabled=image.is_cuda):
            found: Tensor = model.answer(image, 0, model.encoder.no_tokens) if stage == "image" else model(image)
        return found.float()

    return scores


@torch.no_grad()
def calibrate(
    maps: LabelMaps, folder: Path, device: str, count: int, recipe: Recipe | None = None
) -> tuple[float, float]:
    """Fit where the decoder's border lies, and the temperature, on new images of the training heads.

    The shift of the scores goes into the decoder's weights, the temperature beside them. Calibrated again, the decoder
    stays as it is.

    Returns
    -------
    shift, temperature : float
        See `neosegdino.training.calibration`.
    """
    scores = trained_scores(folder, device)
    seed = (recipe or RECIPE).calibration_seed
    generator = make_generator(maps, held_out=False, seed=seed, device=device, recipe=recipe)
    batches = (generator(1, NEAR) for _ in range(count))
    samples = [(scores(batch.image).half().cpu(), batch.target.cpu()) for batch in batches]
    shift = fit_shift(samples)
    temperature = fit_temperature([(shifted(found, shift), target) for found, target in samples])
    state = load_weights(folder / "decoder.safetensors")
    state[SCORE_BIAS][1:] += shift
    save_weights(state, folder / "decoder.safetensors")
    with atomic_path(folder / TEMPERATURE_FILE) as temporary:
        temporary.write_text(json.dumps(temperature), encoding="utf-8")
    return shift, temperature


def load_temperature(folder: Path) -> float:
    """What `calibrate` left; 1 before."""
    path = folder / TEMPERATURE_FILE
    return float(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else 1.0


def _frozen_backbone(folder: Path, stage: str) -> nn.Module:
    """The encoder in a folder; for ``image``, which does not look at it, a blank one."""
    state = None if stage == "image" else load_weights(folder / "encoder.safetensors")
    return create_backbone(ENCODER, pretrained_state=state)


def locator_model(backbone: nn.Module) -> WindowModel:
    """Model of the coarse pass."""
    return WindowModel(ENCODER, backbone, LOCATOR.size, LOCATOR.decoder, CLASSES, upsampling=LOCATOR.upsampling)


def start_of(stage: str, folder: Path) -> Path | None:
    """File in a folder with the weights that a stage begins with; none for a stage that begins with random ones."""
    return folder / f"{BEGINS_WITH[stage]}.safetensors" if stage in BEGINS_WITH else None


def train(
    stage: str,
    maps: LabelMaps,
    folder: Path,
    seed: int,
    device: str,
    limit_s: float,
    log: Callable[[str], None],
    steps: int | None = None,
    *,
    run: int | None = None,
    seconds: float | None = None,
    start: Path | None = None,
    compiled: bool = False,
    recipe: Recipe | None = None,
    ranks: Ranks = ALONE,
) -> bool:
    """Run or go on with one stage, or one of its runs; its weights appear in the folder as float16 safetensors.

    Parameters
    ----------
    stage : {"encoder", "image", "arm", "lenient", "strict", "locator"}
        What to train; all but ``image`` need the first one's weights in the folder. ``image`` is the decoding arm
        without the encoder, ``arm`` the same arm with it; ``lenient`` and ``strict`` go on with that, see `average`.
    maps : LabelMaps
        All label maps.
    folder : Path
        Checkpoints and weights.
    seed : int
        Of the images and the initial weights.
    device : str
        Torch device.
    limit_s : float
        Seconds after which a checkpoint is written and the run stops.
    log : callable
        Takes lines about the progress.
    steps : int, optional
        In place of the recipe's.
    run : int, optional
        Number, from 1, of one of several runs: it has images, checkpoint and weights of its own, see `merge`.
    seconds : float, optional
        In place of steps, see `TimedSchedule`.
    start : Path, optional
        Weights of the arm to begin with, in place of random ones.
    compiled : bool
        See `fit_arm`.
    recipe : Recipe, optional
        In place of the shipped one.
    ranks : Ranks
        The processes that share every step's parts; the first one writes.

    Returns
    -------
    bool
        Whether the stage, or its run, is finished.

    Raises
    ------
    TrainingError
        The stage has no such run.
    """
    name = _name_of(stage, run, recipe or RECIPE)
    seed += (run or 1) - 1
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    generator = make_generator(maps, held_out=False, seed=seed, device=device, recipe=recipe)
    checkpoint = folder / f"{name}.checkpoint"
    setting = (recipe or RECIPE).stages[stage]
    if steps is not None or seconds is not None:
        setting = msgspec.structs.replace(setting, steps=steps if seconds is None else None, seconds=seconds)
    schedule = setting.schedule
    if stage == "encoder":
        backbone = create_backbone(ENCODER)
        near = SliceEncoder(ENCODER, backbone, WINDOWS.size)
        head = SliceEncoder(ENCODER, backbone, LOCATOR.size, LOCATOR.upsampling)
        fine = (setting.images, setting.slices)
        views = [(NEAR, near, *fine), (ANYWHERE, near, *fine), (NEAR, near, *fine), (HEAD, head, *fine)]
        backbone, done = pretrain(
            generator, views, schedule, checkpoint, log, limit_s, parts=setting.parts, ranks=ranks
        )
        if ranks.first:
            save_weights(backbone.state_dict(), folder / "encoder.safetensors")
        return done
    backbone = _frozen_backbone(folder, stage).to(device)
    model = locator_model(backbone) if stage == "locator" else window_model(backbone)
    pairs = [(view, setting.images) for view in ((HEAD,) if stage == "locator" else DECODER_VIEWS)]
    if start is not None:
        model.arms.load_state_dict(load_weights(start))
    done = fit_arm(
        model,
        generator,
        pairs,
        schedule,
        checkpoint,
        log,
        limit_s,
        compiled=compiled,
        alone=stage == "image",
        agreement=setting.agreement,
        volumes=setting.volumes,
        parts=setting.parts,
        ranks=ranks,
    )
    if ranks.first:
        save_weights(model.arms.state_dict(), folder / f"{name}.safetensors")
    return done


def _name_of(stage: str, run: int | None, recipe: Recipe) -> str:
    """Name of what a stage, or one of its runs, leaves."""
    name = stage if run is None else f"{stage}-{run}"
    if run is not None and name not in recipe.runs(stage):
        raise TrainingError(
            f"There is no run {run} of {stage}: the recipe gives the stage {recipe.stages[stage].runs}.",
            "Give another number, or a recipe with more `runs`.",
        )
    return name


def merge(stage: str, folder: Path, recipe: Recipe | None = None) -> None:
    """Leave a stage's weights: the average of those that its runs have left.

    Raises
    ------
    TrainingError
        A run has left no weights.
    """
    names = (recipe or RECIPE).runs(stage)
    _leave_average(folder, dict.fromkeys(names, 1 / len(names)), stage)


def average(folder: Path, recipe: Recipe | None = None) -> None:
    """Leave the decoder: the average of the weights that trainings from one start led to, by the recipe's shares.

    Most of what the trainings brought stays, and most of what they cost comes back (Wortsman et al., "Model soups",
    arXiv 2203.05482, and "Robust fine-tuning of zero-shot models", arXiv 2109.01903).

    Parameters
    ----------
    folder : Path
        Of the stages' weights; takes ``decoder.safetensors``.
    recipe : Recipe, optional
        In place of the shipped one.

    Raises
    ------
    TrainingError
        A stage with a share has left no weights.
    """
    _leave_average(folder, (recipe or RECIPE).shares, "decoder")


def _leave_average(folder: Path, shares: Mapping[str, float], target: str) -> None:
    """Average the weights of these names in a folder by their shares."""
    paths = {name: folder / f"{name}.safetensors" for name in shares}
    if missing := [name for name, path in paths.items() if not path.exists()]:
        raise TrainingError(f"{folder} holds no weights of: {', '.join(missing)}.", "Train these stages first.")
    states = [(share, load_weights(paths[name])) for name, share in shares.items()]
    mean = {name: sum((share * state[name] for share, state in states), torch.zeros(())) for name in states[0][1]}
    save_weights(mean, folder / f"{target}.safetensors")


def save_weights(state: dict[str, Tensor], path: Path) -> None:
    """Write weights as float16 safetensors."""
    with atomic_path(path) as temporary:
        save_tensors({name: tensor.half() for name, tensor in state.items()}, temporary)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read weights as float32."""
    return {name: tensor.float() for name, tensor in load_file(path).items()}
