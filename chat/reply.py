"""The work of a reply: find passages if it is grounded, then write, with the tools it may use.

It runs on the worker's loop (`realtime.background`). When its worker is lost, a reply that had
written something ends as interrupted, with its text; one that had not begins again. While its owner
has to allow a tool nobody holds it: `chat.approve` wakes it.
"""

import asyncio
import uuid
from contextlib import suppress
from typing import Any

import httpx
import openai

from chat import calls, tools
from chat.generate import Generation, generate
from chat.ground import Grounding, ground
from chat.models import CallStatus, Message, ToolCall
from chat.offers import Offer, chosen
from chat.path import Tree
from chat.prompt import Prompt, build
from chat.writer import Writer
from rag.language_model import Broken, in_words, is_too_long, retry_after
from realtime import background
from realtime.background import in_thread
from realtime.pages import position
from realtime.work import Failure, Paused, Report, Superseded

PAUSES = (2.0, 4.0)  # seconds before the second and the third try
LONGEST_PAUSE = 30.0  # that a server may ask for
MOST_ROUNDS = 8  # of tools
REPLY_SHARE = 4  # one part in so many of the context is kept free for the reply
MOST_TOKENS = 4_096
INTERRUPTED = "Interrupted: the worker was lost while it wrote. What was written is kept."
NO_MODEL = "No language model is connected. Set LLM_BASE_URL, then try again."
TOO_MANY_ROUNDS = f"The model asked for tools {MOST_ROUNDS} times, and was stopped there."


def write_reply(message_id: uuid.UUID, report: Report) -> str:
    """Write a reply; returns the closing message."""
    return background.run(_write(message_id, report))


async def _write(message_id: uuid.UUID, report: Report) -> str:
    """The work, with an eye on whether it is still wanted."""
    reply, offer = await in_thread(_take_up, message_id, report)
    writer = Writer(reply, reply.session.owner_id, report)
    work = asyncio.create_task(_Work(reply, offer, writer, report).do())
    watch = asyncio.create_task(writer.keep_watch())
    await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
    first = work if work.done() else watch
    for task in (work, watch):
        task.cancel()
    await asyncio.gather(work, watch, return_exceptions=True)
    error = first.exception()
    if error and not isinstance(error, Paused | Superseded):
        with suppress(Superseded):
            await writer.close()
    return first.result() or ""


def _take_up(message_id: uuid.UUID, report: Report) -> tuple[Message, Offer]:
    """The reply, without what an earlier attempt wrote and did not settle."""
    reply = Message.objects.select_related("session").filter(pk=message_id).first()
    if reply is None:
        raise Failure("The conversation was deleted.")
    ran = reply.tool_calls.filter(status=CallStatus.RUNNING)
    if report.job.losses and (len(reply.content) > reply.settled or ran.exists()):
        raise Failure(INTERRUPTED)
    offer = chosen(reply.session.model)
    if offer is None:
        raise Failure(NO_MODEL)
    reply.content, reply.model = reply.content[: reply.settled], offer.name
    reply.cursor = position(reply.session.owner_id)  # before the first piece
    with report.fence():
        reply.save(update_fields=["content", "model", "cursor"])
    return reply, offer


