"""What shows what a unit does, besides what it was told, and what contradicts that. Pure.

A command that the cloud took is a word about the unit, not a look at it: a remote, a cut
in the mains, a burst of infrared that missed, all leave the word standing. So every word
is held against what can be seen, all the time: the watts of a plug, the unit's own
status, the room's course. The only writer of `evidence`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from switchbot_automation.core.state.misread import Misread
from switchbot_automation.core.state.unit import season_action
from switchbot_automation.core.state.zone import Doubt, Evidence, Warmth
from switchbot_automation.model import Action, Power, Reason, ReasonCode

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from switchbot_automation.core.control.resting import Resting
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings

Source: TypeAlias = Literal["told", "seen", "plug", "room", "guess"]

REPAIR_SPAN = timedelta(hours=6)
MOST_REPAIRS = 6
"""How often a unit is told again within `REPAIR_SPAN`, whatever contradicts it: people hear
every beep."""

RELAY_SPAN = timedelta(hours=1)
"""The same of a relay, which nobody hears, and whose room is cold without it: one that obeys
now and then is worth being told as often as it bears to switch."""

ROOM_STAYS, RADIATOR_WARM = "repeat_since_room_stays", "repeat_since_radiator_warm"
"""Labels of an OFF that is told again although its unit is believed to rest: a repair, too."""

SAMPLED = timedelta(minutes=5)
"""How far apart the temperatures of the room's course are at least."""

_DAY = timedelta(days=1)
# Until the room has shown how long it takes to follow its unit.
_RESPONDS_SECONDS = 2700.0
_RESPONDS_SOONEST, _RESPONDS_LATEST = 1800.0, 5400.0
# A room does not follow every start as fast as the last.
_RESPONDS_MARGIN, _RESPONDS_SLACK = 2.5, 600.0
# Where nothing is learned: the sun, a stove and people take a resting room so far.
_OVERRUN_KELVIN = 1.5
_OVERRUN_LASTS = timedelta(days=7)
# It does so at its hours: what the sun was seen to do shows nothing of a night.
_OVERRUN_HOURS = timedelta(hours=6)
_KEPT_SAMPLES = 24
# What is undone so often within so long is undone by something that goes on. A unit that thaws
# itself every forty minutes, for long, looks the same three times of four.
_UNDONE, _UNDONE_WITHIN = 4, timedelta(minutes=210)
# One stop that was not heard is one; that many in a row are a relay that is welded.
_DEFIED = 3
# A radiator cools within this, and is warm by so much; the sun and pipes do that as well.
_COOLS, _WARM_KELVIN, _WARM_FOR = timedelta(minutes=45), 1.0, timedelta(minutes=30)
# What measures this much less than it was set still holds back, for so long at least.
_THERE_KELVIN, _THERE_LASTS = 0.2, timedelta(minutes=45)
# By day it is more often the sun, which moves on; nor does any boiler heat in such air.
SUNNY_HOURS = range(8, 20)
"""In these the sun, and what it left in the walls, may warm a room."""
_WARM_BY_DAY, _WARM_OUTDOORS = timedelta(hours=4), 15.0
# One that lost so much of it cools, as heavy iron does for hours.
_COOLING = 0.8
# One that nobody looked at for so long may have cooled.
_WARM_LASTS = timedelta(hours=2)
_USUAL_AFTER, _USUAL_LASTS = timedelta(hours=1), timedelta(days=7)
# A plug, or a radiator's thermometer, that was not heard for so long says nothing of now.
_PLUG_LASTS = timedelta(minutes=45)
_LATELY = timedelta(minutes=20)
_PLUG_SECONDS, _PLUG_SECONDS_LATELY = 900.0, 300.0
# An order whose answer was lost is sent again after this, then after thrice as long each
# time: at once where it was bad luck, and six times in six hours where it is not. A family
# waits for its heat, so it is not longer than this.
_UNANSWERED, _UNANSWERED_FACTOR = timedelta(minutes=1), 3
_UNANSWERED_LONGEST = timedelta(hours=2)
_RELAY_AGAIN, _OBEYED_LATELY = timedelta(minutes=15), timedelta(days=1)
_RELAY_UNSEEN = timedelta(hours=2)
NONE = Evidence()


