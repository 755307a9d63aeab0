"""latm: LLMs as tool makers.

Answers recurring requests with verified code instead of tokens. Invariant: importing this
package reads nothing, writes nothing and loads no other module.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
