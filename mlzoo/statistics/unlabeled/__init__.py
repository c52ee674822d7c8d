"""Samples that are restored or drawn, without labels."""
