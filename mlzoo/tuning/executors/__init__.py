"""Where fits run: in this process, in workers that can be ended, on a cluster."""
