"""Masks over an input's places."""

from __future__ import annotations

import numpy as np

from mlzoo.introspection.positions import designed


def test_masks_of_a_group_show_every_two_places_equally_often() -> None:
    masks, group = designed(np.random.default_rng(0), 512, 81, 0.5)
    assert masks.shape == (512, 81) and group == 128
    for start in range(0, 512, group):
        own = masks[start : start + group]
        together = own.T @ own
        assert (np.diag(together) == group / 2).all()
        assert (together[~np.eye(81, dtype=bool)] == group / 4).all()
    assert (masks[:group] != masks[group : 2 * group]).any()


def test_where_the_masks_are_too_few_places_are_drawn_alone() -> None:
    few, alone = designed(np.random.default_rng(0), 64, 81, 0.5)
    rare, _ = designed(np.random.default_rng(0), 2000, 81, 0.1)
    assert few.shape == (64, 81) and alone == 1
    assert abs(rare.mean() - 0.1) < 0.01
