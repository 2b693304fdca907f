"""What clients may say on a WebSocket, and how often."""

from typing import Final

import msgspec

from tailboard.errors import InvalidFrame

MAX_MESSAGE: Final = 65_536


class Auth(msgspec.Struct, frozen=True, tag="auth", forbid_unknown_fields=True):
    token: str


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe", forbid_unknown_fields=True):
    filter: dict[str, object] = {}
    cursor: str | None = None


class Ping(msgspec.Struct, frozen=True, tag="ping", forbid_unknown_fields=True):
    pass


ClientMessage = Auth | Subscribe | Ping

_DECODER: Final[msgspec.json.Decoder[ClientMessage]] = msgspec.json.Decoder(ClientMessage)


def decode(text: str | None) -> ClientMessage:
    """Read one message. Raises InvalidFrame that says what is wrong with it."""
    if text is None:
        raise InvalidFrame("messages are text, not binary")
    if len(text) > MAX_MESSAGE:
        raise InvalidFrame(f"a message may have {MAX_MESSAGE} bytes at most")
    try:
        return _DECODER.decode(text)
    except msgspec.ValidationError as error:
        raise InvalidFrame(
            f"{error}; a message is an object with a type of auth, subscribe or ping"
        ) from error
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise InvalidFrame("the message is not valid JSON") from error


class Allowance:
    """A token bucket: `burst` at once, `rate` a second after that. Time is an argument, in seconds."""

    __slots__ = ("_at", "_left", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._left = burst
        self._at = now

    def take(self, now: float) -> float:
        """Spend one. 0 when there was one; else the seconds until there is."""
        self._left = min(self.burst, self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0
        return (1 - self._left) / self.rate
