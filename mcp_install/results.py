"""What a tool gave, as it can be shown and kept: without secrets, and not too long."""

import json
from collections.abc import Callable
from typing import Any

from mcp_types import CallToolResult

MOST = 64 * 1024  # characters


def called(
    result: CallToolResult, masked: Callable[[str], str], milliseconds: int
) -> dict[str, Any]:
    """As `server_states.Called`."""
    text = masked("\n".join(_text(part) for part in result.content))
    structured = _structured(result.structured_content, masked)
    if not text and structured is not None:
        text = json.dumps(structured, ensure_ascii=False)
    return {
        "is_error": bool(result.is_error),
        "text": _storable(text[:MOST]),
        "structured": structured,
        "is_shortened": len(text) > MOST,
        "milliseconds": milliseconds,
    }


def failed(words: str) -> CallToolResult:
    """A call that the server refused."""
    return CallToolResult.model_validate(
        {"content": [{"type": "text", "text": words}], "isError": True}
    )


def _text(part: Any) -> str:
    match part.type:
        case "text":
            return str(part.text)
        case "image" | "audio":
            return f"[{part.type}: {part.mime_type}, {_size(part.data)}]"
        case "resource_link":
            return f"[{part.name}: {part.uri}]"
        case "resource":
            inner = part.resource
            if (text := getattr(inner, "text", None)) is not None:
                return str(text)
            return f"[{inner.uri}: {_size(inner.blob)}]"
    return f"[{part.type}]"


def _size(base64: str) -> str:
    return f"{max(1, len(base64) * 3 // 4 // 1024):,} KiB"


def _structured(value: Any, masked: Callable[[str], str]) -> dict[str, Any] | None:
    """Masked as text; what is no JSON any more then is left out."""
    if not isinstance(value, dict):
        return None
    text = _storable(masked(json.dumps(value, ensure_ascii=False)))
    if len(text) > MOST:
        return None
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return found


def _storable(text: str) -> str:
    return text.encode("utf-8", "ignore").decode().replace("\0", "").replace("\\u0000", "")
