"""Export formats, one a file: `Config`, `write` and `open_written`."""
