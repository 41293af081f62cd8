"""What looks like a secret in the result of a tool is neither shown nor kept nor sent on."""

import re

MASK = "••••"

_ALONE = re.compile(
    r"""
      -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    | \b(?:sk|rk|pk)[-_][A-Za-z0-9_-]{16,}
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,} | \bglpat-[\w-]{16,}
    | \bxox[abprs]-[\w-]{10,} | \bAKIA[0-9A-Z]{16}\b | \bAIza[\w-]{30,}
    | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMED = re.compile(
    r"""
    ((?:password|passwd|passphrase|secret|token|api[_-]?key|authorization)
     ["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?)
    [^\s"',;]{8,}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_IN_URL = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")


def masked(text: str) -> str:
    """The text with secrets of well-known shapes, and what stands after `password=` and the like,
    made unreadable. It does not know those that look like words."""
    text = _ALONE.sub(MASK, text)
    text = _NAMED.sub(rf"\g<1>{MASK}", text)
    return _IN_URL.sub(rf"\g<1>{MASK}@", text)
