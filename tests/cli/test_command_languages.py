"""The command line in a person's language; what programs read stays as it is."""

import asyncio
import json

import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings


@pytest.fixture
async def cloud():
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield cloud


@pytest.fixture
def run(invoke, cloud, tmp_path):
    """Run a command on another thread, in a language: exit code, stdout, stderr."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "settings.json").write_text(json.dumps(default_settings("winter")))

    async def run(*arguments, **language):
        env = {
            "SWITCHBOT_TOKEN": cloud.token,
            "SWITCHBOT_SECRET": cloud.secret,
            "SWITCHBOT_BASE_URL": cloud.base_url,
            "STORE_DIRECTORY": str(config),
            "SWITCHBOT_LANGUAGE": None,
            **language,
        }
        ended = await asyncio.to_thread(invoke, *arguments, env=env)
        return ended.exit_code, ended.stdout, ended.stderr

    return run


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "fr_FR.UTF-8",
            "mer. 14/01/2026 06:30:00 (Europe/Paris)\ndefault\u00a0: chauff",
        ),
        ("ja_JP.UTF-8", "2026/01/14(水) 06:30:00 (Europe/Paris)\ndefault: 暖房を開始"),
        ("de_DE.UTF-8", "Mi, 14.01.2026 06:30:00 (Europe/Paris)\ndefault: Heizung ein"),
        ("es_ES.UTF-8", "Wed 2026-01-14 06:30:00 (Europe/Paris)\ndefault: winter_on"),
    ],
)
def test_why_is_told_in_the_language_of_the_terminal(invoke, home, language, told):
    env = {
        "STORE_DIRECTORY": str(home.directory),
        "LC_ALL": language,
        "SWITCHBOT_LANGUAGE": None,
    }
    result = invoke("explain", "--at", "2026-01-14T06:31", env=env)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(told)


@pytest.mark.parametrize("arguments", [["--at", "2026-01-14T06:31", "--json"]])
def test_json_is_the_same_in_every_language(invoke, home, arguments):
    told = {
        invoke(
            "explain",
            *arguments,
            env={"STORE_DIRECTORY": str(home.directory), "SWITCHBOT_LANGUAGE": each},
        ).stdout
        for each in ("en", "fr", "ja", "de")
    }
    assert len(told) == 1
    assert json.loads(told.pop())["text"].startswith("default: winter_on, because")


def test_a_command_leaves_no_language_behind(invoke, home):
    for language, word in (("de", "denn"), ("en", "because")):
        env = {
            "STORE_DIRECTORY": str(home.directory),
            "SWITCHBOT_LANGUAGE": language,
        }
        result = invoke("explain", "--at", "2026-01-14T06:31", env=env)
        assert f"{word} " in result.stdout


async def test_a_tick_and_the_rooms_are_told_in_words(run):
    code, out, err = await run("once", SWITCHBOT_LANGUAGE="de")
    assert code == 0, err
    assert "default: " in out
    assert "die nächste Prüfung ist um" in out
    code, out, _ = await run("status", SWITCHBOT_LANGUAGE="de")
    assert code == 0
    for word in ("Räume", "Klimaanlage", "vermutlich", "Geräte"):
        assert word in out
    for english in ("Rooms", "assumed", "sent", "never"):
        assert english not in out
    in_english = json.loads((await run("status", "--json"))[1])["rooms"]
    in_german = json.loads((await run("status", "--json", SWITCHBOT_LANGUAGE="de"))[1])
    assert in_german["rooms"] == in_english


async def test_mistakes_are_told_in_words(run):
    code, _, err = await run("status", "no such lamp", SWITCHBOT_LANGUAGE="fr")
    assert code == 2
    assert "aucun appareil 'no such lamp' dans le compte" in err


async def test_the_set_up_is_asked_for_and_told_in_the_language_of_the_env_file(
    start, cloud, tmp_path
):
    (tmp_path / ".env").write_text(
        f"SWITCHBOT_LANGUAGE=ja\nSWITCHBOT_TOKEN={cloud.token}\n"
        f"SWITCHBOT_SECRET={cloud.secret}\nSWITCHBOT_BASE_URL={cloud.base_url}\n"
    )
    running = await start("init", stdin=asyncio.subprocess.PIPE)
    running.process.stdin.write(b"y\nwinter\n20-22\n06:30-23:00\n")
    running.process.stdin.close()
    code, out, err = await running.ended()
    assert code == 0, err
    for words in ("アカウントが応答しました", "測定", "今は次のようになります"):
        assert words in out
    assert "The account" not in out
    running = await start("doctor")
    code, out, err = await running.ended()
    assert "見つかり" in out
    assert "使えます。部屋: default" in out
    assert "(and not" not in out
    running = await start("doctor", "--json")
    code, out, err = await running.ended()
    levels = {each["level"] for each in json.loads(out)["findings"]}
    assert levels <= {"ok", "warning", "problem"}
    assert "they can be used; rooms: default" in out


def test_settings_are_found_by_words_of_either_language(invoke):
    german = {"SWITCHBOT_LANGUAGE": "de"}
    for word in ("hysterese", "hysteresis"):
        result = invoke("settings", word, env=german)
        assert result.exit_code == 0
        assert "Das Heizen beginnt" in " ".join(result.stdout.split())
    pages = {
        invoke("settings", "--markdown", env={"SWITCHBOT_LANGUAGE": each}).stdout
        for each in ("en", "ja")
    }
    assert len(pages) == 1
