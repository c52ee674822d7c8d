"""Trackers: where a run reports to while it trains.

`track(run)` returns a `data.contracts.Tracker`, which is told of each epoch and of the end; `run`
is a `data.contracts.RunInfo`. It is called again when a run is resumed, and then reports to the
same place. What a tracker raises is told once and ends the tracking, never the training.

`NEEDS` names modules that it imports and the packages that they come from; a training begins only
where they are installed. With `TRIALS` it also gets the trials of a search (`run.search`), each
finished at once, with folders that are not there.
"""
