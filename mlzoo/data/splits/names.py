"""Names of the splits."""

PARTS = ("train", "valid", "test")
SPLIT_NAMES = {"train": "training", "valid": "validation", "test": "test"}
"""Names of the splits in messages."""
