"""Flow: answers are compared with references, and tools gain or lose trust.

Evidence flows in from the store, transitions of the lifecycle flow out. Invariant: this
flow imports neither `latm.using` nor `latm.making`; the three meet only in the store.
"""
