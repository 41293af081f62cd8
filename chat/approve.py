"""What a reply's owner says about the tools that it wants to use."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat.events import tell_call
from chat.models import CallStatus, ToolCall, ToolPermission
from realtime import jobs
from realtime.models import Job

PATIENCE = timedelta(minutes=10)
NOBODY = "Nobody answered within 10 minutes."
MOST_REASON = 500  # characters


def approve(
    call: ToolCall, *, always: bool = False, arguments: dict[str, Any] | None = None
) -> bool:
    """Allow the call, perhaps with other arguments, perhaps all later ones of this tool at this
    version of its server. False when it is decided already."""
    fields = {} if arguments is None else {"arguments": arguments}
    with transaction.atomic():
        if not _decide(call, CallStatus.APPROVED, **fields):
            return False
        if always:
            ToolPermission.objects.get_or_create(
                owner_id=call.message.session.owner_id,
                server_identity=call.server_identity,
                tool=call.name,
                defaults={"server_name": call.server_name},
            )
    return True


def deny(call: ToolCall, reason: str = "") -> bool:
    """Refuse the call; the model is told why. False when it is decided already."""
    with transaction.atomic():
        return _decide(call, CallStatus.DENIED, reason=reason[:MOST_REASON])


def deny_late() -> None:
    """Refuse what nobody answered in time."""
    late = ToolCall.objects.filter(
        status=CallStatus.AWAITING_APPROVAL, asked_at__lt=timezone.now() - PATIENCE
    )
    for call in late.select_related("message__session"):
        deny(call, NOBODY)


def _decide(call: ToolCall, status: CallStatus, **fields: Any) -> bool:
    """The decision, once; the reply goes on with the last one."""
    # Locked as in `Report.pause`, so that it either sees the decision or waits to be woken.
    job = Job.objects.select_for_update().get(chat_message=call.message)
    won = ToolCall.objects.filter(pk=call.pk, status=CallStatus.AWAITING_APPROVAL).update(
        status=status, decided_at=timezone.now(), **fields
    )
    if not won:
        return False
    call.refresh_from_db()
    tell_call(job.owner_id, call)
    others = ToolCall.objects.filter(message=call.message, status=CallStatus.AWAITING_APPROVAL)
    if not others.exists():
        jobs.wake(job)
    return True
