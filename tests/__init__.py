"""Tests of mlzoo: a package, since scikit-optimize installs one of the same name."""
