"""How a connection that failed is recognised by its words, and what to change then."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from switchbot_store.doctor.findings import SetupFinding
from switchbot_store.languages import later
from switchbot_store.languages import translated as _


class _Refusal(NamedTuple):
    """One kind of refusal; `pattern` is searched in the message."""

    pattern: re.Pattern[str]
    check: str
    advice: str


def _refusal(pattern: str, check: str, advice: str) -> _Refusal:
    return _Refusal(re.compile(pattern, re.IGNORECASE | re.VERBOSE), check, advice)


# The words are libpq's, the server's, PgBouncer's, Supabase's and Neon's.
_REFUSALS: Final = (
    _refusal(
        r"""tenant\ or\ user\ not\ found | no\ tenant\ identifier | ENOIDENTIFIER
        | ENOTFOUND.*tenant | tenant/user .* not\ found""",
        "login",
        later(
            "Supabase's pooler does not know the project: the user is postgres.PROJECT"
            " there, and the host's region is the project's; copy both from its Connect"
            " page. A paused project has to be restored first."
        ),
    ),
    _refusal(
        r"endpoint\ ID\ is\ not\ specified | SNI",
        "login",
        later(
            "Neon tells its databases apart by the host's name: connect by the name, not by"
            " an address, or append ?options=endpoint%3DNAME, where NAME begins with ep-."
        ),
    ),
    _refusal(
        r"""requested\ endpoint\ could\ not\ be\ found | endpoint\ is\ disabled
        | endpoint\ .*\ (not\ found|does\ not\ exist)""",
        "network",
        later(
            "Neon has no such endpoint any more: copy the host from the project's Connect"
            " page, or enable the compute there."
        ),
    ),
    _refusal(
        r"""exceeded\ the\ (compute|data|active)\b.*\b(quota|limit) | quota\ exceeded
        | project\ (is|has\ been)\ (paused|suspended)""",
        "connections",
        later(
            "The plan's allowance is used up, or the project is paused: see the provider's"
            " console. STORE_PROFILE=economy lets a database sleep."
        ),
    ),
    _refusal(
        r"statement\ pooling\ mode",
        "pooler",
        later(
            "The pooler gives each statement another session, so that nothing can be done"
            " together: set its pool_mode to transaction or session, for this database"
            " alone if need be."
        ),
    ),
    _refusal(
        r"server\ closed\ the\ connection\ unexpectedly",
        "connections",
        later(
            "The server, or a pooler before it, hung up: its log says why. A pooler does so"
            " where a client waited too long for a free session (query_wait_timeout): raise"
            " its pool size, or end who holds them."
        ),
    ),
    _refusal(
        r"""max\ client(s)?\ (connections\ )?reached | EMAXCONN | MaxClientsInSession
        | no\ more\ connections\ allowed""",
        "connections",
        later(
            "The pooler's places are taken: use its transaction mode (Supabase: port 6543),"
            " end idle clients, or raise its pool size."
        ),
    ),
    _refusal(
        r"circuit\ breaker\ open | too\ many\ authentication\ (errors|failures)",
        "login",
        later(
            "The pooler lets nobody in for a while after wrong passwords: correct the"
            " password, then wait some minutes."
        ),
    ),
    _refusal(
        r"network\ is\ unreachable",
        "network",
        later(
            "This host has no way there, as a rule since the name has IPv6 addresses alone:"
            " use the provider's pooler, which has IPv4 (Supabase: *.pooler.supabase.com),"
            " or get IPv6."
        ),
    ),
    _refusal(
        r"permission\ denied\ for\ database",
        "grants",
        later("As the database's owner: GRANT CONNECT ON DATABASE ... TO the role."),
    ),
    _refusal(
        r"permission\ denied\ for\ schema",
        "grants",
        later("As the schema's owner: GRANT USAGE, CREATE ON SCHEMA ... TO the role."),
    ),
    _refusal(
        r"not\ permitted\ to\ log\ in",
        "login",
        later("ALTER ROLE ... LOGIN, or connect as a role that may."),
    ),
    _refusal(
        r"not\ currently\ accepting\ connections",
        "login",
        later(
            "Somebody closed this database: ALTER DATABASE ... ALLOW_CONNECTIONS true."
        ),
    ),
    _refusal(
        r"too\ many\ connections\ for\ (role|database)",
        "connections",
        later(
            "Its own limit is reached: end its idle clients, or raise it by ALTER ROLE or"
            " ALTER DATABASE ... CONNECTION LIMIT."
        ),
    ),
    _refusal(
        r"permission\ denied\ for",
        "grants",
        later(
            "The role lacks rights: as the tables' owner GRANT SELECT, INSERT, UPDATE, DELETE"
            " ON ALL TABLES IN SCHEMA public TO it."
        ),
    ),
    _refusal(
        r"""no\ (pg_hba\.conf\ )?entry .* (no\ encryption|SSL\ off)
        | connection\ is\ insecure | SSL\ (connection\ )?is\ required
        | sslmode=require""",
        "tls",
        later(
            "The host demands TLS: set POSTGRES_SSL_MODE=require and take"
            " sslmode=disable out of the URL. Where it has none, pg_hba.conf, or the"
            " provider's list of allowed addresses, does not let this host or user in."
        ),
    ),
    _refusal(
        r"does\ not\ support\ SSL",
        "tls",
        later(
            "The host has no TLS: let it have a certificate, or, on a network that you"
            " trust, set POSTGRES_SSL_MODE=disable."
        ),
    ),
    _refusal(
        r"""private\ key | client\ certificate | (?<!root\ )certificate\ file
        | certificate\ authentication\ failed
        | alert\ (unknown\ ca|(bad\ |unsupported\ )?certificate)""",
        "tls",
        later(
            "The server asks for a certificate of this host: sslcert and sslkey in the URL"
            " name its files, the key readable by this program's user alone (chmod 600) and"
            " opened by sslpassword. It has to be of that role (its common name), from an"
            " authority that the server knows, and not expired."
        ),
    ),
    _refusal(
        r"certificate\ (has\ expired|is\ not\ yet\ valid) | CRL\ (has\ expired|is\ not)",
        "tls",
        later(
            "By this host's clock the time of the server's certificate is over, or has not"
            " come: set the clock right, or have the certificate renewed by who runs the"
            " server. Until then it is an outage, and there is nothing to set."
        ),
    ),
    _refusal(
        r"server\ certificate\ for",
        "tls",
        later(
            "The server's certificate is for another name: connect by a name that it has,"
            " with hostaddr in the URL where that leads elsewhere. POSTGRES_SSL_MODE=verify-ca"
            " with the authority's file in POSTGRES_SSL_ROOT_CERT compares no names."
        ),
    ),
    _refusal(
        r"certificate\ verify\ failed | root\ certificate",
        "tls",
        later(
            "The server's certificate is not the one expected: set POSTGRES_SSL_ROOT_CERT"
            " to its authority's file, or to system for a public one."
        ),
    ),
    _refusal(
        r"unsupported\ startup\ parameter",
        "pooler",
        later(
            "The pooler refuses `options`: take them out of the URL and unset PGOPTIONS;"
            " ALTER ROLE ... SET does the same."
        ),
    ),
    _refusal(
        r"""password\ authentication\ failed | no\ password\ supplied
        | SASL\ authentication | authentication\ failed""",
        "login",
        later(
            "User or password is wrong, was changed, or its time is over (ALTER ROLE ..."
            " VALID UNTIL); in a URL, characters such as @ : / # % in the password are"
            " written as %40 %3A %2F %23 %25."
        ),
    ),
    _refusal(
        r"(database|role)\ \"[^\"]*\"\ does\ not\ exist | no\ such\ (database|user)",
        "login",
        later("Create it (CREATE ROLE, CREATE DATABASE), or correct the URL."),
    ),
    _refusal(
        r"(column|relation)\ \S+\ does\ not\ exist | operator\ does\ not\ exist",
        "schema",
        later(
            "Somebody changed the tables: `switchbot-store migrate` makes anew what is"
            " missing; what was in a dropped column is only in a backup."
        ),
    ),
    _refusal(
        r"invalid\ byte\ sequence\ for\ encoding",
        "encoding",
        later(
            "The database checks no texts (SQL_ASCII), and somebody wrote one that is no"
            " UTF-8: correct that row, and move to a database made with ENCODING 'UTF8'."
        ),
    ),
    _refusal(
        r"no\ pg_hba\.conf\ entry | not\ allowed\ to\ connect",
        "login",
        later(
            "The server lets this host or user not in: add it to pg_hba.conf or to the"
            " provider's list of allowed addresses."
        ),
    ),
    _refusal(
        r"could\ not\ translate\ host | failed\ to\ resolve | Name\ or\ service"
        r" | nodename\ nor\ servname | \[Errno\ -[2-5]\]",
        "network",
        later(
            "The host's name leads nowhere: check it, and the DNS of this host. Inside"
            " compose set RUNNING_IN_DOCKER."
        ),
    ),
    _refusal(
        # Not the server's own word of a file that it lacks.
        r"failed:\ (connection\ refused | no\ such\ file\ or\ directory)",
        "network",
        later(
            "Nobody listens there: start PostgreSQL, or correct host and port. Inside"
            " compose set RUNNING_IN_DOCKER."
        ),
    ),
    _refusal(
        r"too\ many\ (clients|connections) | remaining\ connection\ slots",
        "connections",
        later(
            "Every connection is taken: end idle clients, raise max_connections, or put a"
            " pooler in front."
        ),
    ),
    _refusal(
        r"time(d)?\ ?out | did\ not\ answer\ in\ time | no\ connection\ to\ PostgreSQL\ in\ time",
        "network",
        later(
            "Nothing answers: a firewall, a wrong address, a server that sleeps deeply, or"
            " a pooler that waits for its server."
        ),
    ),
)

_SERVER_ANSWERED: Final = re.compile(r"\b(FATAL|ERROR) ?:")
_UNREACHABLE: Final = later("Check that the database is reachable.")
_ANSWERED: Final = later(
    "The server is there and lets nobody in as it is: put right there what the message says,"
    " or ask who runs it; its log says more."
)


def diagnosis(message: str, otherwise: str | None = None) -> SetupFinding:
    """Return what a message says, with the first advice that fits, else `otherwise`.

    Without that, what is to be done about a connection.
    """
    for refusal in _REFUSALS:
        if refusal.pattern.search(message):
            return SetupFinding(refusal.check, "problem", message, _(refusal.advice))
    advice = otherwise or (
        _ANSWERED if _SERVER_ANSWERED.search(message) else _UNREACHABLE
    )
    return SetupFinding("connection", "problem", message, _(advice))
