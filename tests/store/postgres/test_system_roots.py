"""`sslrootcert=system` means this system's roots, whichever OpenSSL the driver brings."""

import shutil
import ssl
import subprocess
from types import SimpleNamespace

import psycopg
import pytest

from switchbot_store import PostgresStore, StoreConfig, StoreConfigError
from switchbot_store.postgres import roots
from switchbot_store.testing import TcpProxy

pytestmark = pytest.mark.skipif(
    not shutil.which("openssl"), reason="certificates are made by the program openssl"
)


@pytest.fixture(autouse=True)
def without_variables(monkeypatch):
    """A variable that names the roots would hide where they are looked for."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "PGSSLROOTCERT", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority, and a certificate by it for 127.0.0.1 alone."""
    place = tmp_path_factory.mktemp("authority")

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=place)

    new = ("-newkey", "rsa:2048", "-nodes")
    openssl(
        *("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30"),
        *("-subj", "/CN=tests", "-addext", "basicConstraints=critical,CA:TRUE"),
    )
    openssl(
        *("req", *new, "-keyout", "server.key", "-out", "server.csr"),
        *("-subj", "/CN=database"),
    )
    (place / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(
        *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
        *("-CAcreateserial", "-out", "server.pem", "-days", "20", "-extfile", "names"),
    )
    return place


@pytest.fixture
def encrypted(database_url, authority):
    """The URL of the tests' database where TLS is spoken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    port = psycopg.conninfo.conninfo_to_dict(database_url)["port"]
    with TcpProxy(int(port), tls=context) as proxy:
        yield psycopg.conninfo.make_conninfo(
            database_url, host="127.0.0.1", port=proxy.port
        )


@pytest.fixture
def trusted(monkeypatch, authority):
    """Let the authority be what this system trusts."""
    nothing = SimpleNamespace(cafile=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    bundles = ("/no/such/file.pem", str(authority / "ca.pem"))
    monkeypatch.setattr(roots, "_BUNDLES", bundles)


def config(url, host="127.0.0.1", **variables):
    return StoreConfig.from_env(
        {
            "STORE_BACKEND": "postgres",
            "POSTGRES_URL": psycopg.conninfo.make_conninfo(url, host=host),
            "POSTGRES_SSL_ROOT_CERT": "system",
            **variables,
        }
    )


def test_who_the_system_trusts_is_trusted(encrypted, trusted):
    with PostgresStore(config(encrypted).conninfo) as store:
        store.set("a", {"n": 1})
        with store.connections.direct() as connection:
            assert connection.pgconn.ssl_in_use


def test_in_the_url_as_well(encrypted, trusted):
    url = psycopg.conninfo.make_conninfo(encrypted, sslrootcert="system")
    with PostgresStore(url) as store:
        store.set("a", {"n": 1})


def test_the_name_of_the_host_counts(encrypted, trusted):
    with pytest.raises(StoreConfigError, match="localhost"):
        PostgresStore(config(encrypted, "localhost").conninfo).open()


def test_a_weaker_mode_is_refused_with_the_fix(encrypted, trusted):
    with pytest.raises(StoreConfigError, match="POSTGRES_SSL_MODE=verify-full"):
        config(encrypted, POSTGRES_SSL_MODE="require")


def test_whom_the_system_does_not_know_is_refused(encrypted):
    try:
        found = roots.system_roots()
    except StoreConfigError as error:
        pytest.skip(str(error))
    assert found.is_file()
    with pytest.raises(StoreConfigError, match="certificate verify failed"):
        PostgresStore(config(encrypted).conninfo).open()


def test_a_system_without_roots_says_what_to_install(encrypted, trusted, monkeypatch):
    monkeypatch.setattr(roots, "_BUNDLES", ())
    with pytest.raises(StoreConfigError, match="ca-certificates"):
        PostgresStore(config(encrypted).conninfo).open()
