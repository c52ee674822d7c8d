"""Augmentation: policies of transforms made ready for the samples of a training split."""
