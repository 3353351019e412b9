from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from live_bytes import LiveBytes
from neosegdino.decoder import DecodingArms, HeadShape
from neosegdino.spec import DecoderSpec
from neosegdino.training.losses import dice_and_cross_entropy
from neosegdino.training.two_pass import Decode, full_graph_step, two_pass_step
from neosegdino.windows import WindowGrid, full_cut
from small_arms import OUTSIDE, WINDOW, Setting, Step, setting
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

CASES = {
    "one window": ((8, 8, 8), WindowGrid(WINDOW, (1, 1, 1), (0, 0, 0))),
    "exact cut": ((16, 8, 24), WindowGrid(WINDOW, (2, 1, 3), (0, 0, 0))),
    "cut with padding on all sides": ((13, 11, 18), full_cut((13, 11, 18), WINDOW)),
    "windows that leave most of the volume out": ((20, 20, 20), WindowGrid(WINDOW, (1, 1, 1), (5, 6, 4))),
    "windows over one corner": ((12, 12, 12), WindowGrid(WINDOW, (2, 1, 2), (-5, 7, -3))),
    "one window wholly outside": ((8, 8, 8), WindowGrid(WINDOW, (2, 1, 1), (0, 0, 0))),
}


def assert_equal_steps(made: Setting, tolerance: float, **options: int) -> None:
    loss = dice_and_cross_entropy()
    value, scores, gradients = made.gradients(two_pass_step, loss, **options)
    after = torch.get_rng_state()
    full_value, full_scores, full_gradients = made.gradients(full_graph_step, loss)
    assert torch.equal(after, torch.get_rng_state()), "what follows would draw other random numbers"
    assert abs(float(value - full_value)) <= tolerance * float(full_value)
    assert torch.allclose(scores, full_scores, rtol=tolerance, atol=tolerance)
    largest = max(float(g.abs().max()) for g in full_gradients.values() if g is not None)
    assert largest > 1e-4
    for name, gradient in full_gradients.items():
        assert (gradients[name] - gradient).abs().max() <= tolerance * largest, name


@pytest.mark.parametrize("mode", ["shared", "per-window"])
@pytest.mark.parametrize("case", CASES)
def test_two_passes_equal_the_full_graph_in_float64(mode: str, case: str) -> None:
    assert_equal_steps(setting(mode, *CASES[case], torch.float64), 1e-10)


@pytest.mark.parametrize("mode", ["shared", "per-window"])
@pytest.mark.parametrize("case", ["exact cut", "cut with padding on all sides"])
def test_two_passes_equal_the_full_graph_in_float32(mode: str, case: str) -> None:
    assert_equal_steps(setting(mode, *CASES[case], torch.float32), 1e-5)


@pytest.mark.parametrize(
    ("head", "depth"), [("linear", "learned"), ("dpt", "sinusoidal"), ("stem", "learned"), ("unet", "learned")]
)
def test_every_head_and_depth_embedding(head: str, depth: str) -> None:
    made = setting("shared", *CASES["cut with padding on all sides"], torch.float64, head, depth)
    assert_equal_steps(made, 1e-10)
    scales = [p.grad for name, p in made.arms.named_parameters() if name.endswith("depth.scale")]
    assert scales
    assert all(scale is not None and scale.abs().max() > 0 for scale in scales)


