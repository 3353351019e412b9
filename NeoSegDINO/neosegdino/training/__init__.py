"""Training: the exact two-pass step, and the recipe of the starter bundle."""
