"""Rules: a person's own "when this, if that, do those", beside the zones' control.

Small on purpose, and in Home Assistant's words. `schema` reads them from the settings,
`evaluate` says purely what is due, `runner` carries it out as a step of the tick.
Whatever is not here is a plug-in, see `switchbot_automation.plugins`.

A rule has an `id`, `triggers`, `conditions` (all have to hold), `actions`, and optionally
`mode` (``single``, ``restart``, ``queued``, ``parallel``), `max` (runs of a queue, or side
by side), `enabled`, `dry_run`, `alias`, `min_interval`, `max_per_hour`. A list of one may be
written without the list. Triggers, conditions and steps may have an `alias`, and with
`enabled` false they are left out.

================= ====================================================================
trigger           keys; each may have an `id`
================= ====================================================================
``state``         a subject, `from`, `to`, `not_from`, `not_to` (one value or several;
                  null is any), `for`
``numeric_state`` a subject, `above`, `below`, `for`
``time``          `at` (one or several), `days` or `weekday`
``time_pattern``  `hours`, `minutes`: a number, ``"/5"`` or ``"*"``; `seconds`: a number
``sun``           `event`: ``sunrise`` or ``sunset``; `offset`
``cron``          `cron`: minute hour day month weekday
``window``        `zone`, `event`: ``start`` or ``end``
``webhook``       `device`, `values` by field, `event_type`
================= ====================================================================

================= ====================================================================
condition         keys
================= ====================================================================
``and or not``    `conditions`, or ``{"or": [...]}``; ``not``: none of them holds
``state``         a subject, `state` (one value or several), `for`: only watched time
                  counts
``numeric_state`` a subject, `above`, `below`
``time``          `after`, `before`, `days` or `weekday`
``sun``           `after`, `before`: ``sunrise`` or ``sunset``; `after_offset`,
                  `before_offset`
``window``        `zone`, `inside` (default true)
``trigger``       `id` of the trigger that began the run
================= ====================================================================

================= ====================================================================
action            keys; each may have `continue_on_error`
================= ====================================================================
``command``       `zone`, `command` (``on off fan winter summer``), `hold`; or with
                  `parameter`: ``set_preset_mode`` (a name, or ``none``),
                  ``set_temperature`` (the middle of the band, in Celsius);
                  ``skip_next_window``; ``quiet_fan`` for `hold`; or
                  `device`, `command`, `parameter`, `command_type`, `for_at_most` (off
                  after so long), `sensor_lost` (``off`` or ``keep``)
``scene``         `scene`: its name or id
``webhook``       `url` (https, public unless `allowed_hosts` names it)
``hold``          `zone`, `for`: a duration, ``until_next_change until_end_of_day
                  permanent none``
``delay``         `for`; or ``{"delay": "00:05:00"}``
``notify``        `message`, `title`: to the `notifiers` of the settings and the host's;
                  or `notifier` and its keys for a plug-in's
================= ====================================================================

==================== =================================================================
step around actions  keys
==================== =================================================================
a condition          the run is over unless it holds
``if``               conditions; `then`, `else`: steps
``choose``           options of `conditions` and `sequence`; `default`
``repeat``           `sequence`, and `count`, `while` or `until`: bounded, see `flow`
``wait_for_trigger`` triggers; `timeout`, `continue_on_timeout`
``sequence``         steps
``stop``             why; `error`: the run counts as failed
==================== =================================================================

What the catalogue does not have is refused; a trigger, condition, command or notice with
`unchecked` true is taken at its word.

`device` and `zone` may be lists: a trigger fires for any of them, a condition holds for
all (or `match` ``any``), an action is done for each.

A subject is a `zone` and one of `model.ZONE_ATTRIBUTES` as `attribute`, or a `device` by
name or id and the field of its status. A duration is ``{"minutes": 5}`` or
``"00:05:00"``. Days are 0 Monday to 6 Sunday, or ``mon`` to ``sun``. The clock is that of
the default zone. In a message, ``$value``, ``$rule`` and the other words of the trigger's
trace are filled in.

What comes of a trigger is the `outcome` of its trace: ``finished``; ``failed`` in a step;
``conditions_not_met`` or ``conditions_unknown``; ``already_running``, ``queue_full`` or
``restarted`` or ``max_exceeded`` by the mode; ``rule_changed`` while it ran; ``stopped`` by
a `stop`; ``timed_out`` in a wait; ``broken``: a plug-in raised.
"""
