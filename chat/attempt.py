"""One attempt at a reply: passages are found if it is grounded; then text, and tools it may use."""

import asyncio
import time
import uuid
from typing import Any

import httpx
import openai

from chat import calls, tools
from chat.generate import Generation, generate
from chat.ground import Grounding, ground
from chat.models import CallStatus, Message, ToolCall
from chat.offers import Offer
from chat.prompt import Prompt, build
from chat.writer import Writer
from rag.citations import Known
from rag.language_model import MOST_SECONDS, Broken, in_words, is_too_long, retry_after
from realtime.background import in_thread
from realtime.work import Failure, Report

PAUSES = (2.0, 4.0)  # seconds before the second and the third try
LONGEST_PAUSE = 30.0  # that a server may ask for
MOST_ROUNDS = 8  # of tools
REPLY_SHARE = 4  # one part in so many of the context is kept free for the reply
MOST_TOKENS = 4_096
LEAST_CONTEXT = 512  # tokens; no model has less
TOO_MANY_ROUNDS = f"The model asked for tools {MOST_ROUNDS} times, and was stopped there."
TOO_LONG = "Your message is too long for the model, even without what was said before."

Fields = dict[str, Any]
_FAULTS = (openai.OpenAIError, httpx.HTTPError, ValueError, Broken, TimeoutError)


