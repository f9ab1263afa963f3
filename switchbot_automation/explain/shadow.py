"""Other settings beside the live ones: decided on the same facts, never commanded. Pure.

What they would have done differently is recorded with the decision that stood.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.step import judged_anew

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.core.home import Judged
    from switchbot_automation.model import Action, ZoneDecision, ZoneVerdict

_LOGGER = logging.getLogger(__name__)


def shadows_of(judged: Judged) -> Mapping[str, Mapping[str, Any]]:
    """Return by zone what the shadow settings would have sent, where that differs."""
    shadow = judged.settings.shadow
    if shadow is None:
        return {}
    try:
        other = judged_anew(judged.snapshot, shadow, judged.at)
    except Exception:  # a candidate must never harm what stands
        _LOGGER.exception("the shadow settings cannot be decided with")
        return {}
    live = {
        decided.zone: _sent(decided, gated)
        for decided, gated in zip(
            judged.decision.zones, judged.verdict.zones, strict=True
        )
    }
    return {
        decided.zone: {
            "outcome": str(gated.outcome),
            "action": str(decided.action) if gated.allowed and decided.action else None,
            "because": [str(reason.code) for reason in decided.reasons],
        }
        for decided, gated in zip(
            other.decision.zones, other.verdict.zones, strict=True
        )
        if _sent(decided, gated) != live[decided.zone]
    }


def _sent(
    decided: ZoneDecision, gated: ZoneVerdict
) -> tuple[Action | None, float | None]:
    return (decided.action, decided.setpoint) if gated.allowed else (None, None)
