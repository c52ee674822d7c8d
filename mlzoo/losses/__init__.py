"""Losses of pixels, fields and classes."""
