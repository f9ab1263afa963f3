"""Sessions: `nox` runs lint, typing and tests; `nox -l` lists the others."""

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "typing", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str, extras: str = "all") -> None:
    session.install(
        "-e", f".[{extras}]", *nox.project.dependency_groups(PROJECT, *groups)
    )


@nox.session
def lint(session: nox.Session) -> None:
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    install(session, "typing")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    install(session, "test")
    session.run("pytest", "-m", "not slow", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    install(session, "test")
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    install(session, "test", "examples")
    session.run("pytest", "examples", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    session.install("build")
    session.run("python", "-m", "build")
