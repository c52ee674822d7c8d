"""Masks: folders, values and classes of images with a class at every pixel."""
