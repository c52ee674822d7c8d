"""Trackers: where a run reports to while it trains.

`track(run)` returns a `data.contracts.Tracker`, which is told of each epoch and of the end; `run`
is a `data.contracts.RunInfo`. It is called again when a run is resumed, and then reports to the
same place. What a tracker raises is told once and ends the tracking, never the training.
"""
