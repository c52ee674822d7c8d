"""Toolkit of figures."""
