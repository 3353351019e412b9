"""Cases: images with reference labels, where they come from, and what is wrong with them. Nothing here needs torch."""
