"""The exception tree. Each class knows the exit code that `contract.md` promises for it.

    MinicodeError (1)
    ├── UsageError (2)            a flag, an argument, a prompt that makes no sense
    ├── ConfigError (52)          a settings file: names file, line and key
    ├── ModelError (1)            the endpoint: `kind` says which trouble it is
    │   ├── AuthError (41)        no key, or it is refused
    │   └── TemporaryError (75)   rate limit, overload, network: worth trying later
    ├── SandboxError (44)         a sandbox was demanded and cannot be had here
    ├── TrustError (55)           what was asked for lies in a folder that is not trusted
    ├── SessionError (1)          a session that cannot be found or read
    │   ├── SessionInUse (59)     another process holds it
    │   └── StorageError (60)     it cannot be written
    └── LimitReached (53, 56, 124)  turns; money or tokens; time

A message is one or more whole sentences: what is wrong, where, what to do.
"""

from __future__ import annotations


class MinicodeError(Exception):
    """Anything that ends a command with a sentence instead of a traceback."""

    exit_code = 1


class UsageError(MinicodeError):
    exit_code = 2


class ConfigError(MinicodeError):
    exit_code = 52


class SandboxError(MinicodeError):
    exit_code = 44


class TrustError(MinicodeError):
    exit_code = 55


class ModelError(MinicodeError):
    """The endpoint refused, failed or spoke nonsense.

    kind: a word of `model.faults.KINDS` ("auth", "balance", "overloaded", "context", …).
    code: MiniMax's number, 0 if there was none.
    status: HTTP status, 0 if there was no HTTP answer.
    retry_after: seconds the server asked us to wait, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "unknown",
        code: int = 0,
        status: int = 0,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after


class AuthError(ModelError):
    exit_code = 41


class TemporaryError(ModelError):
    exit_code = 75


class SessionError(MinicodeError):
    pass


class SessionInUse(SessionError):
    exit_code = 59


class StorageError(SessionError):
    exit_code = 60


class LimitReached(MinicodeError):
    """A limit the user set. `limit` is "turns", "money", "tokens" or "time"."""

    def __init__(self, message: str, *, limit: str) -> None:
        super().__init__(message)
        self.limit = limit
        self.exit_code = {"turns": 53, "money": 56, "tokens": 56, "time": 124}[limit]
