"""Strategies of `mlzoo tune`: how a search proposes.

Each exports `Config` (its settings) and `propose(config, space, history, count, seed)`, a pure
function: it is called anew for every trial and keeps no state. It returns up to `count`
`mlzoo.core.spaces.Proposal`; none when the space is exhausted, or while trials whose scores it
needs are still running. It may export `AHEAD` (by default 0): the number of newest trials that
appear as running when the next one is proposed, whether or not they are done. That number, rather
than the number of workers, decides which scores a proposal depends on, so that the same seed gives
the same trials. `INDEPENDENT = True` means that scores are never used, `COMPLETE = True` that the
strategy ends by itself, so that a search without a limit on its trials runs all that it proposes.
"""
