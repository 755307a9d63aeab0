"""What tests of users and plug-ins need: models without a network, suites for adapters.

Nothing flows in or out; the names are gathered here so that they stay when modules move.
Invariant: nothing here reaches a network or reads the environment.

A suite is a tuple of checks. Run each on a fresh adapter; it returns, or raises an
`AssertionError` that says what was expected:

    @pytest.mark.parametrize("check", SANDBOX_CHECKS)
    async def test_my_sandbox(check):
        await check(my_sandbox)
"""

from latm.embedding.conformance import CHECKS as EMBEDDING_CHECKS
from latm.models.conformance import CHECKS as MODEL_CHECKS
from latm.models.recorded import RecordedModel
from latm.models.scripted import ScriptedModel
from latm.sandbox.conformance import CHECKS as SANDBOX_CHECKS
from latm.store.conformance import CHECKS as STORE_CHECKS

__all__ = [
    "EMBEDDING_CHECKS",
    "MODEL_CHECKS",
    "SANDBOX_CHECKS",
    "STORE_CHECKS",
    "RecordedModel",
    "ScriptedModel",
]
