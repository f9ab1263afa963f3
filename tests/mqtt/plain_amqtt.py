"""A broker in Python, for machines without mosquitto: no TLS, anybody may do anything."""

import asyncio
import gc

import aiomqtt

from switchbot_store.testing.postgres_server import free_port

_ANONYMOUS = "amqtt.plugins.authentication.AnonymousAuthPlugin"


class PlainAmqtt:
    """Runs on the loop that starts it, at a free port of loopback."""

    def __init__(self):
        self.port = free_port()

    async def start(self):
        from amqtt.broker import Broker  # noqa: PLC0415 - not for every Python

        self._broker = Broker(
            {
                "listeners": {
                    "default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}
                },
                "plugins": {_ANONYMOUS: {"allow_anonymous": True}},
            }
        )
        await self._broker.start()

    async def stop(self):
        """End the broker, and with it what it still does for who left a moment ago.

        It waits for none of its connections: one that outlives the loop is told of as
        unclosed, at whatever test runs then.
        """
        await self._broker.shutdown()
        own = {task for task in asyncio.all_tasks() if _is_amqtts(task)}
        if own:
            await asyncio.wait(own, timeout=10)
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)
        for each in gc.get_objects():
            if isinstance(each, asyncio.StreamWriter) and self._is_ours(each):
                each.close()
        for _ in range(3):  # the loop's turns until a closed connection is let go
            await asyncio.sleep(0)

    def _is_ours(self, writer):
        name = writer.get_extra_info("sockname")
        return bool(name) and name[1] == self.port and not writer.is_closing()

    def client(self, identifier):
        return aiomqtt.Client("127.0.0.1", self.port, identifier=identifier)


def _is_amqtts(task):
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and "amqtt" in code.co_filename.split("site-packages")[-1]
