"""A trained run for other programs: raw inputs in, probabilities out, scored before it counts."""
