"""Measurements that anybody can repeat: tools and questions flow in, numbers flow out.

Invariant: a benchmark only measures what the product does; it has no path of its own to
an answer, and its inputs are seeded, so two runs ask the same questions.
"""
