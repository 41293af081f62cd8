"""A second look at the best candidates, by a model that reads question and text together."""

from functools import cache
from typing import Protocol

import httpx
from django.conf import settings

TIMEOUT = httpx.Timeout(10, connect=3)  # seconds
MOST_CHARACTERS = 4000  # of a text


class NotReranked(Exception):
    """The order stays as it was; `str()` says why."""


class Reranker(Protocol):
    @property
    def name(self) -> str: ...

    def scores(self, question: str, texts: list[str]) -> list[float]:
        """How well each text answers; higher is better. Raises NotReranked."""
        ...


class RemoteReranker:
    """Any server with `/rerank`, as llama.cpp, vLLM, Jina and Cohere have it."""

    def __init__(self, base_url: str, model: str, api_key: str) -> None:
        self.name = model
        self._url = f"{base_url.rstrip('/')}/rerank"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def scores(self, question: str, texts: list[str]) -> list[float]:
        documents = [text[:MOST_CHARACTERS] for text in texts]
        body = {"model": self.name, "query": question, "documents": documents}
        try:
            answer = httpx.post(self._url, json=body, headers=self._headers, timeout=TIMEOUT)
            answer.raise_for_status()
            rows = answer.json()["results"]
            found = {int(row["index"]): float(row["relevance_score"]) for row in rows}
            return [found[place] for place in range(len(texts))]
        except httpx.HTTPStatusError as error:
            words = f"The reranking server refuses the request ({error.response.status_code})."
        except httpx.HTTPError:
            words = "The reranking server does not answer."
        except (KeyError, TypeError, ValueError):
            words = "The reranking server sent something that is no ranking."
        raise NotReranked(words)


@cache
def get_reranker() -> Reranker | None:
    """The reranker that the settings name, if any."""
    if not settings.RERANK_BASE_URL:
        return None
    return RemoteReranker(
        settings.RERANK_BASE_URL, settings.RERANK_MODEL or "default", settings.RERANK_API_KEY
    )
