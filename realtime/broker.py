"""The broker's server, for what processes tell each other beside Celery's messages.

Its connections are kept, for all threads: to open one takes longer than what is said on it.
"""

from functools import cache

import redis
from django.conf import settings

from realtime.log_server import Address

SECONDS = 5.0  # that it may take to answer


def broker() -> redis.Redis:
    """Its commands raise redis.RedisError when it does not answer."""
    return _connected(settings.REDIS_URL)


@cache
def _connected(url: str) -> redis.Redis:
    client: redis.Redis = Address.parse(url).connect(socket_timeout=SECONDS)
    return client
