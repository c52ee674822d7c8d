"""Training: the loop, optimizers, checkpoints, resuming."""
