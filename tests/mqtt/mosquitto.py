"""A real mosquitto as a child of the test process, with mutual TLS or without any."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import ssl
import stat
import subprocess
import tempfile
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import aiomqtt

from switchbot_automation.outside.tls import load_pair
from switchbot_automation.simulation.server.certificates import Authority
from switchbot_store.testing.postgres_server import free_port, unprivileged

START_SECONDS = 30.0
TOPIC = "switchbot/c0ffee/devicestatus"


def find_mosquitto():
    """Return where the program is, None where there is none."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Mosquitto:
    """One broker on loopback; the port stays over restarts.

    With `tls` it asks for a client's certificate, takes its common name for the user and
    lets users read the one topic of their events; else anybody may do anything, but for
    `rules`, which those without a name are let in by.
    """

    def __init__(self, *, tls=False, life=timedelta(days=30), rules=None):
        self.port = free_port()
        self.rules = rules
        self.tls, self.life = tls, life
        self.topic = TOPIC
        self.authority = Authority("Test broker")
        self.clients = Authority("Test clients")
        self.log: list[str] = []
        self._process = self._reader = None
        self._directory = Path(tempfile.mkdtemp(prefix="mosquitto-"))
        self._directory.chmod(stat.S_IRWXU)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        with suppress(OSError):
            shutil.rmtree(self._directory)

    def start(self):
        lines = [f"listener {self.port} 127.0.0.1", "log_type all"]
        if self.tls:
            pair = self.authority.issue("127.0.0.1", server=True)
            files = {
                "ca.pem": self.clients.certificate,
                "server.pem": pair.certificate,
                "server.key": pair.key,
                "acl": "user cloud\ntopic readwrite #\npattern read switchbot/c0ffee/devicestatus\n",
            }
            for name, text in files.items():
                (self._directory / name).write_text(text)
            lines += [
                f"cafile {self._directory}/ca.pem",
                f"certfile {self._directory}/server.pem",
                f"keyfile {self._directory}/server.key",
                f"acl_file {self._directory}/acl",
                "require_certificate true",
                "use_identity_as_username true",
            ]
        else:
            lines += ["allow_anonymous true"]
        if self.rules is not None:
            (self._directory / "rules").write_text(
                f"{self.rules}\nuser hub\ntopic readwrite #\n"
            )
            lines += [f"acl_file {self._directory}/rules"]
        config = self._directory / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            for path in (self._directory, *self._directory.iterdir()):
                shutil.chown(path, "nobody")
        up = threading.Event()
        self._process = subprocess.Popen(
            [find_mosquitto(), "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **unprivileged(Path("/")),
        )

        def read():
            for line in self._process.stdout:
                self.log.append(line)
                if " running" in line:
                    up.set()
            up.set()

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        up.wait(START_SECONDS)
        if self._process.poll() is not None or " running" not in "".join(self.log):
            raise RuntimeError("mosquitto did not start:\n" + "".join(self.log))

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._process.stdout.close()
            self._process = None

    def client_id(self, instance_id):
        return hashlib.sha256(instance_id.encode()).hexdigest()[:32]

    def credential(self, instance_id):
        """Return what the cloud would give: see `SimulatedBroker.credential`."""
        client_id = self.client_id(instance_id)
        pair = self.clients.issue(client_id, life=self.life)
        return {
            "channels": {
                "mqtt": {
                    "brokerUrl": f"mqtts://127.0.0.1:{self.port}",
                    "region": "us-east-1",
                    "clientId": client_id,
                    "topics": {"status": self.topic},
                    "qos": 1,
                    "tls": {
                        "enabled": True,
                        "caBase64": self.authority.certificate,
                        "certBase64": pair.certificate,
                        "keyBase64": pair.key,
                    },
                }
            }
        }

    def client(self, identifier, *, user=None):
        """Return a client of the library itself, as `user` by certificate."""
        context = None
        if self.tls:
            pair = self.clients.issue(user or identifier)
            context = ssl.create_default_context(cadata=self.authority.certificate)
            load_pair(context, pair.certificate, pair.key)
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            identifier=identifier,
            username=None if self.tls else user,
            tls_context=context,
        )

    async def publish(self, event):
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        async with self.client("the-cloud", user="cloud") as client:
            await client.publish(TOPIC, payload, qos=1)
