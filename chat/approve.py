"""What a reply's owner says about the tools that it wants to use."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat.events import tell_call
from chat.models import CallStatus, ToolCall, ToolPermission
from chat.tools import Arguments, arguments_of
from chat.turns import NotTaken
from realtime import jobs
from realtime.models import Job

PATIENCE = timedelta(minutes=10)
NOBODY = "Nobody answered within 10 minutes."
MOST_REASON = 500  # characters


def approve(call: ToolCall, *, always: bool = False, arguments: Arguments | None = None) -> bool:
    """Allow the call, perhaps with other arguments, perhaps all later ones of this tool at this
    version of its server, and those of the same reply. False when it is decided already.

    Raises NotTaken for arguments that cannot be kept.
    """
    fields = {} if arguments is None else {"arguments": _checked(arguments)}
    with transaction.atomic():
        if not _decide(call, CallStatus.APPROVED, **fields):
            return False
        if always:
            _allow(call)
    return True


def _checked(arguments: Arguments) -> Arguments:
    try:
        return arguments_of(arguments)
    except ValueError as error:
        raise NotTaken(str(error), "arguments") from None


def _allow(call: ToolCall) -> None:
    """From now on without asking."""
    tool = {"server_identity": call.server_identity}
    ToolPermission.objects.get_or_create(
        owner_id=call.message.session.owner_id,
        tool=call.name,
        **tool,
        defaults={"server_name": call.server_name},
    )
    for other in ToolCall.objects.filter(message=call.message, name=call.name, **tool):
        _decide(other, CallStatus.APPROVED)


def deny(call: ToolCall, reason: str = "") -> bool:
    """Refuse the call; the model is told why. False when it is decided already."""
    with transaction.atomic():
        return _decide(call, CallStatus.DENIED, reason=reason.strip()[:MOST_REASON])


def deny_late() -> None:
    """Refuse what nobody answered in time."""
    late = ToolCall.objects.filter(
        status=CallStatus.AWAITING_APPROVAL, asked_at__lt=timezone.now() - PATIENCE
    )
    for call in late.select_related("message"):
        deny(call, NOBODY)


def _decide(call: ToolCall, status: CallStatus, **fields: Any) -> bool:
    """The decision, once; the reply goes on with the last one."""
    # Locked as in `Report.pause`, so that it either sees the decision or waits to be woken.
    job = Job.objects.select_for_update(of=("self",)).filter(chat_message=call.message).first()
    won = ToolCall.objects.filter(pk=call.pk, status=CallStatus.AWAITING_APPROVAL).update(
        status=status, decided_at=timezone.now(), **fields
    )
    if not won or job is None:
        return False
    call.refresh_from_db(fields=["status", "decided_at", *fields])
    tell_call(job.owner_id, call)
    others = ToolCall.objects.filter(message=call.message, status=CallStatus.AWAITING_APPROVAL)
    if not others.exists():
        jobs.wake(job)
    return True
