# gunicorn for flask_host.py; it works with `preload_app` and without, and with any number
# of workers and threads.
#
#   gunicorn -c examples/deploy/gunicorn.conf.py --chdir examples 'flask_host:create_app()'
from typing import Any

# A command answers once the cloud did, which may take a while.
timeout = 60
# A tick under way is waited for when a worker ends.
graceful_timeout = 45


def post_worker_init(worker: Any) -> None:
    """Heat also while nobody asks for a page; a thread does not survive a fork."""
    worker.wsgi.extensions["engine"].start()


def worker_exit(server: Any, worker: Any) -> None:
    """Write the last rows and release the claim, so that another worker leads at once."""
    worker.wsgi.extensions["engine"].stop()
