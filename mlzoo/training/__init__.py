"""Training: devices, optimizers, batches, the loop, checkpoints, resuming."""
