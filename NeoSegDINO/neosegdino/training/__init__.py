"""Training: the exact two-pass step, fine-tuning on cases, and the recipe of the starter bundle."""
