"""The commission: what a making is bound to, and the record that its model calls are kept on.

Settings or a job's plan flow in, a `Commission` and journaled models flow out. Invariant: a
second run under the same commission asks no model what the first was told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from latm.identity import canonical_json, digest
from latm.models import Model
from latm.settings import Settings
from latm.store import JournaledModel, Store


@dataclass(frozen=True, slots=True)
class Commission:
    """What a making in the background is bound to, so that a second run of it does the same.

    Attributes:
        job: names the making: its model calls and their cost are on record under it.
        created_at: UTC, ISO 8601; the tools carry it.
        max_tokens, max_usd: its budget; ``max_usd`` None for no bound on money.
        fingerprint: class key of the requests that the tools are for.
    """

    job: str
    created_at: str
    max_tokens: int
    max_usd: Decimal | None = None
    fingerprint: str = ""


def by_hand(name: str, settings: Settings, created_at: str) -> Commission:
    """Of a making by hand: what one of them was told, the next need not ask again."""
    job = "make-" + digest(canonical_json([name, settings.maker, settings.seed]))
    return Commission(job, created_at, settings.max_tokens, settings.max_cost_usd)


@dataclass(slots=True)
class Journaled:
    """The models of one making: journaled under one key, and their calls counted as making.

    Attributes:
        name: the request class.
        key: names the making in the journal and in the usage.
        once: make no call again that a killed run had begun, and may have paid.
    """

    name: str
    key: str
    store: Store
    once: bool = False
    models: list[JournaledModel] = field(default_factory=list[JournaledModel])

    def journaled(self, model: Model) -> JournaledModel:
        """The model, with its calls on record."""
        wrapped = JournaledModel(
            model,
            self.store.journal,
            self.key,
            purpose="making",
            tool_name=self.name,
            once=self.once,
        )
        self.models.append(wrapped)
        return wrapped

    @property
    def replayed(self) -> int:
        """Calls that an earlier run had paid for."""
        return sum(model.replayed for model in self.models)
