"""HTML and Office files to Markdown, by markitdown."""

import io
from functools import cache

from markitdown import MarkItDown, StreamInfo

from documents.source import check_markup


def to_markdown(data: bytes, media_type: str, suffix: str) -> str:
    """Raises Unreadable for too much of it, and whatever a parser raises for what is damaged."""
    charset = None
    if suffix == ".html":
        check_markup(len(data))
        charset = "utf-8" if is_utf8(data) else None
    info = StreamInfo(mimetype=media_type, extension=suffix, charset=charset)
    return str(_converter().convert_stream(io.BytesIO(data), stream_info=info).markdown)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@cache
def _converter() -> MarkItDown:
    return MarkItDown(enable_plugins=False)
