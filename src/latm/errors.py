"""The one error tree.

    LatmError
    ├── InputError                bad input or usage: exit 2, nothing lost
    │   ├── CasesError            a file of cases cannot be used as it is
    │   ├── SettingsError         a setting is missing or malformed
    │   ├── UnknownNameError      a tool, model or engine of that name does not exist
    │   └── ImportFileError       a file to import is not what it should be
    ├── NotToolableError          no tool could be made or mended: exit 3
    └── OperationError            our failure: exit 1
        ├── ModelError            a model call failed
        │   ├── ModelUnavailableError   cannot be reached, started or loaded
        │   └── ModelRefusedError       the provider rejected the request itself
        ├── ModelFileError        an embedded model's file is absent, damaged or cannot be fetched
        ├── SandboxUnavailableError     the sandbox itself is broken or not to be trusted here
        ├── BudgetExceededError   a budget of tokens or money is used up
        └── StoreError            the database cannot be opened, migrated or written

A tool that fails inside a sound sandbox is not an error of ours: it is the value
`latm.types.Failed`. A wrong answer is neither: it is a `Verdict`. Invariant: the text of
an error is one line that says what happened, which value, and what to do.
"""

from __future__ import annotations


class LatmError(Exception):
    """Root of all errors that latm raises on purpose."""

    exit_code = 1


class InputError(LatmError):
    """Bad input or usage."""

    exit_code = 2


class CasesError(InputError):
    """A file of cases cannot be used as it is."""


class SettingsError(InputError):
    """A setting is missing or malformed."""


class UnknownNameError(InputError):
    """No tool, model or engine of that name."""


class ImportFileError(InputError):
    """A file to import is not what it should be."""


class NotToolableError(LatmError):
    """No tool could be made or mended; the message carries the reasons."""

    exit_code = 3


class OperationError(LatmError):
    """A failure on our side."""


class ModelError(OperationError):
    """A model call failed."""


class ModelUnavailableError(ModelError):
    """The model cannot be reached, started or loaded."""


class ModelRefusedError(ModelError):
    """The provider rejected the request itself; trying again will not help."""


class ModelFileError(OperationError):
    """An embedded model's file is absent, damaged or cannot be fetched."""


class SandboxUnavailableError(OperationError):
    """The sandbox is broken or not to be trusted on this machine; nothing was run."""


class BudgetExceededError(OperationError):
    """A budget of tokens or money is used up."""


class StoreError(OperationError):
    """The database cannot be opened, migrated or written."""
