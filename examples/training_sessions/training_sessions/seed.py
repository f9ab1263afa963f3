# Something to look at: python -m training_sessions.seed
#
# A trainer "demo", the settings document and an open session with values. Run again, it
# keeps the trainer and opens one more session. The password is SEED_PASSWORD, or a new
# one that is printed once.
import argparse
import asyncio
import os
import secrets
from uuid import uuid4

from training_sessions.model import NameTakenError
from training_sessions.wiring import training_service

_NAME = "demo"
_SAMPLES = ({"power": 180, "pulse": 112}, {"power": 195, "pulse": 121})


async def seed() -> None:
    given = os.environ.get("SEED_PASSWORD")
    password = given or secrets.token_urlsafe(12)
    async with training_service() as service:
        await service.change_settings(session_seconds=2 * 3600)
        try:
            await service.register(_NAME, password, None)
        except NameTakenError:
            print(f"the trainer {_NAME!r} is there already, with their old password")
        else:
            shown = "SEED_PASSWORD" if given else repr(password)
            print(f"the trainer {_NAME!r} has the password {shown}")
        trainer = await service.repository.trainer_named(_NAME)
        if trainer is None:
            raise RuntimeError("the trainer has vanished")
        session = await service.open_session(trainer.id, "Intervals, 4 x 4 minutes")
        for values in _SAMPLES:
            await service.publish(session.id, uuid4(), values)
        print(f"join with {session.code} until {session.expires_at:%H:%M} UTC")


if __name__ == "__main__":
    argparse.ArgumentParser(
        "python -m training_sessions.seed",
        description="Make a trainer with an open session.",
    ).parse_args()
    asyncio.run(seed())
