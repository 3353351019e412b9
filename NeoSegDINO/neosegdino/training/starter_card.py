"""Text of the starter bundle's card and notice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from neosegdino.spec import Accuracy

CARD = """# Neonatal starter

Left and right hippocampus from a newborn's brain MRI (T1w or T2w). **Research use only; not a medical device.**

## What it is
- A frozen 2D encoder of the DINOv3 architecture (timm `vit_tiny_patch16_dinov3_qkvb`, 5.5 million parameters) that
  encodes every coronal slice of a window, a depth embedding, and a 3D decoding arm that is a small U-Net joined by the
  encoder's tokens; a second arm on the same encoder finds the hippocampi in the whole head.
- Trained from scratch by this project. **These are not Meta's DINOv3 weights**, and nothing of them is inside.
- Trained on synthetic MRI alone: label maps of {heads} adult heads, taken towards a newborn's (smoother cortex, wider
  ventricles and fluid spaces, a myelinated internal capsule, hippocampi that fade towards their surface and have layers
  within, white matter that is hardly seen beneath them), shrunk to newborn size, deformed, given newborn and random
  contrasts and the faults of acquisitions. **No patient image was used.** The method follows arXiv 2602.23962.
- Trained, at last, to give one answer to a T1w and a T2w of the same head; weights of several such trainings were
  averaged. Where the answer ends was moved to where the Dice of training heads is best.
- Every window is answered twice, as it is and in a mirror; the mean of both scores counts.
- The confidence is tempered: the scores are divided by a temperature that was fitted on further images of the
  training heads.

## What it is not
- Not validated on labelled newborn images: none are openly available to this project. The figures below say on what
  each was measured.
- Adult heads taken towards a newborn's are not newborn anatomy; expect errors at the head (amygdala) and the tail.
- Beside real infants' T1w and T2w the synthetic images still differ: gyri are an adult's, coarser and fewer; borders
  follow the voxels of a map of 1 mm; a tissue is blotchy at random where a real one has vessels, fine white matter and
  folds; layers within the hippocampi lie flat and do not roll up; little fluid of the temporal horn lies around them.
- Ages: brains of about 180 to 850 ml (30 weeks of gestation to 3 months after term). Contrasts: T1w, T2w. Spacing up
  to about 3 mm in one direction. Outside of this it was not tried.
- Sides are taken from the image's own orientation (RAS). A file whose header contradicts the anatomy gives swapped
  sides.

## Measured
{figures}

{texts}{pictures}## Data and licences
Weights: Apache-2.0 (`LICENSE.txt`). Training anatomy: SynthSeg's label maps, Apache-2.0 (`NOTICE.md`).

## Make it again
`make bundle MAPS=FOLDER_OF_LABEL_MAPS` in the repository; `make bundle` alone explains it. The recipe's numbers
are in `NeoSegDINO/neosegdino/training/recipe.toml`.

## Fine-tune, or use Meta's encoder
On scans that somebody has labelled: the tab Fine-tune, or `neosegdino finetune FOLDER --out run1 --name my-newborns`.

Any timm ViT can take the encoder's place by name in `bundle.json`; Meta's DINOv3 weights come from timm's hub after
their licence is accepted (`neosegdino models fetch`). A decoding arm has to be trained for every encoder.
"""

WORST, CURVE = "worst.png", "curve.png"
PICTURES = {
    WORST: (
        "Known failures",
        "Synthetic windows of heads that were not trained on with a low Dice, the lowest first: outlines of the "
        "reference and of the answer.",
    ),
    CURVE: ("Training", "Loss over the steps, of the stages whose log is kept."),
}
"""Pictures that a card can show: heading and sentence by file name."""

TEXTS = {
    "history.md": ("How these weights were made", "What is to be known of them beside the recipe."),
    "ablation.md": (
        "What each part is worth",
        "Decoding arms trained from scratch for a short while, alike but for one thing each, by `ablation.py`. Where a "
        "long training ends is another matter.",
    ),
    "robustness.md": (
        "How steady the answer is",
        "Real infant images without labels, changed by `robustness.py`: Dice of the answer to that on the untouched "
        "image. It does not say how right either is.",
    ),
}
"""Texts and tables that a card can hold: heading and sentence by the name of a Markdown file."""

NOTICE = """# Notices

The weights of this bundle were trained on synthetic images made from the SynthSeg training label maps
(github.com/BBillot/SynthSeg, data/training_label_maps, commit 66342c1f05e520f3729a6d7ca1042eb7f01b6266),
published under the Apache License 2.0. The label maps themselves are not part of this bundle.

Cite: Billot et al., "SynthSeg: Segmentation of brain MRI scans of any contrast and resolution without retraining",
Medical Image Analysis 86:102789 (2023).
"""


def picture_sections(names: Collection[str]) -> str:
    """Markdown sections of the pictures of these names."""
    return "".join(
        f"## {title}\n{sentence}\n\n![{title}]({name})\n\n"
        for name, (title, sentence) in PICTURES.items()
        if name in names
    )


def text_sections(texts: Mapping[str, str]) -> str:
    """Markdown sections of texts by the names of `TEXTS`."""
    return "".join(
        f"## {title}\n{sentence}\n\n{texts[name].strip()}\n\n"
        for name, (title, sentence) in TEXTS.items()
        if name in texts
    )


def figures_table(accuracy: Sequence[Accuracy]) -> str:
    """Markdown table of measured figures."""
    rows = ["| data | n | metric | mean (sd) | held out | note | command |", "|---|---|---|---|---|---|---|"]
    for row in accuracy:
        held_out = "yes" if row.held_out else "no"
        spread = f"{row.mean:.3f} ({row.sd:.3f})" if row.sd else f"{row.mean:.3f}"
        rows.append(
            f"| {row.data} | {row.count} | {row.metric} | {spread} | {held_out} | {row.note} | `{row.command}` |"
        )
    return "\n".join(rows)
