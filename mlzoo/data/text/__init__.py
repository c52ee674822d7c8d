"""Texts: codes of characters, windows and continuation."""
