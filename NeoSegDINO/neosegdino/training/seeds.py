"""Seeds that depend on what they are for, and on nothing that was drawn before."""

from __future__ import annotations

import hashlib


def seed_of(*parts: object) -> int:
    """Seed (32 bits) for what the parts name, such as a run's seed, a case and an epoch."""
    return int(digest_of(*parts)[:8], 16)


def digest_of(*parts: object) -> str:
    """SHA-256, in hexadecimal digits, of the texts of the parts."""
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
