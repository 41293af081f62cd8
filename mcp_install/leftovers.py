"""What runs left on hosts that could not be reached when they ended, or whose worker was lost for
good: tidied up when the host is back. No run begins there meanwhile."""

import asyncio
import logging
import uuid
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from mcp_install import tidy, turns
from mcp_install.connect import connected
from mcp_install.login import login_of
from mcp_install.models import Installation, SshHost
from mcp_install.troubles import Trouble
from realtime.background import in_thread
from realtime.models import ENDED, Status

logger = logging.getLogger(__name__)

SECONDS = 40.0
TRIED = timedelta(hours=1)  # from the end of the run on; later, the next run there does it
MOST = 20  # hosts at once


async def sweep() -> None:
    """Try all hosts on which something may be left."""
    hosts = await in_thread(_hosts)
    await asyncio.gather(*map(_tidy_up, hosts))


def _hosts() -> list[uuid.UUID]:
    left = Installation.objects.filter(
        has_left=True, job__status__in=ENDED, job__finished_at__gt=timezone.now() - TRIED
    )
    hosts = left.order_by("server__host").values_list("server__host", flat=True).distinct()
    return list(hosts[:MOST])


async def _tidy_up(host_id: uuid.UUID) -> None:
    host = await in_thread(_taken, host_id)
    if host is None:
        return
    try:
        async with asyncio.timeout(SECONDS):
            login = await in_thread(login_of, host)
            async with connected(login) as connection:
                for run in await in_thread(tidy.left_on, host_id):
                    await tidy.one(connection, run)
                    await in_thread(tidy.forget, run)
    except (Trouble, TimeoutError) as error:
        logger.info("host %s is still to be tidied up: %s", host_id, error)
    finally:
        await in_thread(_let_go, host)


def _taken(host_id: uuid.UUID) -> SshHost | None:
    """The host, kept free of runs for a while; None while one is at work there."""
    with transaction.atomic():
        host = SshHost.objects.select_related("jump__jump").get(pk=host_id)
        User.objects.select_for_update(no_key=True).get(pk=host.owner_id)  # as `turns.take` does
        runs = Installation.objects.filter(server__host=host, job__status=Status.RUNNING)
        if runs.exists():
            return None
        until = timezone.now() + timedelta(seconds=SECONDS + 10)
        SshHost.objects.filter(pk=host_id).update(tidying_until=until)
    return host


def _let_go(host: SshHost) -> None:
    SshHost.objects.filter(pk=host.pk).update(tidying_until=None)
    turns.wake(host.owner_id)
