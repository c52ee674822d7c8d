"""Samples without labels: restored, drawn, projected to two dimensions, or put into clusters."""
