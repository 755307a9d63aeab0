"""The HTTP face: OpenAI-compatible requests in, answers of tools or of the upstream out.

Invariant: what no tool serves passes through with its bytes unchanged, and whatever breaks
on our side, the upstream answers.
"""
