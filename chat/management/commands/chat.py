"""`manage.py chat --owner NAME`: talk from a terminal."""

import json
import re
import sys
import uuid
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from chat import approve, sessions, turns
from chat.follow import Event, follow
from chat.models import CallStatus, ChatSession, Message, ToolCall
from chat.states import MessageState, message_state
from chat.tools import provider
from chat.turns import NotTaken
from realtime.models import Status

NOBODY = "Nobody could be asked at the terminal."
QUESTION = "Allow it? y (once), always, or n and why not: "
# What a terminal would obey instead of showing it.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Command(BaseCommand):
    help = (
        "Talk to a language model as a person. What is said goes to stdout as it is written, all "
        "else to stderr. Without a message, one is read from each line; Ctrl-D ends. Ctrl-C stops "
        "a reply, and a second one ends."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message", nargs="?", help="say this and end after the reply")
        parser.add_argument("--owner", required=True, help="who talks")
        parser.add_argument("--session", help="the id of a conversation to go on with")
        parser.add_argument("--model", help="one of those that LLM_MODEL names")
        parser.add_argument("--documents", action="store_true", help="answer from documents")
        parser.add_argument(
            "--tools", action="append", metavar="SERVER", help="may be used, once allowed"
        )
        parser.add_argument("--json", action="store_true", help="events as JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        try:
            session = self._session(options)
            if options["message"] is None:
                self._talk(session)
            elif error := self._say(session, options["message"]):
                raise CommandError(error)
        except NotTaken as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    # --- The conversation -------------------------------------------------------------------------
    def _session(self, options: dict[str, Any]) -> ChatSession:
        try:
            owner = User.objects.get(username=options["owner"])
        except User.DoesNotExist:
            raise CommandError(f"There is no user {options['owner']}.") from None
        names = options["tools"]
        with transaction.atomic():
            found = self._found(owner, options["session"]) if options["session"] else None
            session = found or sessions.begin(owner)
            sessions.set_up(
                session,
                model=options["model"],
                use_documents=options["documents"] or None,
                mcp_server_ids=[_server_id(owner, name) for name in names] if names else None,
            )
        if self.as_json:
            self._line({"sessionId": str(session.pk)})
        else:
            self._note(f"Conversation {session.pk}")
        return session

    def _found(self, owner: User, session_id: str) -> ChatSession:
        try:
            return ChatSession.objects.get(owner=owner, pk=uuid.UUID(session_id))
        except (ValueError, ChatSession.DoesNotExist):
            raise CommandError(f"{owner} has no conversation {session_id}.") from None

    def _talk(self, session: ChatSession) -> None:
        """Message after message. What goes wrong with one is said, and the next can be sent."""
        while (words := self._read("> ")) is not None:
            if words.strip():
                try:
                    error = self._say(session, words)
                except NotTaken as not_taken:
                    error = str(not_taken)
                if error:
                    self._note(error)

    def _say(self, session: ChatSession, words: str) -> str:
        """Send a message and show its reply; why there is none, or ""."""
        _, reply = turns.send(session, words)
        self._shown, self._stage, self._is_midline = 0, "", False
        is_stopped = False
        while True:
            try:
                return self._watch(reply)
            except KeyboardInterrupt:
                if is_stopped:
                    raise
                is_stopped = True
                turns.stop(reply)

    def _watch(self, reply: Message) -> str:
        row: Message | None = None
        for told in follow(reply):
            if isinstance(told, Message):
                row = told
                self._text(0, row.content)
            else:
                self._show(told)
            if isinstance(told, Message) or told["type"] == "tool_call":
                self._decide(reply)
        return self._end(row)

    # --- What is shown ----------------------------------------------------------------------------
    def _show(self, event: Event) -> None:
        if self.as_json:
            self._line(event)
        elif event["type"] == "message_chunk":
            self._text(event["contentOffset"], event["content"])
        elif event["type"] == "message_status":
            line = f"{event['stage'] or event['status']} {event['message']}"
            if line != self._stage and not event["terminal"]:
                self._stage = line
                self._note(line)

    def _text(self, offset: int, content: str) -> None:
        """What of a piece was not shown yet."""
        fresh = content[max(0, self._shown - offset) :]
        if self.as_json or not fresh or offset > self._shown:
            return
        self._shown = offset + len(content)
        self._is_midline = not fresh.endswith("\n")
        self.stdout.write(_CONTROL.sub("", fresh), ending="")
        self.stdout.flush()

    def _end(self, reply: Message | None) -> str:
        if reply is None or reply.job is None:
            return "The conversation was deleted."
        if self.as_json:
            state = MessageState(**message_state(reply))
            self._line(state.model_dump(mode="json", by_alias=True))
        self._end_line()
        if not self.as_json:
            for source in reply.sources.all():
                self.stdout.write(_CONTROL.sub("", str(source)))
            if reply.note:
                self._note(reply.note)
        if reply.job.status == Status.CANCELLED:
            return "Stopped."
        return reply.job.error

    def _note(self, line: str) -> None:
        self._end_line()
        self.stderr.write(_CONTROL.sub("", line), style_func=str)

    _is_midline = False

    def _end_line(self) -> None:
        if self._is_midline:
            self.stdout.write("")
            self._is_midline = False

    def _line(self, values: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(values))
        self.stdout.flush()

    # --- What is asked ----------------------------------------------------------------------------
    def _decide(self, reply: Message) -> None:
        """Ask about every call that waits for its owner."""
        waiting = ToolCall.objects.filter(message=reply, status=CallStatus.AWAITING_APPROVAL)
        for call in waiting.select_related("message__session"):
            arguments = json.dumps(call.arguments, indent=2, ensure_ascii=False)
            self._note(f"{call.server_name} would run {call.name} with {arguments}")
            if not self._decided(call):
                self._note("Somebody else was faster.")

    def _decided(self, call: ToolCall) -> bool:
        """False when it was decided meanwhile."""
        while True:
            words = self._read(QUESTION)
            if words is None:
                return approve.deny(call, NOBODY)
            answer, _, reason = words.strip().partition(" ")
            if answer in ("y", "yes"):
                return approve.approve(call)
            if answer in ("a", "always"):
                return approve.approve(call, always=True)
            if answer in ("n", "no"):
                return approve.deny(call, reason)

    def _read(self, prompt: str) -> str | None:
        """The next line; None after the last. A person is shown the prompt."""
        if sys.stdin.isatty():
            self.stderr.write(prompt, style_func=str, ending="")
            self.stderr.flush()
        line = sys.stdin.readline()
        return line or None


def _server_id(owner: User, name: str) -> str:
    """Of a server that the person may use, by its name or id."""
    servers = provider().servers(owner.pk)
    for server in servers:
        if name in (server.id, server.name):
            return server.id
    known = ", ".join(server.name for server in servers) or "none"
    raise CommandError(f"There is no tool server {name} here. There are: {known}.")
