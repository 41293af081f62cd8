"""The language models that a conversation can use."""

from dataclasses import dataclass, field

from django.conf import settings


@dataclass(frozen=True)
class Offer:
    """A model on a server. `is_demo`: the tiny one that comes along, not to be trusted."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    context_tokens: int
    is_demo: bool = False


def offers() -> list[Offer]:
    """The first is the default; empty when no server is known."""
    if settings.LLM_BASE_URL:
        return [
            Offer(name, settings.LLM_BASE_URL, settings.LLM_API_KEY, settings.LLM_CONTEXT_TOKENS)
            for name in settings.LLM_MODELS or ["default"]
        ]
    if settings.EMBEDDED_LLM_URL:
        return [
            Offer(
                settings.EMBEDDED_LLM_MODEL,
                settings.EMBEDDED_LLM_URL,
                settings.EMBEDDED_LLM_API_KEY,
                settings.EMBEDDED_LLM_CONTEXT_TOKENS,
                is_demo=True,
            )
        ]
    return []


def chosen(name: str) -> Offer | None:
    """The model of that name; the default when it is not offered (any more)."""
    all_of_them = offers()
    return next((offer for offer in all_of_them if offer.name == name), None) or next(
        iter(all_of_them), None
    )
