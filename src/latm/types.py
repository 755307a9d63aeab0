"""The values every part of latm speaks in.

Nothing flows in; every other module imports from here. Invariant: every type is an
immutable plain value without I/O, so that it may be hashed, stored, compared and
handed across processes. Words are those of docs/glossary.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias, Union

Json: TypeAlias = Union[bool, int, float, str, "list[Json]", "dict[str, Json]", None]
"""What may cross a process border: plain JSON data, exact types (``True`` is not ``1``)."""

EngineName = Literal["monty", "jail"]
RungName = Literal["exact", "tool", "user", "upstream"]
State = Literal["candidate", "shadow", "live", "retired"]
SlotKind = Literal["integer", "decimal", "word", "list", "choice", "text", "clauses"]
ItemKind = Literal["integer", "decimal", "word", "text"]
Purpose = Literal["making", "using", "shadow", "audit", "benchmark"]


# --- cases -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a case was read: a file or stream name, and the 1-based line when it has lines."""

    source: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its reference answer. The origin does not take part in equality."""

    question: str
    answer: str
    origin: Origin | None = field(default=None, compare=False)


# --- templates -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slot:
    """A gap in a template and the type of what may stand in it.

    Attributes:
        name: identifier, unique in its template; becomes the solver's parameter.
        kind: the slot's type; a text that does not fit it makes the tool abstain.
        item: type of the items when ``kind`` is ``list``.
        separator: text between the items when ``kind`` is ``list``.
        choices: the closed set when ``kind`` is ``choice``.
        decimals: digits after the point, when all observed values agree on them
            (``decimal`` only); None renders the shortest form.
        grouped: whether thousands are set apart by commas (``integer`` and ``decimal``).
        clauses: forms of the statements when ``kind`` is ``clauses``: a run of statements,
            each of one of these forms, with ``separator`` between them.
        guarded: whether a text with words that order, negate or exempt, or with the end of
            a sentence in it, does not fit (`latm.guard`); set where no observed value had any.
    """

    name: str
    kind: SlotKind
    item: ItemKind | None = None
    separator: str | None = None
    choices: tuple[str, ...] = ()
    decimals: int | None = None
    grouped: bool = False
    clauses: tuple[Template, ...] = ()
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """Fixed text and slots, alternating: ``literals[0] slots[0] literals[1] … literals[n]``.

    Invariant: ``len(literals) == len(slots) + 1``; literals between two slots are not empty.
    """

    literals: tuple[str, ...]
    slots: tuple[Slot, ...]


# --- models ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call of a model.

    Attributes:
        temperature: 0 is greedy.
        max_tokens: bound on the generated tokens.
        seed: makes a sample repeatable where the provider supports it.
        schema: JSON schema (as canonical JSON text) that the reply must fit, or None.
        stop: texts that end the generation.
    """

    messages: tuple[Message, ...]
    temperature: float = 0.0
    max_tokens: int = 512
    seed: int | None = None
    schema: str | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens by kind. ``input`` includes ``cached_input`` (read from the provider's cache)."""

    input: int = 0
    cached_input: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cached_input + other.cached_input,
            self.output + other.output,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer.

    Attributes:
        model: the full name, ``provider:model``.
        cost_usd: None when no price is known; never 0 for want of a price.
        price_source: which price list said so, None with an unknown price.
    """

    text: str
    model: str
    usage: Usage
    cost_usd: Decimal | None
    price_source: str | None
    finish: Literal["stop", "length", "other"] = "stop"


# --- sandbox ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Program:
    """Python source and the name of the function in it to call with positional arguments."""

    source: str
    entry: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call (docs/security.md). Memory in bytes, times in seconds."""

    wall_seconds: float = 2.0
    cpu_seconds: float = 1.0
    memory_bytes: int = 256 * 1024 * 1024
    result_bytes: int = 256 * 1024
    output_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Returned:
    """The call returned plain data in time. ``seconds`` is measured by the parent."""

    value: Json
    seconds: float


FailureKind = Literal[
    "raised",  # the tool raised an exception
    "refused",  # source or argument refused before anything ran, or a feature the engine lacks
    "timeout",
    "memory",
    "output",  # result too large, not plain data, or a breach of the reply protocol
    "killed",  # ended by a signal or exit without a reply
    "violation",  # the kernel stopped a forbidden act: a security event
]


@dataclass(frozen=True, slots=True)
class Failed:
    """The tool failed; the sandbox did its work. ``message`` is one printable line."""

    kind: FailureKind
    message: str
    seconds: float
    unsupported: bool = False
    """True when this engine lacks what the program needs and another may have it."""


Outcome: TypeAlias = Returned | Failed


# --- tools -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a solver and the argument slots that fill it.

    Attributes:
        slots: one slot gives its value; several, of a repeated structure, give the list of
            their values in order.
        width: how many slots one turn of the structure has; more than one give a list of
            turns, each a list.
        keys: labels of the slots ("Alice gets …, Bob gets …"); with them the values come as
            a dictionary.
    """

    name: str
    slots: tuple[str, ...]
    width: int = 1
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Solver:
    """Source of the function that computes, and the engine that it was verified in.

    Attributes:
        parameters: in call order; slots that the function does not need are left out.
    """

    source: str
    entry: str
    parameters: tuple[Parameter, ...]
    engine: EngineName
    engine_version: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A question with the call that answers it, shown to the light model.

    Attributes:
        arguments: canonical JSON object of the call's arguments, or None for code.
        code: free code that leaves the answer in ``ans`` (the paper's form), or None.
    """

    question: str
    answer: str
    arguments: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a tool comes from. Times are UTC, ISO 8601."""

    origin: Literal["made", "imported"]
    maker: str
    strategy: str
    created_at: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one case went. ``got`` is None when the tool abstained or failed."""

    case: Case
    outcome: Literal["right", "wrong", "abstained", "failed"]
    got: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """Counts of the verifier's run in the engine that serves.

    Attributes:
        shown_passed: right answers among the shown cases; ``held_out_passed`` likewise.
        looks: how many candidates were judged on the same held-out cases before this one
            was taken, itself included; the error bound is corrected for it.
        checks: names of the checks that passed.
        mutants: how many changed copies of the solver were run on the cases;
            ``mutants_noticed``: how many of them some case told from the solver.
    """

    shown: int
    shown_passed: int
    held_out: int
    held_out_passed: int
    held_out_abstained: int = 0
    looks: int = 1
    checks: tuple[str, ...] = ()
    cases_digest: str = ""
    mutants: int = 0
    mutants_noticed: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """An immutable version of a tool. Its content hash is ``latm.identity.version_of(tool)``.

    Attributes:
        name: the request class, as the user named it; ``[a-z0-9][a-z0-9_-]{0,47}``.
        shape: index of the question shape (cluster) in the class that this tool serves, from 0.
        template: recogniser and parser; None: only the light model can fill in arguments.
        answer: template of the answers, the renderer; a single ``text`` slot when free.
        schema: JSON schema of the solver's arguments, as canonical JSON text.
        fingerprint: class key of the requests that it serves; empty: questions that stand
            alone, of any tenant and model.
    """

    name: str
    shape: int
    template: Template | None
    solver: Solver
    answer: Template
    schema: str
    demonstrations: tuple[Demonstration, ...]
    provenance: Provenance
    verification: Verification
    fingerprint: str = ""


# --- answers and receipts --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receipt:
    """What every answer carries.

    Attributes:
        rung: who answered; None when nobody did.
        tool: the class name, ``version`` the tool's content hash.
        cost_usd: money spent on this request, None when a price is unknown.
        avoided_usd: what the upstream would have charged, None when unknown.
        why: one line: why this rung, or why none.
    """

    rung: RungName | None
    tool: str | None = None
    version: str | None = None
    usage: Usage = Usage()
    cost_usd: Decimal | None = Decimal(0)
    avoided_usd: Decimal | None = None
    seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, or None with the reason in its receipt."""

    question: str
    text: str | None
    receipt: Receipt
