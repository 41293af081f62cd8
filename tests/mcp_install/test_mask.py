"""Secrets in a text that comes in pieces, however it is cut."""

import base64
import itertools
import json
import random
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from mcp_install.mask import Masker

KEY = "-----BEGIN KEY-----\nMIIEow/IBAAK+CAQEA\nx7Gq9Zt0==\n-----END KEY-----"
SECRETS = ["open sesame & co", "aaaaaa", "abcdef", "abcdefabc", "päss→wörd", 'say "it"\\now', KEY]


def masker(*secrets: str) -> Masker:
    return Masker(SecretStr(secret) for secret in secrets or SECRETS)


def forms(secret: str) -> list[str]:
    raw = secret.encode()
    around = [base64.b64encode(b"x" * n + raw + b"!").decode() for n in range(3)]
    return [
        secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], *around,
        base64.urlsafe_b64encode(raw).decode(),
    ]  # fmt: skip


def fed(masks: Masker, text: str, cuts: list[int]) -> str:
    places = [0, *sorted(cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    return "".join(map(masks.feed, pieces)) + masks.end()


@pytest.mark.parametrize("seed", range(30))
def test_no_split_lets_a_secret_through(seed: int) -> None:
    """A hundred splits each, of noise that is full of secrets and of their beginnings."""
    chance = random.Random(seed)
    for _ in range(100):
        words = []
        for _ in range(chance.randint(1, 8)):
            form = chance.choice(forms(chance.choice(SECRETS)))
            words += [form, form[: chance.randint(0, len(form))], chance.choice(["a", "ab", "\n"])]
        chance.shuffle(words)
        text = "".join(words)
        cuts = [chance.randint(0, len(text)) for _ in range(chance.randint(0, 12))]
        told = fed(masker(), text, cuts)
        for secret in SECRETS:
            lines = [line for line in secret.splitlines() if len(line) >= 6]
            for one in {*forms(secret)[:4], *lines}:
                assert one not in told, (seed, cuts, text)


def test_every_form_of_a_secret_is_hidden() -> None:
    for secret in SECRETS:
        for form in forms(secret):
            told = masker(secret).whole(f"<{form}>")
            assert "••••" in told
            assert form not in told
            assert len(told) <= len(form), (form, told)


def test_what_is_no_secret_is_left_as_it_is() -> None:
    text = "open ses, abc, aaaa, päss and\nso on " * 50
    assert fed(masker(), text, list(range(0, len(text), 3))) == text
    assert masker().whole("") == ""


def test_only_what_could_begin_a_secret_is_held_back() -> None:
    masks = masker("open sesame")
    assert masks.feed("it is op") == "it is "
    assert masks.feed("ening, open sesame") == "opening, ••••"
    assert masks.feed(" open") == " "
    assert masks.end() == "open"


def test_a_secret_cut_off_at_the_end_is_hidden() -> None:
    assert masker("open sesame").whole("it was open sesam") == "it was ••••"


def test_a_flood_is_masked_quickly_and_nothing_piles_up() -> None:
    masks = masker()
    told = sum(len(masks.feed("a" * 16_384)) for _ in range(64))
    assert told < 10, "one mask for all of it"
    assert masks.end() == ""