class UnitBelief(NamedTuple):
    """What a unit is believed to do, by what, since when, and what contradicts it.

    `source`: ``plug``, ``seen`` (its own status), ``room``, ``told`` or ``guess``. `since` is an
    aware UTC instant, None where nobody knows. `contradicted_by` is ``plug``, ``seen``
    or ``room``, None where nothing does.
    """

    power: Power
    source: Source
    since: datetime | None
    uncertain: bool
    contradicted_by: str | None


def is_seen_to_heat(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether something shows that a heater gives heat, whatever its room does.

    All that it draws by its plug is heat; so is what makes a radiator warm.
    """
    kept, told = state.evidence or NONE, state.last_action_at
    shown = [kept.hot_at]
    if zone.kind.cost == "relay" and kept.plug is Power.ON:
        shown.append(kept.plug_at)
    return any(
        at is not None and now - at < _PLUG_LASTS and (told is None or at > told)
        for at in shown
    )


def unit_belief(zone: ZoneSettings, state: ZoneState, now: datetime) -> UnitBelief:
    """Return what the zone's unit is believed to do at `now`, with its evidence.

    A plug that says nothing of late is no evidence any more: then the last word is what
    the unit was told, or nothing at all.
    """
    kept = state.evidence or NONE
    told_at, seen_at = state.last_action_at, state.last_aircon_poll_at
    doubt, check = kept.doubt, state.check
    uncertain = state.uncertain or state.power is Power.UNKNOWN or doubt is not None
    by = doubt.by if doubt else None
    gives_up = check is not None and check.given_up
    if gives_up or defies(kept):
        uncertain = True
        by = by or ("plug" if zone.power_meter_device_id else "seen")
    source: Source = "guess"
    since = None
    changed = (state.compressor_started_at, state.compressor_stopped_at, told_at)
    if state.power is not Power.UNKNOWN:
        source = "guess" if told_at is None else "told"
        since = max((at for at in changed if at is not None), default=None)
    plugged = kept.plug_at
    if (
        kept.plug is state.power is not Power.UNKNOWN
        and plugged is not None
        and now - plugged < _PLUG_LASTS
        and (told_at is None or plugged > told_at)
    ):
        source, since = "plug", kept.plug_since
    elif (
        seen_at is not None
        and state.power is not Power.UNKNOWN
        and (told_at is None or seen_at > told_at)
        and not zone.power_meter_device_id
    ):
        source = "seen"
    elif kept.room_at is not None and told_at is not None and kept.room_at >= told_at:
        source = "room"
    return UnitBelief(state.power, source, since, uncertain, by)


# --- what is seen ------------------------------------------------------------------------


def after_plug(
    state: ZoneState, says: Power | None, temperature: float | None, now: datetime
) -> ZoneState:
    """Return the state after the plug was asked; `says` is None where it did not answer.

    Between off and on, where a fan turns or a board idles, it says neither.
    """
    kept = state.evidence or NONE
    if says is None:
        return state._replace(evidence=kept._replace(plug_asked_at=now))
    misread = kept.misread
    if misread is not None:
        misread = misread.heard(says, now)
        says = Power.UNKNOWN if misread.stands(now) else says
    same = says is kept.plug and kept.plug_since is not None
    agreed = says is state.power is not Power.UNKNOWN
    return state._replace(
        evidence=kept._replace(
            plug=says,
            plug_since=kept.plug_since if same else now,
            plug_from=kept.plug_from if same else temperature,
            plug_at=now,
            plug_asked_at=now,
            misread=misread,
            agreed_at=now if agreed else kept.agreed_at,
            defied=0 if says is Power.OFF else kept.defied,
            defied_at=None if says is Power.OFF else kept.defied_at,
        )
    )


def after_stop(state: ZoneState, told: datetime, *, shown: bool) -> ZoneState:
    """Return the state after it was looked at whether the unit stopped when it was `told` to.

    A rest may be too short for a doubt; many of them in a row say the same. However often
    one stop is looked at, it is one.
    """
    kept = state.evidence or NONE
    if shown:
        return state._replace(evidence=kept._replace(defied=0, defied_at=None))
    if kept.defied_at == told:
        return state
    defied = kept.defied + 1
    return state._replace(evidence=kept._replace(defied=defied, defied_at=told))


def beside_radiator(state: ZoneState, celsius: float | None, at: datetime) -> ZoneState:
    """Return the state after a radiator's own thermometer was read.

    Its mode is a word; that it is warm while it is to heat, or for long after its valve was
    to close, is none.
    """
    kept, room = state.evidence or NONE, state.last_temperature
    if celsius is None or room is None or state.last_temperature_stale:
        return state
    if state.power is not Power.OFF:
        hot = state.compressor_running and celsius - room >= _WARM_KELVIN
        content_at = at if _is_there(state, celsius) else None
        cold = state.compressor_running and not hot and content_at is None
        cold_since = (kept.cold_since or at) if cold else None
        hot_at = at if hot else kept.hot_at
        kept = kept._replace(
            warmth=None, hot_at=hot_at, content_at=content_at, cold_since=cold_since
        )
        return (
            state if kept == (state.evidence or NONE) else state._replace(evidence=kept)
        )
    stopped = state.compressor_stopped_at or state.last_action_at
    known = kept.warmth
    if known is not None and at - known.seen_at > _WARM_LASTS:
        known = None
    # To be told to close once more is no new stop.
    if known is None and (stopped is None or at - stopped < _COOLS):
        return state
    kelvin, usual_at = round(celsius - room, 2), kept.usual_at
    lasts = usual_at is not None and at - usual_at <= _USUAL_LASTS
    if kelvin < _WARM_KELVIN + ((kept.usual or 0.0) if lasts else 0.0):
        return state if kept.warmth is None else _with_warmth(state, None)
    if known is None:
        return _with_warmth(state, Warmth(at, kelvin, at))
    if kelvin <= _COOLING * known.kelvin:
        first = known.first or known.since
        return _with_warmth(state, Warmth(at, kelvin, at, first))
    most = max(kelvin, known.kelvin)
    return _with_warmth(state, known._replace(kelvin=most, seen_at=at))


def _is_there(state: ZoneState, celsius: float) -> bool:
    """Tell whether what runs is by its own thermometer as warm as it was set."""
    asked = state.setting.temperature if state.setting is not None else None
    runs = state.compressor_running and not state.uncertain
    return runs and asked is not None and celsius >= asked - _THERE_KELVIN


def is_content(state: ZoneState, now: datetime) -> bool:
    """Tell whether a unit that runs holds back, since it is warm enough where it measures.

    The sun on it, or the pipe below it, may close a valve before its room is warm.
    """
    at, told = (state.evidence or NONE).content_at, state.last_action_at
    if at is None or not state.compressor_running or now - at > _THERE_LASTS:
        return False
    return told is None or at > told


def cold_for(state: ZoneState, now: datetime) -> timedelta | None:
    """Return how long a radiator has been cold that is to heat, None where it is not.

    One that was never seen to be warm may have a thermometer that does not show it.
    """
    kept, runs = state.evidence or NONE, runs_since(state)
    if kept.cold_since is None or kept.hot_at is None or runs is None:
        return None
    if not state.compressor_running or now - kept.hot_at > _USUAL_LASTS:
        return None
    return now - max(kept.cold_since, runs)


def _with_warmth(state: ZoneState, warmth: Warmth | None) -> ZoneState:
    kept = state.evidence or NONE
    return state._replace(evidence=kept._replace(warmth=warmth))


def is_told_warm(state: ZoneState, now: datetime) -> bool:
    """Tell whether a radiator was told to close once more: not since it heated, nor lately.

    One at the limit is warm and is not, by turns, and would be told each time.
    """
    at, started = (state.evidence or NONE).warm_told_at, state.compressor_started_at
    if at is None:
        return False
    return now - at < REPAIR_SPAN or started is None or started <= at


def warm_again(state: ZoneState, now: datetime) -> ZoneState:
    """Return the state once a radiator that stays warm was told to close once more."""
    kept = state.evidence or NONE
    return state._replace(evidence=kept._replace(warm_told_at=now))


def warm_for_nothing(state: ZoneState, now: datetime) -> ZoneState:
    """Return the state once a room cooled into its band beside a radiator that seemed warm.

    So it is the sun or a pipe that its thermometer feels.
    """
    kept = state.evidence or NONE
    warmth = kept.warmth
    if warmth is None or now - warmth.since < _USUAL_AFTER:
        return state
    return state._replace(
        evidence=kept._replace(warmth=None, usual=warmth.kelvin, usual_at=now)
    )


def hindered(state: ZoneState, why: ReasonCode | None) -> ZoneState:
    """Return the state after the unit said what keeps it from its work; None: nothing."""
    kept = state.evidence or NONE
    if kept.hindered is why:
        return state
    return state._replace(evidence=kept._replace(hindered=why))


def idled(state: ZoneState, at: datetime) -> ZoneState:
    """Return the state after a heater that was to heat its room stopped by itself."""
    kept = state.evidence or NONE
    return state._replace(evidence=kept._replace(idled_at=at))


def after_sample(state: ZoneState, temperature: float, at: datetime) -> ZoneState:
    """Return the state with a temperature of the room's course, where one is due."""
    kept = state.evidence or NONE
    seconds, last = at.timestamp(), kept.course[-1:]
    if last and seconds - last[0][0] < SAMPLED.total_seconds():
        return state
    course = (*kept.course, (seconds, temperature))[-_KEPT_SAMPLES:]
    return state._replace(evidence=kept._replace(course=course))


def went_back(state: ZoneState, at: datetime | None) -> ZoneState:
    """Return the state once its room was seen to go back while the unit rests.

    None: it goes on since then, as if somebody had turned the unit on.
    """
    kept = state.evidence or NONE
    return state._replace(evidence=kept._replace(rested_at=at))


def has_rested(state: ZoneState) -> bool:
    """Tell whether the room was seen to go back since the unit worked last."""
    at, started = (state.evidence or NONE).rested_at, state.compressor_started_at
    return at is not None and (started is None or at > started)


def after_rest(state: ZoneState, resting: Resting | None) -> ZoneState:
    """Return the state with what its room shows while the unit rests."""
    kept = state.evidence or NONE
    if resting is kept.resting:
        return state
    return state._replace(evidence=kept._replace(resting=resting))


def plug_interval(zone: ZoneSettings, state: ZoneState, now: datetime) -> float | None:
    """Return in how many seconds from its last asking the plug is asked, None: never.

    Four times an hour, and faster after something changed.
    """
    if not zone.power_meter_device_id or not zone.automation_enabled:
        return None
    kept = state.evidence or NONE
    changes = (state.last_action_at, kept.plug_since, kept.unanswered_at)
    if any(at is not None and now - at < _LATELY for at in changes):
        return _PLUG_SECONDS_LATELY
    return _PLUG_SECONDS


def found_running(state: ZoneState, wish: str | None) -> ZoneState:
    """Return the state of a unit that runs untold: what is wished now is no change."""
    kept = state.evidence or NONE
    return state._replace(evidence=kept._replace(wish=wish, held=None))


def agreed(state: ZoneState, at: datetime) -> ZoneState:
    """Return the state after plug or status showed the unit at what it was told.

    That it works does not show that it heats: what the room contradicts it still does.
    """
    kept = state.evidence or NONE
    doubt = kept.doubt if kept.doubt and kept.doubt.by == "room" else None
    return state._replace(evidence=kept._replace(doubt=doubt, agreed_at=at))


# --- what contradicts it -----------------------------------------------------------------


def doubted(
    state: ZoneState, by: str, action: Action, now: datetime, *, told: bool = False
) -> ZoneState:
    """Return the state once something contradicts that the unit does as it was told.

    `told`: notice of it was given.
    """
    kept = state.evidence or NONE
    doubt = kept.doubt or Doubt(by, now, action)
    doubt = doubt._replace(told=doubt.told or told)
    if doubt == kept.doubt:
        return state
    # A plug that was not believed for its room is believed again where the room says so too.
    misread = None if by == "room" else kept.misread
    return state._replace(
        evidence=kept._replace(doubt=doubt, mending=None, misread=misread)
    )


def mending(state: ZoneState, now: datetime) -> ZoneState:
    """Return the state after it seemed to help that the unit was told again."""
    kept = state.evidence or NONE
    return state._replace(evidence=kept._replace(mending=now))


def mended(state: ZoneState) -> ZoneState:
    """Return the state once the room is back in its band after the unit was told again.

    One that a weak unit cannot warm comes and goes by itself.
    """
    kept = state.evidence or NONE
    at = kept.mending
    if at is None:
        return state
    lately = tuple(each for each in kept.mended if at - each < REPAIR_SPAN)
    return state._replace(
        evidence=kept._replace(mended=(*lately, at)[-MOST_REPAIRS:], mending=None)
    )


def undone_since(kept: Evidence, now: datetime) -> datetime | None:
    """Return since when something undoes what the unit is told, None where nothing does.

    To tell it again helped each time, and did not last: a hand at the remote, a timer of its own,
    another app, or a hub that it hardly hears.
    """
    doubt = kept.doubt if kept.doubt and kept.doubt.by == "room" else None
    times = [*kept.mended, *((doubt.since,) if doubt else ())][-_UNDONE:]
    if len(times) < _UNDONE or times[-1] - times[0] > _UNDONE_WITHIN:
        times = [*kept.mended[-_UNDONE:]]
        if len(times) < _UNDONE or times[-1] - times[0] > _UNDONE_WITHIN:
            return None
    lasts = doubt is not None or now - times[-1] < _UNDONE_WITHIN
    return times[0] if lasts else None


def defies(kept: Evidence) -> bool:
    """Tell whether the unit was seen to work on, stop after stop."""
    return kept.defied >= _DEFIED


def stays_warm(
    kept: Evidence, now: datetime, timezone: tzinfo, outdoors: float | None = None
) -> bool:
    """Tell whether a radiator has been warm for long though its valve was told to close.

    `timezone` is the home's, `outdoors` the temperature there in degrees Celsius, None where
    nobody knows it. What the sun or the air outdoors may do shows nothing of a valve, or
    only once it has lasted for longer than the sun shines into a room: also where it cools
    now and then, as with a boiler that comes and goes.
    """
    warmth = kept.warmth
    if warmth is None or now - warmth.seen_at > _WARM_LASTS:
        return False
    if outdoors is not None and outdoors >= _WARM_OUTDOORS:
        return False
    if now - warmth.since < _WARM_FOR:
        return False
    sunny = warmth.since.astimezone(timezone).hour in SUNNY_HOURS
    return not sunny or now - (warmth.first or warmth.since) >= _WARM_BY_DAY


def undoubted(state: ZoneState) -> ZoneState:
    """Return the state once nothing contradicts it any more."""
    kept = state.evidence
    if kept is None or kept.doubt is None:
        return state
    return state._replace(evidence=kept._replace(doubt=None))


def after_order(
    before: ZoneState,
    state: ZoneState,
    zone: ZoneSettings,
    at: datetime,
    *,
    wish: str | None,
    person: bool,
    again: bool,
) -> ZoneState:
    """Return the state after the unit took an order; its unit facet is as told already.

    `before` is the state before that, `wish` what the settings asked for. An order that
    repeats what is in doubt is a repair: it is counted, and the next one waits twice as
    long as this one. Another one, or a person's, ends the doubt. `again`: it was sent
    again because nothing showed it.
    """
    kept, action = state.evidence or NONE, state.action
    doubt = kept.doubt
    repeated = action is not None and repeats(before, action)
    if doubt is not None and (person or doubt.action is not action):
        again, doubt = again or not person, None
    elif doubt is not None:
        again, tries = True, doubt.tries + 1
        wait = responds_seconds(zone, kept) * 2.0 ** min(tries - 1, 8)
        doubt = doubt._replace(
            tries=tries,
            next_at=at + min(timedelta(seconds=wait), _longest_wait(zone, kept, at)),
        )
    repairs = _repairs(kept, at, counts=(again or repeated) and not person)
    kept, doubt = _turned(zone, state, kept._replace(doubt=doubt), at)
    runs = before.action is action and before.compressor_running
    return state._replace(
        evidence=kept._replace(
            doubt=doubt,
            repairs=repairs,
            wish=wish,
            said=action,
            unanswered=0,
            unanswered_at=None,
            asked=None,
            asked_since=None,
            best=None,
            changed_at=at if runs and again is False else kept.changed_at,
            runs_since=(
                kept.runs_since or before.compressor_started_at if runs else None
            ),
            held=_held(kept, state),
        )
    )


def _held(kept: Evidence, state: ZoneState) -> float | None:
    """Return the setpoint that the unit works at, or worked at before it was told to rest."""
    if not state.compressor_running:
        return kept.held
    return None if state.setting is None else state.setting.temperature


def _turned(
    zone: ZoneSettings, state: ZoneState, kept: Evidence, at: datetime
) -> tuple[Evidence, Doubt | None]:
    """Return the evidence after another order, and its doubt, by what the room showed."""
    action, known = state.action, kept.misread or Misread()
    several = zone.lead or len(zone.equipment) > 1
    if not zone.power_meter_device_id or several or zone.kind.own is not None:
        return kept, kept.doubt
    if action in (None, known.told):
        return kept, kept.doubt
    if action not in (Action.OFF, season_action(zone)):
        return kept._replace(misread=None), kept.doubt
    misread = known.turned(
        action,
        None if state.last_temperature_stale else state.last_temperature,
        at,
        settles=timedelta(seconds=zone.confirm_within_seconds),
        heats=season_action(zone) is Action.WINTER,
    )
    if misread.since is None or known.since is not None:
        return kept._replace(misread=misread), kept.doubt
    by_plug = kept.doubt is not None and kept.doubt.by == "plug"
    kept = kept._replace(misread=misread, plug=Power.UNKNOWN, defied=0)
    return kept, None if by_plug else kept.doubt


def after_no_answer(
    before: ZoneState,
    state: ZoneState,
    action: Action,
    at: datetime,
    *,
    person: bool,
    asked: str | None = None,
) -> ZoneState:
    """Return the state after an order that went out, and whose answer was lost.

    `asked` is its `setAll` parameter, None where it had none.

    The unit may have heard it and beeped. So the same order again is a repair like any
    other: it is counted, and the next one waits thrice as long as this one.
    """
    kept = state.evidence or NONE
    counts = repeats(before, action) and not person
    same = kept.said is action and kept.asked == asked
    return state._replace(
        evidence=kept._replace(
            repairs=_repairs(kept, at, counts=counts),
            unanswered=kept.unanswered + 1 if kept.said is action else 1,
            unanswered_at=at,
            asked=asked,
            asked_since=kept.asked_since if same and kept.asked_since else at,
            said=action,
        )
    )


def answered(state: ZoneState, at: datetime) -> ZoneState:
    """Return the state once the plug showed, at `at`, what no answer had said."""
    return agreed(heard_after_all(state), at)


def heard_after_all(state: ZoneState) -> ZoneState:
    """Return the state once something showed that the last order had arrived."""
    kept = state.evidence or NONE
    return state._replace(
        evidence=kept._replace(
            unanswered=0, unanswered_at=None, asked=None, asked_since=None
        )
    )


def answers_again(state: ZoneState) -> ZoneState:
    """Return the state once a cloud that was silent for long answers anything.

    That orders went unanswered was the silence then: the next one waits no longer for it
    than the first did. All of them stay counted among the repairs.
    """
    kept = state.evidence
    if kept is None or kept.unanswered <= 1:
        return state
    return state._replace(evidence=kept._replace(unanswered=1))


def repeats(state: ZoneState, action: Action) -> bool:
    """Tell whether an order says again what was said last, and is not known to have held.

    A unit that surely does it is set otherwise by it, or is sent its OFF repeats.
    """
    if (state.evidence or NONE).said is not action:
        return False
    if state.uncertain:
        return True
    if action is Action.OFF:
        return state.power is not Power.OFF
    return state.power is not Power.ON or state.action is not action


def _repairs(kept: Evidence, at: datetime, *, counts: bool) -> tuple[datetime, ...]:
    lately = tuple(each for each in kept.repairs if at - each < REPAIR_SPAN)
    return (*lately, at) if counts else lately


def runs_since(state: ZoneState) -> datetime | None:
    """Return from when on the compressor may have run without a stop, None if it rests.

    To tell it again what it does already, in doubt whether it does, is no stop. That it was
    told to stop more than once, and nothing answered, is: it would be kept from a start
    for as long as nothing answers.
    """
    if not state.compressor_running:
        return None
    kept = state.evidence or NONE
    if state.uncertain and kept.said is Action.OFF and kept.unanswered > 1:
        return None
    since, stopped = kept.runs_since, state.compressor_stopped_at
    if since is None or (stopped is not None and stopped > since):
        return state.compressor_started_at
    return since


def _longest_wait(zone: ZoneSettings, kept: Evidence, now: datetime) -> timedelta:
    """Return how long at most the next repair waits.

    A relay that obeyed within a day, since the room followed, obeys again; one that never
    did is worth ever fewer tries.
    """
    obeyed = kept.room_at is not None and now - kept.room_at < _OBEYED_LATELY
    if zone.kind.cost != "relay":
        return REPAIR_SPAN
    return _RELAY_AGAIN if obeyed else _RELAY_UNSEEN


def repair_span(zone: ZoneSettings) -> timedelta:
    """Return within how long a zone's unit is told again `MOST_REPAIRS` times at most."""
    return RELAY_SPAN if zone.kind.cost == "relay" else REPAIR_SPAN


def may_repair(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether one more repair is within what people bear."""
    return _bound(state.evidence or NONE, repair_span(zone), now) is None


def is_repair(label: str) -> bool:
    """Tell whether a command of this label is a repair, whatever its unit is believed to do."""
    return label in (ROOM_STAYS, RADIATOR_WARM)


def _bound(kept: Evidence, span: timedelta, now: datetime) -> datetime | None:
    """Return until when there were too many repairs for one more, None where there were not."""
    recent = [at for at in kept.repairs if now - at < span]
    return recent[-MOST_REPAIRS] + span if len(recent) >= MOST_REPAIRS else None


def repair_waits_until(
    state: ZoneState,
    action: Action,
    now: datetime,
    *,
    span: timedelta = REPAIR_SPAN,
    again: bool = False,
    emergency: bool = False,
) -> datetime | None:
    """Return until when an order has to wait since too many before it showed nothing.

    None: it may go, as what sets a unit otherwise that is not in question. `again`: the
    first attempts right after a command, which have their own pace. `span`: see
    `repair_span`. An `emergency` waits for the bound alone.
    """
    kept = state.evidence
    if kept is None:
        return None
    repeated = repeats(state, action)
    if kept.doubt is None and not (again or repeated):
        return None
    runs = state.compressor_running and not state.uncertain
    if runs and not again and action is state.action:
        return None
    bound = _bound(kept, span, now)
    waits = [] if bound is None else [bound]
    if repeated and kept.unanswered_at is not None:
        pause = _UNANSWERED * _UNANSWERED_FACTOR ** min(kept.unanswered - 1, 8)
        waits.append(kept.unanswered_at + min(pause, _UNANSWERED_LONGEST))
    doubt = kept.doubt
    if doubt is not None and doubt.next_at is not None:
        pressed = again or emergency or doubt.action is not action
        waits += () if pressed else (doubt.next_at,)
    return max((until for until in waits if until > now), default=None)


def contradiction(doubt: Doubt) -> Reason:
    """Return a doubt as a reason."""
    detail = {"by": doubt.by, "since": doubt.since.isoformat()}
    return Reason(ReasonCode.BELIEF_CONTRADICTED, detail)


# --- what is learned ---------------------------------------------------------------------


def responds_seconds(zone: ZoneSettings, kept: Evidence) -> float:
    """Return how long the room may take to follow its unit; 0.0: it is not asked."""
    if zone.thermal_response_seconds is not None:
        return float(zone.thermal_response_seconds)
    if kept.responds is None:
        return _RESPONDS_SECONDS
    wait = kept.responds * _RESPONDS_MARGIN + _RESPONDS_SLACK
    return max(_RESPONDS_SOONEST, min(_RESPONDS_LATEST, wait))


def followed(state: ZoneState, seconds: float | None, at: datetime) -> ZoneState:
    """Return the state after the room followed what the unit was told.

    `seconds`: how long after a start; None teaches nothing. The slowest of the last
    starts counts, and is forgotten slowly.
    """
    kept = state.evidence or NONE
    responds = kept.responds
    if seconds is not None:
        before = seconds if responds is None else responds
        responds = round(max(seconds, before + (seconds - before) / 8))
    return state._replace(evidence=kept._replace(responds=responds, room_at=at))


def came_as_far_as(state: ZoneState, temperature: float) -> ZoneState:
    """Return the state with how far the room came since the unit was told last."""
    kept = state.evidence or NONE
    return state._replace(evidence=kept._replace(best=temperature))


def has_followed(state: ZoneState) -> bool:
    """Tell whether the room was seen to follow since the unit was started."""
    at, since = (state.evidence or NONE).room_at, runs_since(state)
    return at is not None and since is not None and at >= since


def overrun_kelvin(kept: Evidence, now: datetime) -> float:
    """Return how far past its band a resting room goes by itself.

    While that is in question, what was learned of it counts for nothing.
    """
    at = kept.overrun_at
    if kept.overrun is None or at is None or kept.doubt is not None:
        return _OVERRUN_KELVIN
    apart = (now - at) % _DAY
    if now - at > _OVERRUN_LASTS or min(apart, _DAY - apart) > _OVERRUN_HOURS:
        return _OVERRUN_KELVIN
    return max(_OVERRUN_KELVIN, kept.overrun)


def overran(state: ZoneState, kelvin: float, now: datetime) -> ZoneState:
    """Return the state after OFF was told again, and it changed nothing: the sun did it."""
    return _with_overrun(state, kelvin, now)


def overruns(state: ZoneState, kelvin: float, now: datetime) -> ZoneState:
    """Return the state while its room goes on so, as it does until the sun is gone.

    What was learned at noon is less than the afternoon's, and the next day it was told
    OFF again for the rest.
    """
    kept = state.evidence or NONE
    doubt, at = kept.doubt, kept.overrun_at
    learns = doubt is not None and at is not None and at >= doubt.since
    if not learns or kelvin <= (kept.overrun or 0.0):
        return state
    return _with_overrun(state, kelvin, now)


def _with_overrun(state: ZoneState, kelvin: float, now: datetime) -> ZoneState:
    kept = state.evidence or NONE
    return state._replace(evidence=kept._replace(overrun=kelvin, overrun_at=now))
