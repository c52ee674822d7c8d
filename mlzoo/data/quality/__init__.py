"""Validation of data: bad files, duplicates, leakage, inspection."""
