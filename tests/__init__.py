"""A package, so that no other one called `tests`, which tf-keras-vis installs, hides it."""
