"""The settings of what tells a person: rules' notices, and those about the rooms."""

from __future__ import annotations

from switchbot_automation.settings.spec import Kind, SettingSpec

NOTIFIERS = ("webhook", "ntfy", "home_assistant")
"""The kinds. A webhook is posted `title` and `message` as JSON; ntfy publishes to the
topic in its URL; Home Assistant calls a service."""

_LONGEST_URL = 2000
_LONGEST_TOKEN = 500

NOTIFY: tuple[SettingSpec, ...] = (
    SettingSpec(
        "notifiers",
        Kind.NOTIFIERS,
        "Who is told, by a name of one's own: every notice of a rule, and of a room that"
        " is not kept, goes to each. Sent by `run`, `once` and hosts, never by a simulation.",
        bounds=(1, 40),
        unit="characters a name",
        per_zone=False,
    ),
    SettingSpec(
        "notifiers{}.type",
        Kind.CHOICE,
        "Takes a notice as JSON with `title` and `message`, as a topic of ntfy, or as a"
        " service of Home Assistant.",
        choices=NOTIFIERS,
        required=True,
        per_zone=False,
    ),
    SettingSpec(
        "notifiers{}.url",
        Kind.URL,
        "Where it goes, https and public unless `allowed_hosts` names the host: the"
        " webhook, `https://ntfy.sh/my-topic`, or Home Assistant's address. Secret,"
        ' or `{"secret": "NAME"}` for one that lies outside.',
        bounds=(1, _LONGEST_URL),
        unit="characters",
        required=True,
        per_zone=False,
    ),
    SettingSpec(
        "notifiers{}.token",
        Kind.PASSWORD,
        "Sent as `Authorization: Bearer`. Home Assistant needs one, a long-lived access"
        ' token. Secret, or `{"secret": "NAME"}`.',
        bounds=(1, _LONGEST_TOKEN),
        unit="characters",
        per_zone=False,
    ),
    SettingSpec(
        "notifiers{}.service",
        Kind.SERVICE,
        "Home Assistant's service. The default shows the notice on its page, which every"
        " installation has; `notify.mobile_app_...` goes to a phone.",
        default="persistent_notification.create",
        bounds=(3, 100),
        unit="characters",
        per_zone=False,
    ),
    SettingSpec(
        "notifiers{}.allowed_hosts",
        Kind.HOSTS,
        "Hosts that may be private and without TLS, as `homeassistant.local`.",
        default=(),
        bounds=(0, 20),
        unit="entries",
        per_zone=False,
    ),
)