class Attempt:
    """Belongs to the worker's loop. `make` it once."""

    def __init__(
        self, reply: Message, path: list[Message], offer: Offer, writer: Writer, report: Report
    ) -> None:
        self._reply, self._path, self._offer = reply, path, offer
        self._writer, self._report = writer, report
        self._owner_id: int = reply.session.owner_id
        self._context_tokens = offer.context_tokens
        self._servers: list[tools.ToolServer] = []
        self._calls: list[ToolCall] = []
        self._earlier_calls: dict[uuid.UUID, list[ToolCall]] = {}
        self._grounding = Grounding()

    async def make(self) -> None:
        """Write the reply to its end. Raises Failure, Paused, Cancelled, Superseded."""
        await in_thread(self._prepare)
        if self._grounding.words:
            await self._render()
            self._writer.put(self._grounding.words)
            fields: Fields = {"model": self._grounding.author}
        else:
            fields = await self._converse()
        await self._writer.close(settled=len(self._writer.text), **fields)

    def _prepare(self) -> None:
        session = self._reply.session
        self._servers = tools.servers(self._owner_id, session.mcp_server_ids)
        if self._report.job.attempt > 1:
            self._calls = calls.of(self._reply)
        if self._servers:  # a model that is told of no tools may not take what they gave
            self._earlier_calls = calls.of_path(self._path)
        self._grounding = ground(
            self._reply, self._path, self._offer, self._report, goes_on=bool(self._calls)
        )
        if self._report.stage:  # else the news that the job began is enough
            self._say("Writing")

    async def _converse(self) -> Fields:
        """Round after round: tools, then text, until the model asks for no more tools."""
        while True:
            await self._use_tools()
            await self._render()
            result, notes = await self._generate()
            fields = self._figures(result) | {"note": notes}
            if not result.asked:
                return fields
            number = 1 + max((call.round for call in self._calls), default=0)
            if number > MOST_ROUNDS:
                raise Failure(TOO_MANY_ROUNDS)
            await self._writer.flush()
            self._reply.content = self._writer.text
            asked = result.asked
            await in_thread(
                calls.ask, self._reply, number, asked, self._servers, self._report, fields
            )
            self._calls = await in_thread(calls.of, self._reply)

    async def _render(self) -> None:
        cuts = sorted({call.offset for call in self._calls})
        await self._writer.render_with(self._grounding.sources, cuts)
        self._writer.put("")  # each attempt tells all of the text

    async def _use_tools(self) -> None:
        """Carry out what is allowed; wait, without a worker, for what is not decided."""
        if any(call.status == CallStatus.AWAITING_APPROVAL for call in self._calls):
            await in_thread(calls.wait_for_owner, self._reply, self._report)
            self._calls = await in_thread(calls.of, self._reply)
        approved = [call for call in self._calls if call.status == CallStatus.APPROVED]
        for call in approved:
            await in_thread(self._report, "TOOLS", 0, f"Using {call.name}")
            await in_thread(calls.record, call, CallStatus.RUNNING, "", self._report)
            ended = await calls.carry_out(call, self._owner_id, self._servers)
            await in_thread(calls.record, call, *ended, self._report)
        if approved:
            await in_thread(self._say, "Writing")

    # --- One round of the model -------------------------------------------------------------------
    async def _generate(self) -> tuple[Generation, str]:
        """The round, and what its reader should know. What fails before its first piece is tried
        again."""
        pauses, before = [*PAUSES], len(self._writer.text)
        while True:
            prompt = await in_thread(self._prompt)
            result = Generation()
            try:
                await self._receive(prompt, result)
            except _FAULTS as error:
                has_text = len(self._writer.text) > before
                if isinstance(error, TimeoutError) and has_text:
                    result.finish, result.asked = "time", []
                elif has_text:
                    raise Failure(in_words(error, self._offer.base_url)[0]) from None
                else:
                    await self._pause_after(error, result, pauses)
                    continue
            return result, " ".join(_notes(prompt, result))

    async def _receive(self, prompt: Prompt, result: Generation) -> None:
        described = calls.described(self._servers)
        passages = self._grounding.passages
        known = Known({passage.rank for passage in passages}) if passages else None
        async with asyncio.timeout(MOST_SECONDS):
            async for piece in generate(
                self._offer, prompt.messages, described, self._room, result
            ):
                self._writer.put(known.add(piece) if known else piece)
        if known:
            self._writer.put(known.rest())

    @property
    def _room(self) -> int:
        """Tokens that the reply may take."""
        return min(MOST_TOKENS, self._context_tokens // REPLY_SHARE)

    def _prompt(self) -> Prompt:
        return build(
            [*self._path, self._reply],
            self._grounding.passages,
            self._earlier_calls | {self._reply.pk: self._calls},
            has_tools=bool(self._servers),
            most_tokens=self._context_tokens - self._room,
        )

    async def _pause_after(self, error: Exception, result: Generation, pauses: list[float]) -> None:
        """Wait before the next try, and say so; what was too long is shortened. Raises Failure when
        another try would be of no use, or the first has taken long."""
        if is_too_long(error):
            self._context_tokens //= 2
            if self._context_tokens < LEAST_CONTEXT:
                raise Failure(TOO_LONG) from None
            return
        words, passing = in_words(error, self._offer.base_url)
        asked = retry_after(error) or 0.0
        is_late = time.monotonic() - result.began > LONGEST_PAUSE
        if not passing or not pauses or is_late or asked > LONGEST_PAUSE:
            raise Failure(words) from None
        pause = max(pauses.pop(0), asked)
        await in_thread(self._say, f"{words} Trying again in {pause:g} s")
        await asyncio.sleep(pause)

    def _say(self, words: str) -> None:
        self._report("GENERATION", 70 if self._grounding.passages else 0, words)
        self._report.flush()  # words alone could wait a second

    def _figures(self, result: Generation) -> Fields:
        """How fast it was and what it took; of several rounds the first wait and all tokens."""
        fields: Fields = {}
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
        return fields


def _notes(prompt: Prompt, result: Generation) -> list[str]:
    notes = []
    if prompt.omitted:
        noun = "message" if prompt.omitted == 1 else "messages"
        notes.append(
            f"The oldest {prompt.omitted} {noun} no longer fit the model's context and were left "
            "out."
        )
    if prompt.shortened:
        notes.append("Results of tools were shortened to fit the model's context.")
    if result.finish == "length":
        notes.append("The answer was cut off at its greatest length.")
    if result.finish == "time":
        notes.append(f"The answer was cut off after {MOST_SECONDS // 60} minutes.")
    if result.finish == "content_filter":
        notes.append("The model server cut the answer off by its content filter.")
    return notes
