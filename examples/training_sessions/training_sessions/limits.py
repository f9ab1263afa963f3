# How often somebody may guess: six characters are a thousand million codes, which is
# plenty only as long as nobody tries a thousand a second.
import ipaddress
from collections import OrderedDict
from collections.abc import Callable

from training_sessions.model import TooManyAttemptsError

_MOST_ADDRESSES = 10_000
_EVERYBODY = "everybody"
_EVERYBODYS_SHARE = 20  # addresses' worth of wrong guesses, however many addresses


class Attempts:
    # Each address has `per_minute` attempts, which come back evenly. A right guess is
    # given back, so that a class of thirty behind one address can join at once, but is
    # taken first, so that guesses made at once count as well.
    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self._monotonic = monotonic
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, address: str | None) -> None:
        who = _network(address)
        for name in (who, _EVERYBODY):
            over = self._now_spent(name) + 1 - self._allowed(name)
            if over > 0:
                raise TooManyAttemptsError(60 * over / self._allowed(name))
        self._add(who, 1)
        self._add(_EVERYBODY, 1)

    def give_back(self, address: str | None) -> None:
        self._add(_network(address), -1)
        self._add(_EVERYBODY, -1)

    def _allowed(self, name: str) -> int:
        return self.per_minute * (_EVERYBODYS_SHARE if name == _EVERYBODY else 1)

    def _now_spent(self, name: str) -> float:
        spent, since = self._spent.get(name, (0.0, 0.0))
        regained = (self._monotonic() - since) * self._allowed(name) / 60
        return max(0.0, spent - regained)

    def _add(self, name: str, count: int) -> None:
        spent = max(0.0, self._now_spent(name) + count)
        self._spent[name] = (spent, self._monotonic())
        self._spent.move_to_end(name)
        if len(self._spent) > _MOST_ADDRESSES:
            self._spent.popitem(last=False)


def _network(address: str | None) -> str:
    # Whoever has one IPv6 address has 2**64 of them.
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if known.version == 4:  # noqa: PLR2004 - its name
        return str(known)
    return str(ipaddress.ip_network((known, 64), strict=False))
