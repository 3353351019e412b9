"""What a training step sees: the windows of one view of a case, their tokens, and the classes to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neosegdino import flags
from neosegdino.errors import OutputError
from neosegdino.inference import Run, rescale, with_less_memory
from neosegdino.training.augment import VERSION, Augmentation
from neosegdino.training.feature_cache import FeatureCache
from neosegdino.training.prepare import MARGIN, PreparedCase
from neosegdino.training.seeds import digest_of, seed_of
from neosegdino.training.settings import FinetuneSettings
from neosegdino.training.student import Student
from neosegdino.windows import WindowGrid, disassemble

STORED = torch.float16
"""Type of tokens and windows on disk. What was just computed is rounded alike, so that a hit and a miss train alike."""
PLAIN = -1
"""Number of the view that is the case itself."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One view of a case.

    Attributes
    ----------
    windows : Tensor
        ``(N, 1, x, y, z)`` rescaled windows.
    target : Tensor
        ``(X, Y, Z)`` int64 classes of the whole.
    cut : WindowGrid
        Where the windows lie.
    tokens : callable
        Tokens of the window at a position, as the encoder gives them; read or made when asked for, so that only one
        window's are held.
    """

    windows: Tensor
    target: Tensor
    cut: WindowGrid
    tokens: Callable[[int], list[Tensor]]


class Views:
    """Draws the views of cases and encodes them; where the views are fixed, from the cache.

    Parameters
    ----------
    student : Student
        Its encoder is used.
    settings : FinetuneSettings
        Number of views, mirroring, seed.
    cache : FeatureCache
        Keeps pictures and tokens of fixed views.
    run : Run
        Device, findings.
    """

    def __init__(self, student: Student, settings: FinetuneSettings, cache: FeatureCache, run: Run) -> None:
        self._model = student.model
        self._encoder_key = student.encoder_key
        self._settings = settings
        self._cache: FeatureCache | None = cache
        self._run = run
        self._device = run.choice.device

    def plain(self, case: PreparedCase) -> Sample:
        """The case as it is, for validation."""
        return self._sample(case, PLAIN, fixed=True)

    def training(self, case: PreparedCase, epoch: int) -> Sample:
        """View of an epoch: the fixed ones take turns, the first of them plain; without fixed views a new one."""
        count = self._settings.views
        if count == 0:
            return self._sample(case, epoch, fixed=False)
        turn = (epoch + seed_of(self._settings.seed, case.name)) % count
        return self._sample(case, turn if turn else PLAIN, fixed=True)

    def _sample(self, case: PreparedCase, view: int, *, fixed: bool) -> Sample:
        key = self._key(case, view) if fixed else ""
        kept = self._read(digest_of(key, "view")) if fixed else None
        if kept is None:
            kept = self._draw(case, view)
            if fixed:
                self._keep(digest_of(key, "view"), kept)
        windows = kept["windows"].to(self._device, torch.float32)
        target = kept["target"].to(self._device, torch.int64)
        fresh: dict[int, list[Tensor]] = {}

        def tokens(position: int) -> list[Tensor]:
            if fixed:
                return self._cached_tokens(digest_of(key, position), windows[position : position + 1])
            if position not in fresh:
                fresh[position] = self._encode(windows[position : position + 1])
            return [part.to(self._device, torch.float32) for part in fresh[position]]

        return Sample(windows, target, case.cut, tokens)

    def _draw(self, case: PreparedCase, view: int) -> dict[str, Tensor]:
        if view == PLAIN:
            inside = tuple(slice(MARGIN, n - MARGIN) for n in case.target.shape)
            image, target = case.image[(slice(None), *inside)], case.target[inside]
        else:
            draw = Augmentation(case.shape, self._settings.mirror)
            image, target = draw(case.image, case.target, seed_of(self._settings.seed, case.name, view))
        windows = rescale(disassemble(image, case.cut), self._run)
        return {"windows": windows.to(STORED), "target": target.contiguous()}

    def _cached_tokens(self, key: str, window: Tensor) -> list[Tensor]:
        kept = self._read(key)
        if kept is None:
            kept = {str(number): part for number, part in enumerate(self._encode(window))}
            self._keep(key, kept)
        return [kept[str(number)].to(self._device, torch.float32) for number in range(len(kept))]

    def _encode(self, window: Tensor) -> list[Tensor]:
        kind = self._device.type

        def work(chunk: int) -> list[Tensor]:
            with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
                return self._model.encoder(window, chunk)  # type: ignore[no-any-return]

        return [part.to(STORED) for part in with_less_memory(work, self._run)]

    def _key(self, case: PreparedCase, view: int) -> str:
        drawn: Sequence[object] = ()
        if view != PLAIN:
            drawn = (VERSION, self._settings.seed, case.name, view, self._settings.mirror)
        return digest_of(case.key, self._encoder_key, self._device.type, *drawn)

    def _read(self, key: str) -> dict[str, Tensor] | None:
        return self._cache.get(key) if self._cache is not None else None

    def _keep(self, key: str, tensors: dict[str, Tensor]) -> None:
        """Keep tensors; a cache that cannot be written is done without, and said so."""
        if self._cache is None:
            return
        try:
            self._cache.put(key, tensors)
        except OutputError as error:
            self._cache = None
            message = f"Features are no longer cached, so that steps take longer: {error.message}"
            self._run.note(flags.CACHE, message)
