"""What must not be kept is recognised, and what only looks like it is kept."""

from __future__ import annotations

from typing import get_args

import pytest

from latm.gateway.redaction import Redaction
from latm.settings.fields import RedactionName

HELD: dict[RedactionName, list[str]] = {
    "card": ["Charge 4111 1111 1111 1111 now.", "5500-0000-0000-0004", "378282246310005"],
    "email": ["Write to ann.lee+x@mail.example.org", "<a@b.co>"],
    "iban": ["Pay to DE89 3704 0044 0532 0130 00.", "GB82WEST12345698765432"],
    "phone": ["Call +49 30 901820", "+1 (415) 555-0132"],
    "secret": [
        "sk-" + "a1B2c3D4" * 4,
        "sk-proj-" + "a1B2c3D4" * 4,
        "ghp_" + "a1B2c3D4" * 5,
        "AKIA" + "ABCDEFGH12345678",
        "-----BEGIN RSA PRIVATE " + "KEY-----",
        "password: hunter22",
        '"api_key": "abcdef123456"',
        "postgres://me:swordfish@db.example/x",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    ],
}
KEPT: dict[RedactionName, list[str]] = {
    "card": ["4111 1111 1111 1112", "What is 1234567890123 * 7?", "3.1415926535897932"],
    "email": ["@ann said", "a @ b"],
    "iban": ["BOEING 747", "AB12 is a code"],
    "phone": ["1 + 2 + 3", "2024-01-05", "555-0132"],
    "secret": [
        "What is a secret?",
        "sk-learn",
        "Reset my password please",
        "http://a.example:80/x",
    ],
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in HELD.items() for t in texts])
def test_it_is_withheld(name: RedactionName, text: str) -> None:
    assert Redaction([name]).withholds(["nothing", text])


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in KEPT.items() for t in texts])
def test_what_only_looks_like_it_is_not(name: RedactionName, text: str) -> None:
    assert not Redaction([name]).withholds([text])


def test_nothing_is_withheld_that_nobody_named() -> None:
    assert not Redaction([]).withholds([text for texts in HELD.values() for text in texts])


def test_every_name_of_the_setting_is_known() -> None:
    assert set(HELD) == set(get_args(RedactionName))
    Redaction(get_args(RedactionName)).withholds(["text"])
