"""The request path: a question flows in, an `Answer` with its `Receipt` flows out.

Question → gate → dispatcher → tool → user → upstream; every rung may abstain. Invariant:
nothing here imports `making` or `monitor`, so requests go on when the maker is down.
"""
