"""What looks like a secret is made unreadable, and other words are not."""

import pytest

from chat.mask import MASK, masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sk-abcdefghijklmnop1234", MASK),
        ("token ghp_abcdefghijklmnopqrstuv and more", f"token {MASK} and more"),
        ("AKIAIOSFODNN7EXAMPLE", MASK),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {MASK}"),
        ('{"api_key": "abcdef123456", "a": 1}', f'{{"api_key": "{MASK}", "a": 1}}'),
        ("DB_PASSWORD=abcdef123456\nPORT=1", f"DB_PASSWORD={MASK}\nPORT=1"),
        ("postgres://ann:pass@host/db", f"postgres://ann:{MASK}@host/db"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4", MASK),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nb",
            f"a\n{MASK}\nb",
        ),
        ("-----BEGIN PRIVATE KEY-----\ncut in the midd", MASK),
    ],
)
def test_secrets_of_known_shapes_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "The password is needed.",
        "tokens: 12345678901",
        "https://example.org:8000/a@b",
        "task-list-of-many-things",
        "The secret of bees: dancing",
        "",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert masked(text) == text
