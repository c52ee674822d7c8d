"""The tests. A package of its own, since one of our dependencies installs another `tests`."""
