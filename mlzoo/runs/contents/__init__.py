"""Contents of the files of a run folder, as they are written and read."""
