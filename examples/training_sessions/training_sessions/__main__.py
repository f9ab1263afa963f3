# USE_IN_MEMORY=true python -m training_sessions
import argparse
import logging
import os
from collections.abc import AsyncIterator

from aiohttp import web

from training_sessions.web import create_app
from training_sessions.wiring import training_service


async def application() -> web.Application:
    # run_app has no place for `async with`: the two halves are the two hooks.
    running = training_service()
    app = create_app(await running.__aenter__())

    async def last(_: web.Application) -> AsyncIterator[None]:
        yield
        await running.__aexit__(None, None, None)

    app.cleanup_ctx.insert(0, last)  # cleaned up in reverse: after all others
    return app


if __name__ == "__main__":
    argparse.ArgumentParser(
        "python -m training_sessions",
        description="Serve training sessions; the environment says how.",
    ).parse_args()
    logging.basicConfig(level=logging.INFO)
    host = os.environ.get("HOST", "127.0.0.1")
    web.run_app(application(), host=host, port=int(os.environ.get("PORT", "8080")))
