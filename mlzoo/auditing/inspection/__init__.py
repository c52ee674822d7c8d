"""The page of an inspection of data."""
