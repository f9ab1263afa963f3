"""What the environment says of TLS, down to the certificate that is checked."""

import contextlib
import datetime as dt
import os
import pty
import shutil
import subprocess
import sys

import psycopg
import pytest

from switchbot_store import (
    PostgresStore,
    StoreConfig,
    StoreConfigError,
    StoreUnavailableError,
    get_store,
)
from switchbot_store.doctor.inspection import Inspection
from switchbot_store.doctor.local import examine
from switchbot_store.testing import TcpProxy


def told(**variables):
    """Return what libpq is told."""
    found = StoreConfig.from_env({"STORE_BACKEND": "postgres", **variables})
    return psycopg.conninfo.conninfo_to_dict(found.conninfo)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Make certificates as a small authority would; needs openssl."""
    directory = tmp_path_factory.mktemp("authority")

    def run(*arguments):
        subprocess.run(
            ["openssl", *arguments], cwd=directory, check=True, capture_output=True
        )

    assert shutil.which("openssl"), (
        "install openssl: the tests of TLS make certificates"
    )
    for name in ("ca", "other-ca"):
        run(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"),
        )
    for name in ("localhost", "elsewhere.example", "this-host"):
        (directory / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}")
        run(
            *("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key"),
            *("-out", f"{name}.csr", "-subj", f"/CN={name}"),
        )
        run(
            *(
                "x509",
                "-req",
                "-days",
                "2",
                "-in",
                f"{name}.csr",
                "-CA",
                "ca.crt",
            ),
            *("-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.ext"),
            *("-out", f"{name}.crt"),
        )
    return directory


def _dated(directory, name, first_day, last_day):
    """Make a certificate of the authority for localhost that counts between two days."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import (  # noqa: PLC0415 - where it is there
        hashes,
        serialization,
    )

    def read(what, reader, **options):
        return reader((directory / what).read_bytes(), **options)

    key = read("ca.key", serialization.load_pem_private_key, password=None)
    issuer = read("ca.crt", x509.load_pem_x509_certificate).subject
    request = read("localhost.csr", x509.load_pem_x509_csr)
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(issuer)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(first_day))
        .not_valid_after(now + dt.timedelta(last_day))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (directory / f"{name}.crt").write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
    )
    shutil.copy(directory / "localhost.key", directory / f"{name}.key")


