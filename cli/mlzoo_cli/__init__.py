"""The command line of mlzoo."""
