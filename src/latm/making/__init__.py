"""Making: recorded cases in, verified tools out; never imported by the request path.

`flow` reads like the picture in docs/structure.md; each stage (maker, checks, verifier,
wrapper, promoter) is a module. Invariant: the author of a tool never sees the cases that
it is judged on.
"""
