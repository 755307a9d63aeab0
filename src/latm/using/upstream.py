"""The last rung: the strong model is asked the bare question.

A `Model` and a question flow in; an `Attempt` with text, usage and cost flows out.
Invariant: the question goes out verbatim and alone, and a reply that was cut off or is
empty is not an answer.
"""

from __future__ import annotations

from latm.errors import ModelError, ModelFileError
from latm.models import Model
from latm.types import ChatRequest, Message
from latm.using.gate import is_text
from latm.using.ladder import Attempt

MAX_TOKENS = 4096


async def by_upstream(model: Model, question: str, max_tokens: int = MAX_TOKENS) -> Attempt:
    """Ask the model; abstain with the reason when it cannot answer."""
    if not is_text(question):
        return Attempt("upstream", None, "the question is not text and cannot be sent")
    request = ChatRequest((Message("user", question),), max_tokens=max_tokens)
    try:
        reply = await model.chat(request)
    except (ModelError, ModelFileError) as error:
        return Attempt("upstream", None, str(error))
    text: str | None = reply.text
    reason = f"{model.name} answered"
    if reply.finish == "length":
        text, reason = None, f"{model.name} was cut off at {max_tokens} tokens"
    elif not reply.text.strip():
        text, reason = None, f"{model.name} gave an empty reply"
    return Attempt("upstream", text, reason, None, reply.usage, reply.cost_usd)
