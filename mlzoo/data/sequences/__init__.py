"""Sequences and series: tables over time, windows, signals."""
