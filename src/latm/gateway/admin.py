"""Administration: requests below ``/latm`` flow in, JSON flows out.

Invariants: nothing here is answered without the admin key (or, without any key, to others
than programs of this machine); pages are bounded; a state changes by POST only, with a
reason on record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from latm.errors import InputError, LatmError, StoreError, UnknownNameError
from latm.gateway.books import Books
from latm.gateway.keys import Keys
from latm.gateway.metrics import CONTENT_TYPE, Metrics, Now
from latm.gateway.refusal import Refusal
from latm.gateway.transfer import body_of
from latm.induction import pieces
from latm.ledger import Account, accounts
from latm.runtime import Runtime
from latm.settings import Settings
from latm.store import Money, Store, StoredTool, UsageSum
from latm.store.observed import RequestClass
from latm.types import Json, State

ROOT = "/latm"
MOST = 1000
"""Entries on a page at most; ``limit`` asks for fewer or more, 100 by itself."""
_PAGE = 100
_MOST_BODY = 16 * 1024

Answering: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Admin:
    """What an operator may see and do.

    Attributes:
        now: what is true of this process at the moment.
    """

    settings: Settings
    keys: Keys
    books: Books
    metrics: Metrics
    now: Callable[[], Now]

    def routes(self) -> list[Route]:
        """The endpoints; each one asks for the admin key first."""
        return [
            self._route("/metrics", self._metrics),
            self._route(f"{ROOT}/ledger.json", self._ledger),
            self._route(f"{ROOT}/classes.json", self._classes),
            self._route(f"{ROOT}/tools.json", self._tools),
            self._route(f"{ROOT}/tools/{{name}}.json", self._tool),
            self._route(f"{ROOT}/tools/{{name}}/promote", self._moving("live"), "POST"),
            self._route(f"{ROOT}/tools/{{name}}/retire", self._moving("retired"), "POST"),
        ]

    def _route(self, path: str, work: Answering, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            refusal = self.keys.admitted_as_admin(request.scope["headers"])
            if refusal is not None:
                return _refused(refusal)
            try:
                return await work(request)
            except UnknownNameError as error:
                return _refused(Refusal(404, str(error)))
            except InputError as error:
                return _refused(Refusal(400, str(error)))
            except StoreError as error:
                return _refused(Refusal(503, str(error), "store_error", retry_after=5))
            except LatmError as error:
                return _refused(Refusal(409, str(error)))

        return Route(path, endpoint, methods=[method])

    @property
    def _store(self) -> Store:
        if self.books.store is None:
            raise StoreError("the store is not open; the gateway's log says why")
        return self.books.store

    async def _metrics(self, _: Request) -> Response:
        # It reads the files of the other processes.
        page = await asyncio.to_thread(self.metrics.page, dict(self.books.sums), self.now())
        return Response(page, headers={**_HEADERS, "content-type": CONTENT_TYPE})

    # --- ledger ------------------------------------------------------------------------

    async def _ledger(self, request: Request) -> Response:
        page = Page.of(request)
        sums = self.books.sums
        named = {key: summed for key, summed in sums.items() if key.name}
        by_class = accounts(named, lambda key: key.name or "")
        by_tenant = accounts(sums, lambda key: key.tenant or "")
        by_rung = accounts(
            {key: summed for key, summed in sums.items() if key.purpose == "using"},
            lambda key: key.rung or "",
        )
        classes, following = page.cut(sorted(by_class))
        return _json(
            {
                "total": _account(Account.of(sums.items())),
                "rungs": {name: _account(each) for name, each in sorted(by_rung.items())},
                "tenants": {name: _account(by_tenant[name]) for name in sorted(by_tenant)[:MOST]},
                "classes": {name: _account(by_class[name]) for name in classes},
                "next": following,
                "waiting": self.books.waiting,
                "lost": self.books.lost,
            }
        )

    # --- classes -----------------------------------------------------------------------

    async def _classes(self, request: Request) -> Response:
        """Those with the most requests first; ``after`` is a place in this order."""
        page = Page.of(request)
        classes = await self._store.observations.classes()
        start = _number(page.after or "0", 0, 10**9, "after")
        shown = classes[start : start + page.limit]
        behind = start + len(shown)
        recorded = await self._store.observations.recorded()
        return _json(
            {
                "classes": [_class(each) for each in shown],
                "next": str(behind) if behind < len(classes) else None,
                "waiting": recorded.waiting,
                "withheld": recorded.withheld,
            }
        )

    # --- tools -------------------------------------------------------------------------

    async def _tools(self, request: Request) -> Response:
        page = Page.of(request)
        names, following = page.cut(
            await self._store.toolbox.names(after=page.after, limit=page.limit + 1)
        )
        found = [item for name in names for item in await self._store.toolbox.get(name)]
        by_class = accounts(
            {key: s for key, s in self.books.sums.items() if key.name in names},
            lambda key: key.name or "",
        )
        tools = [
            {**_summary(item), "ledger": _account(by_class.get(item.tool.name, Account()))}
            for item in found
        ]
        return _json({"tools": tools, "next": following})

    async def _tool(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        version = request.query_params.get("version")
        found = await self._store.toolbox.get(name, version)
        return _json({"name": name, "tools": [await self._details(item) for item in found]})

    async def _details(self, item: StoredTool) -> dict[str, Json]:
        tool, store = item.tool, self._store
        bound = await Runtime(self.settings, store).error_bound(item)
        counts = await store.evidence.counts(item.version)
        events = (await store.toolbox.events(item.version))[-_PAGE:]
        return {
            **_summary(item),
            "template": "".join(pieces(tool.template)) if tool.template else None,
            "answer": "".join(pieces(tool.answer)),
            "source": tool.solver.source,
            "error_upper_bound": bound.rate,
            "cases_needed": bound.more_cases,
            "evidence": {
                "right": counts.right,
                "wrong": counts.wrong,
                "abstained": counts.abstained,
                "failed": counts.failed,
            },
            "events": [
                {
                    "at": event.at,
                    "event": event.event,
                    "before": event.before,
                    "after": event.after,
                    "reason": event.reason,
                    "evidence": event.evidence,
                }
                for event in events
            ],
        }

    def _moving(self, state: State) -> Answering:
        async def move(request: Request) -> Response:
            wanted = await _move_of(request)
            if isinstance(wanted, Refusal):
                return _refused(wanted)
            name = str(request.path_params["name"])
            toolbox = self._store.toolbox
            for item in await toolbox.get(name, wanted.version):
                await toolbox.set_state(item.version, state, wanted.reason)
            moved = [item for item in await toolbox.versions(name) if item.state == state]
            return _json({"name": name, "tools": [_summary(item) for item in moved]})

        return move


# --- what is asked ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: so many entries after a name."""

    after: str
    limit: int

    @classmethod
    def of(cls, request: Request) -> Page:
        """The page that a request asks for.

        Raises:
            InputError: the limit is no number from 1 to `MOST`.
        """
        limit = _number(request.query_params.get("limit", str(_PAGE)), 1, MOST, "limit")
        return cls(request.query_params.get("after", ""), limit)

    def cut(self, names: list[str]) -> tuple[list[str], str | None]:
        """The names on this page, of a sorted list, and where the next page starts."""
        rest = [name for name in names if name > self.after]
        found = rest[: self.limit]
        return found, found[-1] if len(rest) > self.limit else None


