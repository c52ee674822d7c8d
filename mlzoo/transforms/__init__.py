"""Augmentation: transforms, policies and presets."""
