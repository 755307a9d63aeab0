"""latm: LLMs as tool makers."""

__version__ = "0.1.0"