def _number(text: str, least: int, most: int, name: str) -> int:
    fits = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not fits or not least <= int(text) <= most:
        raise InputError(f"{name}={text[:20]!r} is not a number from {least} to {most}")
    return int(text)


class Move(BaseModel):
    """The body of a request that moves the tools of a class to another state."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1, max_length=500)
    version: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{4,64}$")


async def _move_of(request: Request) -> Move | Refusal:
    # A web page cannot send this type to another site without asking first.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return Refusal(415, "the request is not JSON; send content-type: application/json")
    body = await body_of(request.receive, request.scope["headers"], _MOST_BODY)
    if body is None or isinstance(body, Refusal):
        return body or Refusal(400, "the request ended early")
    try:
        return Move.model_validate_json(body)
    except ValidationError:
        return Refusal(
            400, 'send a JSON object such as {"reason": "checked by me"}, and "version" if only one'
        )


# --- what is shown ---------------------------------------------------------------------

_HEADERS: Mapping[str, str] = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def _json(value: Mapping[str, object]) -> Response:
    return JSONResponse(value, headers=_HEADERS)


def _refused(refusal: Refusal) -> Response:
    headers = {name.decode(): value.decode() for name, value in refusal.headers()}
    return Response(refusal.body(), refusal.status, {**headers, **_HEADERS})


def _account(account: Account) -> dict[str, Json]:
    money = account.money
    return {
        "requests": account.answered.rows,
        "served": account.served.rows,
        "tokens": _tokens(account.answered),
        "using": _money(money.using),
        "making": _money(money.making),
        "shadow": _money(money.shadow),
        "audit": _money(money.audit),
        "spent": _money(money.spent),
        "avoided": _money(money.avoided),
        "saved_usd": _usd(money.saved_usd),
        "break_even": account.break_even,
    }


def _tokens(summed: UsageSum) -> dict[str, Json]:
    usage = summed.usage
    return {"input": usage.input, "cached": usage.cached_input, "output": usage.output}


def _money(money: Money) -> dict[str, Json]:
    """An amount; its ``usd`` is null where a part of it is unknown."""
    return {"usd": _usd(money.usd), "known_usd": _usd(money.known), "unknown": money.unknown}


def _usd(amount: Decimal | None) -> str | None:
    """Text, because a binary fraction would not be the same amount."""
    return None if amount is None else f"{amount.normalize():f}"


def _class(found: RequestClass) -> dict[str, Json]:
    return {
        "name": found.name,
        "tenant": found.context.tenant,
        "model": found.context.model,
        "fingerprint": found.context.fingerprint,
        "template": "".join(pieces(found.template)),
        "form": found.form_kind,
        "state": found.state,
        "reason": found.reason,
        "requests": found.requests,
        "cases": found.cases,
        "tokens": _tokens(found.spent),
        "spent": _money(found.spent.cost),
        "first_at": found.first_at,
        "last_at": found.last_at,
    }


def _summary(item: StoredTool) -> dict[str, Json]:
    tool = item.tool
    return {
        "name": tool.name,
        "shape": tool.shape,
        "version": item.version,
        "state": item.state,
        "added_at": item.added_at,
        "engine": tool.solver.engine_version,
        "maker": tool.provenance.maker,
        "strategy": tool.provenance.strategy,
        "held_out": tool.verification.held_out,
        "held_out_passed": tool.verification.held_out_passed,
    }
