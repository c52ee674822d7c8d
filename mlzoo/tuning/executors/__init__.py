"""Executors of fits: this process, worker processes, or a cluster."""
