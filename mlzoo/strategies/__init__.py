"""Strategies of `mlzoo tune`: what a search tries next.

Each exports `Config` (its settings) and `propose(config, space, history, count, seed)`, a pure
function: it is asked anew for every trial and keeps nothing. It returns up to `count`
`mlzoo.core.spaces.Proposal`; none where the space is exhausted, or while trials that it has to know
are still running. It may export `AHEAD`: how many of the newest trials are told as running when
the next is proposed, whatever has become of them (by default 0). That number, and not the
workers', decides what a proposal knows, so that the same seed gives the same trials.
`INDEPENDENT = True` says that outcomes are never looked at, `COMPLETE = True` that it ends by
itself, so that a search with no number of trials tries all that it proposes.
"""
