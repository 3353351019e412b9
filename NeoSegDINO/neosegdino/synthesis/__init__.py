"""From label maps of heads to synthetic newborn MRI, in batches, on a GPU or a CPU (in the spirit of SynthSeg)."""
