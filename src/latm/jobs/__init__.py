"""Jobs: makings and mendings in the background, which outlive the process that runs them.

What was observed and what is stored flow in, jobs flow through a durable queue, tools flow
out by `latm.runtime`. Invariants: nothing here is on the path of a request; a job that is
killed at any point goes on where it was, and no call of a model is paid twice.
"""
