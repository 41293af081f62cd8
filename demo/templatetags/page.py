"""Words, icons and the import map for templates."""

import json
from datetime import datetime, timedelta

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from demo.static_files import import_map as entries

register = template.Library()

STAGES = {
    "EXTRACTING": "Reading",
    "CHUNKING": "Splitting",
    "EMBEDDING": "Embedding",
    "INDEXING": "Indexing",
    "SWITCHING": "Switching",
    "STARTED": "Starting",
    "RETRIEVAL": "Finding passages",
    "GENERATION": "Writing the answer",
    "COMPLETE": "Done",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
    "OPENING": "Opening a line",
    "SENDING": "Sending events",
    "CUTTING": "Cutting the line",
    "MISSING": "Sending while away",
    "RESUMING": "Coming back",
    "STALE": "Coming back too late",
    "REVOKING": "Ending the sign-in",
    "CONNECTING": "Connecting",
    "PREPARING": "Preparing",
    "EXECUTING": "Installing",
    "VERIFYING": "Checking",
}
STATUSES = {
    "QUEUED": "Waiting",
    "RUNNING": "In work",
    "DONE": "Done",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
}
PROGRAMS = {"python": "Python", "node": "Node.js", "git": "Git", "docker": "Docker"}
MEDIA_TYPES = {
    "application/pdf": "PDF",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "application/vnd.oasis.opendocument.text": "OpenDocument",
    "application/epub+zip": "EPUB",
    "application/zip": "ZIP",
    "application/json": "JSON",
    "message/rfc822": "E-mail",
    "text/csv": "CSV",
    "text/html": "HTML",
    "text/markdown": "Markdown",
    "text/plain": "Text",
}


@register.simple_tag
def import_map() -> SafeString:
    return mark_safe(entries())


@register.simple_tag
def icon_url(name: str) -> str:
    return f"{static('demo/icons.svg')}#{name}"


@register.simple_tag
def icon(name: str) -> SafeString:
    """A drawing that says nothing to a screen reader: words stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', icon_url(name)
    )


@register.simple_tag
def stage_words() -> str:
    return json.dumps(STAGES)


@register.filter
def stage(name: str) -> str:
    return STAGES.get(name, name.capitalize())


@register.filter
def status(name: str) -> str:
    return STATUSES.get(name, name.capitalize())


@register.filter
def media_type(document: object) -> str:
    """The kind of a document in a word: from its content, or by its name."""
    known = MEDIA_TYPES.get(getattr(document, "media_type", ""))
    return known or getattr(document, "suffix", "").lstrip(".").upper() or "File"


@register.filter
def program(name: str) -> str:
    return PROGRAMS.get(name, name)


@register.filter
def megabytes(number: int) -> str:
    """An amount of them as people say it: 512 MB, 1.5 GB, 20 GB."""
    if number < 1024:
        return f"{number} MB"
    return f"{number / 1024:.1f} GB" if number < 10 * 1024 else f"{number // 1024} GB"


@register.filter
def spent(milliseconds: float) -> str:
    """A duration as people say it: 40 ms, 0.4 s, 12 s, 3 min 5 s, 2 h 4 min."""
    if milliseconds < 100:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


@register.filter
def long(time: timedelta) -> str:
    return spent(time.total_seconds() * 1000)


@register.filter
def until(start: datetime | None, end: datetime | None) -> str:
    """The time between two moments, in words; nothing when one is missing."""
    return long(end - start) if start and end else ""
