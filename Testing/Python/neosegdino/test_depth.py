from __future__ import annotations

import pytest
import torch
from neosegdino.depth import DepthEmbedding
from neosegdino.errors import BundleError


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
def test_every_slice_gets_a_vector_of_its_own(kind: str, axis: int) -> None:
    torch.manual_seed(0)
    embed = DepthEmbedding(kind, channels=10, depth=7, axis=axis)
    shape = [3, 10, 4, 4, 4]
    shape[2 + axis] = 7
    added = embed(torch.zeros(shape)).movedim(2 + axis, 2)
    vectors = added[0, :, :, 0, 0].T
    assert torch.equal(added, vectors.T[None, :, :, None, None].expand_as(added)), "it depends on more than the slice"
    assert torch.cdist(vectors, vectors).fill_diagonal_(9).min() > 1e-3


@pytest.mark.parametrize("channels", [1, 7, 8])
def test_sinusoids_fit_any_channels_and_stay_bounded(channels: int) -> None:
    added = DepthEmbedding("sinusoidal", channels, depth=64, axis=0)(torch.zeros(1, channels, 64, 1, 1))
    assert added.shape[1] == channels
    assert added.abs().max() <= 0.5


def test_tokens_are_added_to_and_their_type_is_kept() -> None:
    embed = DepthEmbedding("learned", channels=4, depth=5, axis=1)
    tokens = torch.randn(2, 4, 3, 5, 3)
    assert torch.allclose(embed(tokens) - tokens, embed(torch.zeros_like(tokens)), atol=1e-6)
    assert embed(tokens.bfloat16()).dtype == torch.bfloat16


def test_none_adds_nothing_and_learns_nothing() -> None:
    embed = DepthEmbedding("none", 4, 5, 0)
    tokens = torch.randn(1, 4, 5, 2, 2)
    assert torch.equal(embed(tokens), tokens)
    assert list(embed.parameters()) == []


@pytest.mark.parametrize(("kind", "size"), [("sinusoidal", 1), ("learned", 20)])
def test_what_is_learned_and_saved(kind: str, size: int) -> None:
    """The sines are made again from the shape; a bundle holds only what was learned."""
    embed = DepthEmbedding(kind, 4, 5, 0)
    assert sum(p.numel() for p in embed.parameters() if p.requires_grad) == size
    assert list(embed.state_dict()) == ["scale"]


def test_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(BundleError, match="'rotary'") as caught:
        DepthEmbedding("rotary", 4, 5, 0)
    assert "sinusoidal, learned or none" in caught.value.remedy
