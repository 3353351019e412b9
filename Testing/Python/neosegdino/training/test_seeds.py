from __future__ import annotations

import subprocess
import sys

from neosegdino.training.seeds import digest_of, seed_of


def test_seeds_depend_on_every_part_and_on_their_order() -> None:
    seeds = {seed_of(1, "case", 2), seed_of(2, "case", 1), seed_of(1, "case", 3), seed_of(1, "cas", "e", 2)}
    assert len(seeds) == 4
    assert seed_of(1, "case", 2) == seed_of(1, "case", 2)


def test_parts_do_not_run_together() -> None:
    assert digest_of("a", "bc") != digest_of("ab", "c")
    assert digest_of(1, 23) != digest_of(12, 3)


def test_seeds_have_32_bits() -> None:
    seeds = [seed_of("any", number) for number in range(2000)]
    assert min(seeds) >= 0 and max(seeds) < 2**32
    assert max(seeds) > 2**31
    assert len(set(seeds)) > 1990


def test_seeds_are_the_same_in_every_process() -> None:
    """Python's own hash of a text is not."""
    code = "from neosegdino.training.seeds import seed_of; print(seed_of(7, 'case', -1))"
    told = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_here(seed))
            for seed in "12"]  # fmt: skip
    assert {int(one.stdout) for one in told} == {seed_of(7, "case", -1)}


def _here(hash_seed: str) -> dict[str, str]:
    return {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": hash_seed}
