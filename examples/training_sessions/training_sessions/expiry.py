# The job that ends sessions whose time is over. Late, it does no harm: joining and
# sending compare the instant themselves.
import asyncio
import logging
from collections.abc import Awaitable, Callable

from switchbot_store import StoreError
from training_sessions.model import TrainingError
from training_sessions.service import TrainingService

_LOGGER = logging.getLogger(__name__)


async def keep_expiring(
    service: TrainingService,
    *,
    interval_seconds: float = 5.0,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    failing = False
    while True:
        await sleep(interval_seconds)
        try:
            expired = await service.expire()
        except (TrainingError, StoreError) as error:
            # Said once, and once more when it is over, not every five seconds.
            _LOGGER.log(logging.DEBUG if failing else logging.WARNING, "%s", error)
            failing = True
            continue
        if failing:
            _LOGGER.warning("the expiry of sessions works again")
        failing = False
        if expired:
            _LOGGER.info("%s sessions expired", expired)
