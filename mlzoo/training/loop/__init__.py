"""The training loop: its batches, its steps, and when it stops."""
