"""Why: the one documented list of reasons that decisions and verdicts carry."""

from __future__ import annotations

from enum import StrEnum


class ReasonCode(StrEnum):
    """Why. Every decision and verdict carries at least one; the list only grows.

    >>> from switchbot_automation import ReasonCode
    >>> ReasonCode("outside_windows") is ReasonCode.OUTSIDE_WINDOWS
    True
    """

    # where in the week, and whether at all
    AUTOMATION_DISABLED = "automation_disabled"
    IN_WINDOW = "in_window"
    OUTSIDE_WINDOWS = "outside_windows"
    NO_WINDOWS = "no_windows"

    # what was laid over the settings
    PRESET = "preset"
    """The preset that the zone or its window names is in force."""
    NOBODY_THERE = "nobody_there"
    """A preset is in force because nothing has moved for a while."""
    WISHED = "wished"
    """A person wants other temperatures, or a preset, for a time."""
    OFFSET = "offset"
    """A number from elsewhere, as a price, moves the band."""
    WINDOW_MISSED = "window_missed"
    """A window had begun too long before anybody looked."""
    OPENING_OPEN = "opening_open"
    """A window or door is open, or was a moment ago: heating and cooling pause."""
    OPENING_SUSPECTED = "opening_suspected"
    """The room loses so fast that something has to be open."""
    OPENING_TOO_LONG = "opening_too_long"
    """Open for so long that it was forgotten or its sensor is dead: frost is kept off."""

    # what was read
    NO_METER = "no_meter"
    """No meter is configured."""
    NO_READING = "no_reading"
    """The meter was reached and gave no temperature."""
    METER_UNREACHABLE = "meter_unreachable"
    READING_TOO_OLD = "reading_too_old"
    """Nobody could renew the last reading for so long that it counts no more."""
    TEMPERATURE_NOT_A_NUMBER = "temperature_not_a_number"
    TEMPERATURE_IMPLAUSIBLE = "temperature_implausible"
    """No room is that warm or cold."""
    TEMPERATURE_JUMPED = "temperature_jumped"
    """No room changes that fast; a start waits until several readings agree."""
    ALL_ZEROS = "all_zeros"
    """Nothing but zeros, as the cloud answers for a device that no hub hears."""
    DEVICE_OFFLINE = "device_offline"
    """It says itself that it is offline: these are the last values the cloud had."""
    VALUE_IMPLAUSIBLE = "value_implausible"
    """A number that this device cannot measure."""
    SCALE_UNKNOWN = "scale_unknown"
    """An event in another scale than Celsius, before an answer told the unit of it."""
    METERS_DISAGREE = "meters_disagree"
    """Another meter of the room says something else, and is believed."""
    METER_DOUBTED = "meter_doubted"
    """One of the room's meters is left out, for the reason in `detail`."""

    # what safety said
    SENSOR_STALE_NO_NEW_START = "sensor_stale_no_new_start"
    SENSOR_STALE_CONSERVATIVE = "sensor_stale_conservative"
    SENSOR_STALE_OFF = "sensor_stale_off"
    SENSOR_FROZEN = "sensor_frozen"
    """The value stood still for hours while the unit ran."""
    SENSOR_RECOVERING = "sensor_recovering"
    """Back after it was given up, and not yet trusted with a start."""
    MAX_CONTINUOUS_ON = "max_continuous_on"
    QUOTA_RESERVE = "quota_reserve"
    """What is left of the day's calls is kept for commands; nothing recent is known."""

    # what the rule of the season said
    TEMP_BELOW_ON_THRESHOLD = "temp_below_on_threshold"
    TEMP_ABOVE_ON_THRESHOLD = "temp_above_on_threshold"
    TEMP_BELOW_OFF_THRESHOLD = "temp_below_off_threshold"
    TEMP_ABOVE_OFF_THRESHOLD = "temp_above_off_threshold"
    WITHIN_BAND = "within_band"
    PROFILE_MISSING = "profile_missing"
    THRESHOLDS_INVERTED = "thresholds_inverted"
    MODE_UNKNOWN = "mode_unknown"

    RULE = "rule"
    """A rule of one's own asked for it."""

    # what the controllers said
    OPTIMUM_START = "optimum_start"
    """Begun before the window so that the room is in its band when it opens."""
    OPTIMUM_START_WAITS = "optimum_start_waits"
    """Not yet: the room is brought up in less time than is left."""
    SETPOINT_STEERED = "setpoint_steered"
    SETPOINT_KEPT = "setpoint_kept"
    WISH_CHANGED = "wish_changed"
    """The setpoint, fan speed or mode wished is another than the unit was told."""
    WISH_CHANGE_WAITS = "wish_change_waits"
    """It was told something a moment ago; the change is sent a little later."""
    SETPOINT_SOFTENED = "setpoint_softened"
    """Less is asked for than the profile says, so that the room is not overrun."""
    ROOM_HOLDS_WITHOUT = "room_holds_without"
    """The room stays in its band with the unit off."""

    # why nothing, or something else, needs to be sent
    ALREADY_OFF = "already_off"
    DUPLICATE_SUPPRESSED = "duplicate_suppressed"
    OFF_REPEAT_PENDING = "off_repeat_pending"
    FAN_INSTEAD_OF_OFF = "fan_instead_of_off"
    FAN_IN_NEUTRAL_ZONE = "fan_in_neutral_zone"

    # what its group said
    GROUP_MODE_CONFLICT = "group_mode_conflict"
    """The outdoor unit that zones share is at the other season's work."""
    GROUP_CHANGEOVER = "group_changeover"
    GROUP_STAGGER = "group_stagger"
    GROUP_OTHERS_WAIT = "group_others_wait"
    """What a person asked for takes the shared outdoor unit from `zones`, `until` then."""
    GROUP_HOLD_ENDS = "group_hold_ends"
    """Others have waited long enough: a person's command has had its turn."""

    OBSERVE_ONLY = "observe_only"
    """The zone's settings want it decided and recorded, not sent."""
    HOLD_MANUAL = "hold_manual"
    """A person's command holds until the instant in `detail`."""

    # what the gate said
    NOTHING_TO_SEND = "nothing_to_send"
    GATE_OPEN = "gate_open"
    MIN_ON_REMAINING = "min_on_remaining"
    MIN_OFF_REMAINING = "min_off_remaining"
    START_CAP_HOUR = "start_cap_hour"
    """As many starts as may lie within any sixty minutes."""
    START_CAP_DAY = "start_cap_day"
    CHANGEOVER_REMAINING = "changeover_remaining"
    """Between heating and cooling the compressor has to rest longer."""
    HISTORY_UNKNOWN = "history_unknown"
    """Nobody knows when the compressor last stopped: it may have been just now."""
    QUIET_HOURS = "quiet_hours"
    """Hours in which the unit is to make no beep."""
    REPAIR_WAITS = "repair_waits"
    """It was told so again and nothing showed it: the next attempt comes later."""
    BELIEF_CONTRADICTED = "belief_contradicted"
    """Plug, room or the unit's own status contradict what it is believed to do."""
    EMERGENCY_OFF = "emergency_off"
    """Safety wants it off; the minimum on time does not keep it on."""
    REPEAT_AFTER_CRASH = "repeat_after_crash"
    """The very command whose fate is unknown; sending it again changes nothing."""

    # where a command came from
    OFF_REPEAT = "off_repeat"
    MANUAL = "manual"
    MANUAL_DEFERRED = "manual_deferred"
    """A person's command that had to wait for the equipment, now due."""

    UNIT_LEFT = "unit_left"
    """The settings no longer have this unit, which was believed to run."""

    # what became of a command
    CONFIRMED = "confirmed"
    """The unit's status, its plug or the room showed it."""
    VERIFY_FAILED_RESEND = "verify_failed_resend"
    DEVICE_UNRESPONSIVE = "device_unresponsive"
    """Sent again as often as allowed, and nothing shows that it was carried out."""
    NO_RUNG_CONFIGURED = "no_rung_configured"
    ALL_RUNGS_FAILED = "all_rungs_failed"
    DEVICE_NOT_FOUND = "device_not_found"
    """The cloud says for good that the account has no such device or scene."""
    COMMAND_REFUSED = "command_refused"
    """The device does not know this command, or the way to it is closed, for good."""
    VALUE_REFUSED = "value_refused"
    """The device knows the command, and refuses the value it was sent with."""
    READING_REFUSED = "reading_refused"
    """The cloud refuses to say what the device is like."""
    SETPOINT_CLAMPED = "setpoint_clamped"
    """No air conditioner takes the setpoint that is asked for; the nearest was sent."""
    LOST_RACE = "lost_race"
    """Another writer changed the state first; nothing was sent."""
    INTENT_IN_FLIGHT = "intent_in_flight"
    """Another engine recorded a command a moment ago and may be sending it."""
    NOT_LEASE_HOLDER = "not_lease_holder"
    """Another, newer engine commands on this state; this one only watches."""
    STORE_UNAVAILABLE = "store_unavailable"
    """The intent could not be recorded, so only OFF may be sent."""

    # whether the room is kept
    ROOM_OUT_OF_BAND = "room_out_of_band"
    """The room should be in its band and is not."""
    ROOM_BEYOND_REACH = "room_beyond_reach"
    """Past the end of the band that the season's work does not bring it back from."""
    ROOM_DOES_NOT_FOLLOW = "room_does_not_follow"
    """The unit is believed to run, and the room does not come nearer to its band."""
    UNIT_AT_CAPACITY = "unit_at_capacity"
    """The unit runs, and it is not enough for this weather and this room."""
    UNIT_KEPT_OFF = "unit_kept_off"
    """The room is out of its band for long, and the unit is believed to rest."""
    COMMANDS_FAIL = "commands_fail"
    """What is sent to the unit is refused, or gets no answer, again and again."""
    PAUSE_TOO_LONG = "pause_too_long"
    """Heating and cooling pause for so long that the pause is the fault."""
    BELIEF_UNCERTAIN = "belief_uncertain"
    """For long nobody knows whether the unit does as it was told."""

    # the settings document
    SETTINGS_INVALID = "settings_invalid"
    SETTINGS_UNAVAILABLE = "settings_unavailable"
