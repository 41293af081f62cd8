"""`manage.py ask QUESTION --owner NAME`."""

import json
import time
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rag.ask import TOP_K, NotAsked, ask
from rag.events import rag_progress
from rag.models import Passage, Query
from realtime.models import ACTIVE, Status

POLL = 0.1  # seconds


class Command(BaseCommand):
    help = "Ask a person's documents: stages go to stderr, the answer to stdout as it is written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--owner", required=True, help="whose documents are asked")
        parser.add_argument("--top-k", type=int, default=TOP_K, help="passages to answer from")
        parser.add_argument("--json", action="store_true", help="JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        try:
            owner = User.objects.get(username=options["owner"])
            query = ask(owner, options["question"], top_k=options["top_k"])
        except User.DoesNotExist:
            raise CommandError(f"There is no user {options['owner']}.") from None
        except NotAsked as error:
            raise CommandError(str(error)) from None
        for seen in polled(query):
            self._show(seen)
            query = seen
        if query.job.status != Status.DONE:
            raise CommandError(query.job.error or "The question was cancelled.")
        self._sources(query)

    _stage = ""
    _written = 0
    _in_line = False  # of the answer

    def _show(self, query: Query) -> None:
        """What is new since the last look."""
        if self._in_line:
            self._write(query.answer)
        event = rag_progress(query.job, with_result=False)
        line = f"{event.stage} {event.progress} % {event.message}"
        if line != self._stage:
            self._stage = line
            if self.as_json:
                fields = ("stage", "progress", "message")
                self._line({name: getattr(event, name) for name in fields})
            else:
                self._end_line()
                self.stderr.write(line, style_func=str)  # no news is an error
        self._write(query.answer)

    def _write(self, answer: str) -> None:
        self._written = min(self._written, len(answer))  # an attempt may begin anew
        if not self.as_json and len(answer) > self._written:
            self.stdout.write(answer[self._written :], ending="")
            self.stdout.flush()
            self._written = len(answer)
            self._in_line = not answer.endswith("\n")

    def _end_line(self) -> None:
        if self._in_line:
            self.stdout.write("")
            self.stdout.flush()
        self._in_line = False

    def _sources(self, query: Query) -> None:
        passages = list(query.passages.all())
        if self.as_json:
            found = [_source(passage) for passage in passages]
            return self._line({"answer": query.answer, "passages": found})
        self._end_line()
        for passage in passages:
            self.stdout.write(f"{passage}  ({passage.score:.2f})")
        return None

    def _line(self, values: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(values))
        self.stdout.flush()


def polled(query: Query) -> Iterator[Query]:
    """The question's row as it changes, and last when it has ended."""
    while True:
        query = Query.objects.select_related("job").get(pk=query.pk)
        yield query
        if query.job.status not in ACTIVE:
            return
        time.sleep(POLL)


def _source(passage: Passage) -> dict[str, Any]:
    return {
        "rank": passage.rank,
        "documentId": str(passage.document_id) if passage.document_id else None,
        "documentName": passage.document_name,
        "page": passage.page,
        "start": passage.start,
        "end": passage.end,
        "score": passage.score,
    }
