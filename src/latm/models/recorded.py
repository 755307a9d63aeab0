"""A model that replays what another one said, from a file: for tests without the model.

Requests flow in, recorded replies flow out; with an inner model new ones are recorded.
Invariant: the n-th identical request gets the n-th recorded reply, and a request that was
never recorded is an error, not a guess.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from latm.errors import ImportFileError, ModelUnavailableError
from latm.identity import canonical_json, digest
from latm.models import Model
from latm.types import ChatRequest, Reply

_REPLY = TypeAdapter(Reply)


class RecordedModel:
    """Replays a recording.

    Args:
        path: of the recording, JSON Lines: one object a reply.
        inner: asked for what is not recorded yet, and recorded; None only replays.
    """

    def __init__(self, path: Path, inner: Model | None = None, *, name: str | None = None) -> None:
        self._path = path
        self._inner = inner
        self._name = name or (inner.name if inner else "recorded:model")
        self._replies = _read(path)
        self._seen: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self._name

    async def chat(self, request: ChatRequest) -> Reply:
        """The recorded reply.

        Raises:
            ModelUnavailableError: it was never recorded and there is no inner model.
        """
        content = digest(canonical_json(asdict(request)))
        self._seen[content] += 1
        key = f"{content}:{self._seen[content]}"
        if key not in self._replies:
            if self._inner is None:
                last = request.messages[-1].content if request.messages else ""
                raise ModelUnavailableError(
                    f"no reply to {last[:60]!r} is recorded in {self._path.name!r}; record it "
                    "with RecordedModel(path, inner=model)"
                )
            self._replies[key] = await self._inner.chat(request)
            self._append(key, self._replies[key])
        return self._replies[key]

    async def aclose(self) -> None:
        """Close the inner model."""
        if self._inner is not None:
            await self._inner.aclose()

    def _append(self, key: str, reply: Reply) -> None:
        row = {"key": key, "reply": _REPLY.dump_python(reply, mode="json")}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(canonical_json(row) + "\n")


def _read(path: Path) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    if not path.exists():
        return replies
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            replies[str(row["key"])] = _REPLY.validate_python(row["reply"])
        except (ValueError, KeyError, TypeError) as error:
            raise ImportFileError(
                f"{path.name!r} line {number} is not a recorded reply; record it again"
            ) from error
    return replies