@pytest.fixture
def encrypted_url(authority, database_url):
    """Give a URL at which TLS is spoken, with a certificate for the name asked for."""
    import ssl  # noqa: PLC0415 - here alone

    parameters = psycopg.conninfo.conninfo_to_dict(database_url)
    started = []

    def url(name="localhost", *, asking=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if asking:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(authority / "ca.crt")
        context.load_cert_chain(authority / f"{name}.crt", authority / f"{name}.key")
        proxy = TcpProxy(int(parameters["port"]), tls=context)
        proxy.start()
        started.append(proxy)
        return f"postgresql://postgres@localhost:{proxy.port}/{parameters['dbname']}"

    yield url
    for proxy in started:
        proxy.close()


class TestTls:
    def test_a_root_certificate_makes_sure_of_the_server(
        self, environment, authority, encrypted_url
    ):
        environment(
            STORE_BACKEND="postgres",
            POSTGRES_URL=encrypted_url(),
            POSTGRES_SSL_ROOT_CERT=str(authority / "ca.crt"),
        )
        found = StoreConfig.from_env()
        assert "sslmode=verify-full" in found.conninfo
        assert Inspection(found.conninfo).facts().encrypted
        with get_store() as store:
            store.set("settings", {"n": 1})
            assert store.status().degraded_since is None

    @pytest.mark.parametrize(
        ("root", "name", "told", "advice"),
        [
            ("other-ca", "localhost", "issuer", "its authority's file"),
            ("ca", "elsewhere.example", "does not match", "a name that it has"),
        ],
    )
    def test_another_authority_or_another_name_is_refused(
        self, environment, authority, encrypted_url, root, name, told, advice
    ):
        environment(
            STORE_BACKEND="postgres",
            POSTGRES_URL=encrypted_url(name),
            POSTGRES_SSL_ROOT_CERT=str(authority / f"{root}.crt"),
        )
        with pytest.raises(StoreConfigError, match=f"certificate.*{told}"):
            get_store()
        (problem,) = [each for each in examine() if each.level == "problem"]
        assert problem.check == "tls"
        assert advice in problem.advice
        assert "POSTGRES_SSL_ROOT_CERT" in problem.advice

    @pytest.mark.parametrize(
        ("days", "told"), [((-9, -1), "has expired"), ((1, 9), "is not yet valid")]
    )
    def test_one_whose_time_is_not_now_is_an_outage(
        self, environment, authority, encrypted_url, days, told
    ):
        """It is renewed, or this host told the time: no setting helps."""
        _dated(authority, "dated", *days)
        environment(
            STORE_BACKEND="postgres",
            POSTGRES_URL=encrypted_url("dated"),
            POSTGRES_SSL_ROOT_CERT=str(authority / "ca.crt"),
        )
        with get_store() as store:
            store.set("settings", {"n": 1})
            assert (store.get("settings"), store.status().pending) == ({"n": 1}, 1)
            assert told in store.status().last_error
        (problem,) = [each for each in examine() if each.level == "problem"]
        assert problem.check == "tls"
        assert "set the clock right" in problem.advice
        with pytest.raises(StoreUnavailableError, match=told):
            PostgresStore(StoreConfig.from_env().conninfo).open()

    def test_a_certificate_of_this_host_is_shown(
        self, environment, authority, encrypted_url
    ):
        environment(
            STORE_BACKEND="postgres",
            POSTGRES_URL=f"{encrypted_url(asking=True)}?sslcert={authority}/this-host.crt"
            f"&sslkey={authority}/this-host.key",
            POSTGRES_SSL_ROOT_CERT=str(authority / "ca.crt"),
        )
        with get_store() as store:
            store.set("settings", {"n": 1})
            assert store.status().degraded_since is None

    @pytest.mark.parametrize(
        ("certificate", "key"),
        [
            ("this-host", "elsewhere.example"),
            ("this-host", "nothing"),
            ("this-host", "open"),
        ],
    )
    def test_one_that_the_server_does_not_take_is_a_setting_with_its_own_advice(
        self, environment, authority, encrypted_url, certificate, key
    ):
        shutil.copy(authority / "this-host.key", authority / "open.key")
        (authority / "open.key").chmod(0o644)
        environment(
            STORE_BACKEND="postgres",
            POSTGRES_URL=f"{encrypted_url(asking=True)}"
            f"?sslcert={authority}/{certificate}.crt&sslkey={authority}/{key}.key",
            POSTGRES_SSL_ROOT_CERT=str(authority / "ca.crt"),
        )
        with pytest.raises(StoreConfigError, match="private key"):
            get_store()
        (problem,) = [each for each in examine() if each.level == "problem"]
        assert problem.check == "tls"
        assert "sslcert and sslkey" in problem.advice

    def test_nobody_is_asked_for_the_password_of_a_key(self, authority, encrypted_url):
        """On a terminal a connection would wait for it, whatever its deadline."""
        subprocess.run(
            [
                *("openssl", "rsa", "-aes128", "-passout", "pass:secret"),
                *("-in", authority / "this-host.key", "-out", authority / "locked.key"),
            ],
            check=True,
            capture_output=True,
        )
        (authority / "locked.key").chmod(0o600)
        url = (
            f"{encrypted_url(asking=True)}?sslmode=require"
            f"&sslcert={authority}/this-host.crt&sslkey={authority}/locked.key"
        )
        with PostgresStore(f"{url}&sslpassword=secret") as store:
            store.set("settings", {"n": 1})
        program = "import sys; from switchbot_store import PostgresStore\nPostgresStore(sys.argv[1]).open()"
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(sys.executable, [sys.executable, "-c", program, url])
        shown = b""
        with contextlib.suppress(
            OSError
        ):  # Linux says so when the other side is closed
            while b"phrase" not in shown and (found := os.read(terminal, 4096)):
                shown += found
        os.close(terminal)  # a program that waits for it ends with that
        os.waitpid(pid, 0)
        assert b"private key" in shown
        assert b"phrase" not in shown

    def test_the_mode_wins_over_the_url(self, environment, database_url):
        environment(
            STORE_BACKEND="postgres",
            POSTGRES_URL=f"{database_url}?sslmode=disable",
            POSTGRES_SSL_MODE="require",
        )
        with pytest.raises(StoreConfigError, match="SSL"):
            get_store()
        problem = next(each for each in examine() if each.level == "problem")
        assert "POSTGRES_SSL_MODE=disable" in problem.advice

    @pytest.mark.parametrize(
        "variables",
        [
            {"POSTGRES_URL": "postgresql://u@db.example.com/home"},
            {"POSTGRES_URL": "postgresql:///home", "PGHOST": "db.example.com"},
            {"PGHOSTADDR": "192.0.2.7", "PGDATABASE": "home"},
            {"PGHOST": "localhost", "PGHOSTADDR": "192.0.2.7"},
        ],
    )
    def test_off_the_local_host_it_is_required(self, variables):
        assert told(**variables)["sslmode"] == "require"