class _Work:
    """One attempt at a reply."""

    def __init__(self, reply: Message, offer: Offer, writer: Writer, report: Report) -> None:
        self._reply, self._offer, self._writer, self._report = reply, offer, writer, report
        self._owner_id: int = reply.session.owner_id
        self._context_tokens = offer.context_tokens
        self._path: list[Message] = []
        self._servers: list[tools.ToolServer] = []
        self._calls: list[ToolCall] = []
        self._grounding = Grounding()

    async def do(self) -> str:
        await in_thread(self._prepare)
        if self._grounding.words:
            self._writer.render_with(self._grounding.sources, [])
            self._writer.put(self._grounding.words)
        else:
            await self._converse()
        await self._writer.close()
        return "Complete"

    def _prepare(self) -> None:
        session = self._reply.session
        self._report("STARTED", 0, "Starting")
        self._path = Tree(session).path(self._reply.parent_id)
        self._servers = tools.servers(self._owner_id, session.mcp_server_ids)
        self._calls = calls.of(self._reply)
        self._grounding = ground(
            self._reply, self._path, self._offer, self._report, goes_on=bool(self._calls)
        )
        self._report("GENERATION", 70 if self._grounding.passages else 0, "Writing")

    async def _converse(self) -> None:
        """Round after round: tools, then text, until the model asks for no more tools."""
        while True:
            await self._use_tools()
            cuts = sorted({call.offset for call in self._calls})
            self._writer.render_with(self._grounding.sources, cuts)
            result = await self._generate()
            await in_thread(self._keep_figures, result)
            if not result.asked:
                return
            number = 1 + max((call.round for call in self._calls), default=0)
            if number > MOST_ROUNDS:
                raise Failure(TOO_MANY_ROUNDS)
            await self._writer.settle()
            self._reply.content = self._writer.text
            await in_thread(
                calls.ask, self._reply, number, result.asked, self._servers, self._report
            )
            self._calls = await in_thread(calls.of, self._reply)

    async def _use_tools(self) -> None:
        """Carry out what is allowed; wait, without a worker, for what is not decided."""
        if any(call.status == CallStatus.AWAITING_APPROVAL for call in self._calls):
            await in_thread(calls.wait_for_owner, self._reply, self._report)
            self._calls = await in_thread(calls.of, self._reply)
        for call in self._calls:
            if call.status == CallStatus.APPROVED:
                await in_thread(self._report, "TOOLS", 0, f"Using {call.name}")
                await in_thread(calls.record, call, CallStatus.RUNNING, "", self._report)
                ended = await calls.carry_out(call, self._owner_id, self._servers)
                await in_thread(calls.record, call, *ended, self._report)

    async def _generate(self) -> Generation:
        """One round of the model. What fails before its first piece is tried again."""
        pauses = [*PAUSES]
        described = calls.described(self._servers)
        before = len(self._writer.text)
        while True:
            prompt = await in_thread(self._prompt)
            result = Generation()
            try:
                async for piece in generate(
                    self._offer, prompt.messages, described, self._room, result
                ):
                    self._writer.put(piece)
            except (openai.OpenAIError, httpx.HTTPError, ValueError, Broken) as error:
                if len(self._writer.text) > before:
                    raise Failure(in_words(error, self._offer.base_url)[0]) from None
                if is_too_long(error) and prompt.has_history:
                    self._context_tokens //= 2
                else:
                    await self._pause_after(error, pauses)
            else:
                await in_thread(self._note, prompt, result)
                return result

    @property
    def _room(self) -> int:
        """Tokens that the reply may take."""
        return min(MOST_TOKENS, self._context_tokens // REPLY_SHARE)

    def _prompt(self) -> Prompt:
        return build(
            [*self._path, self._reply],
            self._grounding.passages,
            self._calls,
            has_tools=bool(self._servers),
            most_tokens=self._context_tokens - self._room,
        )

    async def _pause_after(self, error: Exception, pauses: list[float]) -> None:
        """Wait before the next try, and say so. Raises Failure when it would be of no use."""
        words, passing = in_words(error, self._offer.base_url)
        asked = retry_after(error) or 0.0
        if not passing or not pauses or asked > LONGEST_PAUSE:
            raise Failure(words) from None
        pause = max(pauses.pop(0), asked)
        await in_thread(self._say, f"{words} Trying again in {pause:g} s")
        await asyncio.sleep(pause)

    def _say(self, words: str) -> None:
        self._report("GENERATION", 0, words)
        self._report.flush()  # words alone could wait a second

    def _note(self, prompt: Prompt, result: Generation) -> None:
        """What the reader should know."""
        notes = []
        if prompt.omitted:
            noun = "message" if prompt.omitted == 1 else "messages"
            notes.append(
                f"The oldest {prompt.omitted} {noun} no longer fit the model's context and "
                "were left out."
            )
        if result.finish == "length":
            notes.append("The answer was cut off at its greatest length.")
        Message.objects.filter(pk=self._reply.pk).update(note=" ".join(notes))

    def _keep_figures(self, result: Generation) -> None:
        """How fast it was and what it took; of several rounds the first wait and all tokens."""
        fields: dict[str, Any] = {}
        reply = self._reply
        if result.first_piece and reply.first_token_ms is None:
            fields["first_token_ms"] = round((result.first_piece - result.began) * 1000)
        for name in ("prompt_tokens", "completion_tokens"):
            if (count := getattr(result, name)) is not None:
                fields[name] = (getattr(reply, name) or 0) + count
        if result.completion_tokens and result.first_piece and result.ended:
            seconds = max(0.001, result.ended - result.first_piece)
            fields["tokens_per_second"] = round(result.completion_tokens / seconds, 1)
        for name, value in fields.items():
            setattr(reply, name, value)
        with self._report.fence():
            Message.objects.filter(pk=reply.pk).update(**fields)
