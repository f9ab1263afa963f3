"""The parser may die of a statement: this process goes on, and so does the next question."""

import os
import signal
import threading

import pytest

from switchbot_store.languages import error_words, speaking
from switchbot_store.ops import RefusedSqlError
from switchbot_store.ops.statements import parsing
from switchbot_store.ops.statements.parsing import judged, judged_index


@pytest.fixture
def parser():
    """The process that parses, running."""
    judged("SELECT 1")
    return parsing._PARSER._process


def test_it_is_a_process_of_its_own_and_is_kept(parser):
    assert parser.pid != os.getpid()
    judged("SELECT 2")
    assert parsing._PARSER._process is parser


def test_one_that_dies_between_two_statements_is_replaced(parser):
    parser.kill()
    parser.wait()
    assert judged("SELECT 3").text == "SELECT 3"


def test_a_statement_that_kills_it_is_refused_and_the_next_one_answered(parser):
    os.kill(parser.pid, signal.SIGSTOP)
    threading.Timer(0.1, parser.kill).start()
    with pytest.raises(RefusedSqlError, match="did not outlive"):
        judged("SELECT 4")
    assert judged("SELECT 5").text == "SELECT 5"


def test_one_that_takes_too_long_is_ended(parser, monkeypatch):
    monkeypatch.setattr(parsing, "MAX_SECONDS", 0.1)
    os.kill(parser.pid, signal.SIGSTOP)
    with pytest.raises(RefusedSqlError, match="did not outlive"):
        judged("SELECT 6")
    assert parser.poll() is not None


def test_the_time_until_it_is_there_is_not_the_statement_s(monkeypatch):
    parsing._PARSER.close()
    waited, received = [], parsing._received

    def noted(stream, seconds):
        waited.append(seconds)
        return received(stream, seconds)

    monkeypatch.setattr(parsing, "_received", noted)
    assert judged("SELECT 9").text == "SELECT 9"
    assert judged("SELECT 10").text == "SELECT 10"
    assert waited == [parsing.START_SECONDS, parsing.MAX_SECONDS, parsing.MAX_SECONDS]


def test_one_that_cannot_be_started_is_said_to_be_so(monkeypatch):
    parsing._PARSER.close()
    with monkeypatch.context() as patched:
        patched.setattr(parsing, "_PROGRAM", "raise SystemExit(1)")
        with pytest.raises(RefusedSqlError, match="could not be started"):
            judged("SELECT 11")
    assert judged("SELECT 12").text == "SELECT 12"


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE t",
        "SELECT 1; SELECT 2",
        "SELECT pg_read_file('x')",
        "SELECT FROM FROM",
    ],
)
@pytest.mark.parametrize("language", ["de", "fr", "ja"])
def test_what_it_refuses_is_told_in_the_language_of_who_asks(language, statement):
    with pytest.raises(RefusedSqlError) as refused:
        judged(statement)
    english = str(refused.value)
    with speaking(language):
        told = error_words(refused.value)
    assert told != english
    assert "{" not in told
    assert error_words(refused.value) == english


def test_many_threads_get_each_its_own_answer():
    found = {}

    def ask(number):
        found[number] = judged(f"SELECT {number}").text

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: f"SELECT {n}" for n in range(8)}


def test_after_a_fork_the_child_starts_its_own(parser):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            judged("SELECT 7")
            other = parsing._PARSER._process
            os.write(writing, b"own" if other.pid != parser.pid else b"same")
            other.kill()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert stream.read() == b"own"
    os.waitpid(child, 0)
    assert judged("SELECT 8").text == "SELECT 8"
    assert parsing._PARSER._process is parser


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE INDEX ON t (pg_sleep(1))",
        "CREATE INDEX ON t (n) WHERE pg_read_file('x') IS NULL",
        "CREATE INDEX ON t (n odd)",
        "CREATE INDEX ON t (n public.int4_ops)",
        "DROP TABLE t",
        "CREATE INDEX ON t (n); DROP TABLE t",
        "SELECT 1",
    ],
)
def test_an_index_that_could_do_more_is_not_supposed(definition):
    with pytest.raises(RefusedSqlError):
        judged_index(definition)


def test_a_plain_index_is_one():
    parts = judged_index(
        'CREATE INDEX CONCURRENTLY ON s."T" (lower(a), b DESC) WHERE b > 1'
    )
    assert parts.relations == {("s", "T")}
    assert "lower" in parts.functions
