"""Rules: a person's own "when this, if that, do those", beside the zones' control.

Small on purpose, and in Home Assistant's words. `schema` reads them from the settings,
`evaluate` says purely what is due, `runner` carries it out as a step of the tick.
Whatever is not here is a plug-in, see `switchbot_automation.plugins`.

A rule has an `id`, `triggers`, `conditions` (all have to hold), `actions`, and optionally
`mode` (``single``, ``restart``, ``queued``), `max` (runs of a queue), `enabled`,
`dry_run`, `alias`. A list of one may be written without the list.

================= ====================================================================
trigger           keys
================= ====================================================================
``state``         a subject, `from`, `to` (one value or several), `for`
``numeric_state`` a subject, `above`, `below`, `for`
``time``          `at` (one or several), `days`
``cron``          `cron`: minute hour day month weekday
``window``        `zone`, `event`: ``start`` or ``end``
``webhook``       `device`, `values` by field, `event_type`
================= ====================================================================

================= ====================================================================
condition         keys
================= ====================================================================
``and or not``    `conditions`; ``not``: none of them holds
``state``         a subject, `state` (one value or several)
``numeric_state`` a subject, `above`, `below`
``time``          `after`, `before`, `days`
``window``        `zone`, `inside` (default true)
================= ====================================================================

================= ====================================================================
action            keys
================= ====================================================================
``command``       `zone`, `command` (``on off fan winter summer``), `hold`; or
                  `device`, `command`, `parameter`, `command_type`
``scene``         `scene`: its name or id
``webhook``       `url` (https, public unless `allowed_hosts` names it)
``hold``          `zone`, `for`: a duration, ``until_next_change permanent none``
``delay``         `for`
``notify``        `message`, `title`; `notifier` and its keys for a plug-in's
================= ====================================================================

A subject is a `zone` and one of `model.ZONE_ATTRIBUTES` as `attribute`, or a `device` by
name or id and the field of its status. A duration is ``{"minutes": 5}`` or
``"00:05:00"``. Days are 0 Monday to 6 Sunday, or ``mon`` to ``sun``. The clock is that of
the default zone. In a message, ``$value``, ``$rule`` and the other words of the trigger's
trace are filled in.

What comes of a trigger is the `outcome` of its trace: ``finished``; ``failed`` in a step;
``conditions_not_met`` or ``conditions_unknown``; ``already_running``, ``queue_full`` or
``restarted`` by the mode; ``rule_changed`` while it ran; ``broken``: a plug-in raised.
"""