def test_without_the_random_state_dropout_would_break_the_equality(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shows that the tests above do see dropout."""
    monkeypatch.setattr("neosegdino.training.two_pass.restore", lambda states, device: None)
    with pytest.raises(AssertionError):
        assert_equal_steps(setting("shared", *CASES["exact cut"], torch.float64), 1e-10)


def test_the_last_window_is_decoded_once() -> None:
    made = setting("shared", *CASES["exact cut"], torch.float64)
    first = [([position], False) for position in range(5)]
    second = [([position], True) for position in (5, 4, 3, 2, 1, 0)]
    assert decoded_by(made, 1) == [*first, *second]
    assert decoded_by(made, 2) == [([0, 1], False), ([2, 3], False), ([4], False), *second]


def decoded_by(made: Setting, together: int) -> list[tuple[list[int], bool]]:
    """Positions of each decoding of a step, and whether it had a graph."""
    decoded = []

    def decode(positions: Sequence[int]) -> Tensor:
        decoded.append((list(positions), torch.is_grad_enabled()))
        return made.decode(positions)

    two_pass_step(decode, made.grid, made.target, dice_and_cross_entropy(), OUTSIDE, together=together)
    return decoded


@pytest.mark.parametrize("together", [2, 3, 8])
@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("head", ["stem", "unet", "dpt", "linear"])
def test_groups_of_windows_equal_the_full_graph(head: str, kind: torch.dtype, tolerance: float, together: int) -> None:
    made = setting("shared", *CASES["cut with padding on all sides"], kind, head, dropout=0.0)
    assert_equal_steps(made, tolerance, together=together)


def test_a_full_graph_in_groups_is_the_same_step() -> None:
    made = setting("shared", *CASES["exact cut"], torch.float64, dropout=0.0)
    _, _, gradients = made.gradients(full_graph_step, dice_and_cross_entropy(), together=4)
    _, _, expected = made.gradients(full_graph_step, dice_and_cross_entropy())
    for name, gradient in expected.items():
        assert torch.allclose(gradients[name], gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("mode", "dropout", "training", "together"),
    [
        ("shared", 0.0, True, 2),
        ("shared", 0.3, True, 1),
        ("shared", 0.3, False, 2),
        ("per-window", 0.0, True, 1),
        ("per-window", 0.0, False, 1),
    ],
)
def test_windows_go_together_through_one_arm_that_draws_nothing(
    mode: str, dropout: float, training: bool, together: int
) -> None:
    made = setting(mode, *CASES["exact cut"], torch.float32, dropout=dropout)
    assert made.arms.train(training).together() == together


@pytest.mark.parametrize(("head", "together"), [("stem", 2), ("unet", 2), ("dpt", 2), ("linear", 1)])
@pytest.mark.parametrize("size", [16, 32])
def test_windows_decoded_together_fit_into_the_memory_of_one_graph(head: str, together: int, size: int) -> None:
    spec = DecoderSpec(head, "decoder.safetensors")
    tokens = (size // 4, size, size // 4)
    arms = DecodingArms(spec, HeadShape(192, 4, (size, size, size), tokens, 3), 1)
    assert arms.together() == together

    def decode(count: int) -> Tensor:
        # What a step does: the tokens of a window are read, those of several are joined block by block.
        read = [[torch.rand(1, 192, *tokens) for _ in range(4)] for _ in range(count)]
        joined = read[0] if count == 1 else (torch.cat(parts) for parts in zip(*read, strict=True))
        scores: Tensor = arms(0, joined, torch.rand(count, 1, size, size, size))
        return scores

    decode(1).sum().backward()  # the weights' gradients are there before
    with LiveBytes() as graph:
        decode(1).sum().backward()
    with LiveBytes() as several, torch.no_grad():
        decode(together)
    with LiveBytes() as one_more, torch.no_grad():
        decode(together + 1)
    assert several.peak <= graph.peak < one_more.peak


def test_other_losses_can_be_passed_in() -> None:
    made = setting("shared", *CASES["windows over one corner"], torch.float64)

    def loss(scores: Tensor, target: Tensor) -> Tensor:
        return (scores.softmax(1)[:, 1:2] - (target == 1).to(scores.dtype)).square().mean().sqrt()

    _, _, gradients = made.gradients(two_pass_step, loss)
    _, _, expected = made.gradients(full_graph_step, loss)
    for name, gradient in expected.items():
        assert torch.allclose(gradients[name], gradient, rtol=0, atol=1e-12)


def test_gradients_accumulate_over_volumes() -> None:
    made = setting("shared", *CASES["exact cut"], torch.float64, dropout=0.0)
    _, _, once = made.gradients(two_pass_step, dice_and_cross_entropy())
    once = {name: gradient.clone() for name, gradient in once.items()}
    two_pass_step(made.decode, made.grid, made.target, dice_and_cross_entropy(), OUTSIDE)
    assert all(torch.allclose(p.grad, 2 * once[name]) for name, p in made.arms.named_parameters())


def test_an_arm_whose_window_is_all_padding_learns_nothing() -> None:
    made = setting("per-window", *CASES["one window wholly outside"], torch.float64)
    _, _, gradients = made.gradients(two_pass_step, dice_and_cross_entropy())
    assert all(g.abs().max() == 0 for name, g in gradients.items() if name.startswith("arms.1."))
    assert any(g.abs().max() > 0 for name, g in gradients.items() if name.startswith("arms.0."))


def test_results_are_detached_and_scores_are_reassembled() -> None:
    shape, grid = CASES["windows over one corner"]
    value, scores, _ = setting("shared", shape, grid, torch.float32).gradients(two_pass_step, dice_and_cross_entropy())
    assert not value.requires_grad
    assert not scores.requires_grad
    assert scores.shape == (3, *shape)
    assert scores[:, -1, 0, -1].tolist() == list(OUTSIDE)


def test_mixed_precision_keeps_nothing_of_pass_1() -> None:
    """Autocast may keep the cast weights of a pass that records nothing; pass 2 would train nothing with them."""
    made = setting("shared", *CASES["exact cut"], torch.float32, dropout=0.0)
    plain = made.decode

    def decode(positions: Sequence[int]) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            scores = plain(positions)
        assert scores.dtype == torch.bfloat16
        return scores.float()

    made.decode = decode
    # oneDNN's gradients of such small weights in bfloat16 hold memory that nobody has written, now and then.
    with torch.backends.mkldnn.flags(enabled=False):
        _, _, gradients = made.gradients(two_pass_step, dice_and_cross_entropy(), together=2)
        _, _, expected = made.gradients(full_graph_step, dice_and_cross_entropy())
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    assert all((gradients[name] - gradient).abs().max() < 0.02 * largest for name, gradient in expected.items())


@pytest.mark.parametrize("step", [two_pass_step, full_graph_step])
def test_backward_passes_run_on_the_thread_that_calls_them(step: Step) -> None:
    made = setting("shared", *CASES["exact cut"], torch.float32)
    seen: list[bool] = []
    for parameter in made.arms.parameters():
        parameter.register_hook(lambda gradient: seen.append(torch._C._is_multithreading_enabled()))
    made.gradients(step, dice_and_cross_entropy())
    assert seen
    assert not any(seen)
    assert torch._C._is_multithreading_enabled(), "torch's setting is put back"


class SavedBytes:
    """Bytes that decoding keeps for the backward pass: what lives now, and the most that lived at once."""

    def __init__(self, there_anyway: list[Tensor]) -> None:
        self.own = {t.untyped_storage().data_ptr() for t in there_anyway}
        self.users: dict[int, int] = {}
        self.live = self.peak = 0

    def watch(self, decode: Decode) -> Decode:
        def watched(positions: Sequence[int]) -> Tensor:
            with saved_tensors_hooks(lambda t: _Kept(self, t), lambda kept: kept.tensor):
                return decode(positions)

        return watched


class _Kept:
    """One saved tensor; storages that several tensors share count once, inputs and parameters not at all."""

    def __init__(self, count: SavedBytes, tensor: Tensor) -> None:
        self.count, self.tensor = count, tensor
        storage = tensor.untyped_storage()
        self.place, self.size = storage.data_ptr(), storage.nbytes()
        if self.place not in count.own:
            self._change(+1)

    def __del__(self) -> None:
        if self.place not in self.count.own:
            self._change(-1)

    def _change(self, by: int) -> None:
        users = self.count.users.get(self.place, 0)
        if users == 0 or users + by == 0:
            self.count.live += by * self.size
            self.count.peak = max(self.count.peak, self.count.live)
        self.count.users[self.place] = users + by


def peak_bytes(step: Step, counts: tuple[int, int, int]) -> int:
    shape = (8 * counts[0], 8 * counts[1], 8 * counts[2])
    made = setting("shared", shape, WindowGrid(WINDOW, counts, (0, 0, 0)), torch.float32)
    saved = SavedBytes([*made.arms.parameters(), *made.inputs])
    step(saved.watch(made.decode), made.grid, made.target, dice_and_cross_entropy(), OUTSIDE)
    assert saved.live == 0, "something of the backward pass was kept"
    return saved.peak


def test_activation_memory_is_that_of_one_window() -> None:
    one, *more = [peak_bytes(two_pass_step, counts) for counts in ((1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4))]
    assert one > 10_000
    assert all(abs(peak - one) <= 0.05 * one for peak in more), (one, more)
    full = [peak_bytes(full_graph_step, counts) for counts in ((1, 1, 1), (3, 3, 3))]
    assert full[0] == pytest.approx(one, rel=0.05)
    assert full[1] == pytest.approx(27 * one, rel=0.1)
