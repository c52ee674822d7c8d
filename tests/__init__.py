"""Tests of mlzoo: a package, since tf-keras-vis installs one of the same name."""
