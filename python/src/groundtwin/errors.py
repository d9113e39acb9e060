"""Every error this package raises: one class with a code, and subclasses that are also what a Gymnasium user expects.

The codes are those of ``docs/errors.md``. ``except groundtwin.GroundtwinError`` catches all of them,
``except gymnasium.error.InvalidAction`` those about actions, and so on. A message names the side that failed, the
bounds, and the way out.
"""

from __future__ import annotations

from typing import Any

from gymnasium import error as gym_error

__all__ = [
    "CallUnsupportedError",
    "CapacityError",
    "ClosedError",
    "ConnectionFailedError",
    "DependencyMissingError",
    "GroundtwinError",
    "InvalidActionError",
    "InvalidOptionError",
    "ModelMissingError",
    "NotResetError",
    "NotTakenError",
    "OptionTypeError",
    "RenderUnavailableError",
    "RequestTimeoutError",
    "ServerError",
    "UnauthorisedError",
    "UnknownEnvError",
    "ValueRefusedError",
    "from_wire",
]

_RETRYABLE = frozenset(
    {"ENV_CRASHED", "CAPACITY", "SERVER_BUSY", "DRAINING", "CONNECTION_REFUSED", "CONNECTION_TIMEOUT"}
)


class GroundtwinError(Exception):
    """Base of all errors of groundtwin.

    Attributes:
        code: name of the row in ``docs/errors.md``, such as ``ACTION_SHAPE``.
        details: the values the message was made of.
        retryable: whether the same call may succeed later.
    """

    def __init__(
        self, code: str, message: str, details: dict[str, Any] | None = None, retryable: bool | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = details if details is not None else {}
        self.retryable = code in _RETRYABLE if retryable is None else retryable

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message, self.details, self.retryable)


class UnknownEnvError(GroundtwinError, gym_error.NameNotFound):
    """There is no such env."""


class ClosedError(GroundtwinError, gym_error.ClosedEnvironmentError):
    """The env or its session was closed."""


class NotResetError(GroundtwinError, gym_error.ResetNeeded):
    """Stepped before reset, or after the end of the episode."""


class InvalidActionError(GroundtwinError, gym_error.InvalidAction, ValueError):
    """The action is not one of the action space."""


class InvalidOptionError(GroundtwinError, ValueError):
    """An option has a value that it cannot have."""


class OptionTypeError(GroundtwinError, TypeError):
    """There is no such option, or its value is of another type."""


class ValueRefusedError(GroundtwinError, ValueError):
    """A snapshot, model, policy or message that cannot be used."""


class ModelMissingError(GroundtwinError, FileNotFoundError):
    """There is no model where it was looked for."""


class RenderUnavailableError(GroundtwinError, gym_error.UnsupportedMode):
    """The env cannot be drawn like that."""


class CallUnsupportedError(GroundtwinError, NotImplementedError):
    """What the env stands on cannot do this."""


class DependencyMissingError(GroundtwinError, gym_error.DependencyNotInstalled):
    """Something is not installed where the server runs."""


class ConnectionFailedError(GroundtwinError, ConnectionError):
    """No connection to the server, or it was lost for good."""


class UnauthorisedError(ConnectionFailedError, PermissionError):
    """The server wants another token."""


class RequestTimeoutError(GroundtwinError, TimeoutError):
    """Something took too long."""


class CapacityError(GroundtwinError, RuntimeError):
    """The server has no room."""


class ServerError(GroundtwinError, RuntimeError):
    """The server failed, or says something this version does not know."""


class NotTakenError(ServerError):
    """The server could not read a request at all: more values than a message may hold, as a rule."""


_CLASSES: dict[str, type[GroundtwinError]] = {
    "ENV_UNKNOWN": UnknownEnvError,
    "ENV_CLOSED": ClosedError,
    "CONNECTION_CLOSED": ClosedError,
    "ENV_HANDLE_UNKNOWN": ClosedError,
    "ENV_NOT_RESET": NotResetError,
    "OPTION_INVALID": InvalidOptionError,
    "SPACE_INVALID": InvalidOptionError,
    "SCENE_INVALID": InvalidOptionError,
    "ACTION_SHAPE": InvalidActionError,
    "ACTION_OUTSIDE_SPACE": InvalidActionError,
    "ACTION_NOT_FINITE": InvalidActionError,
    "SNAPSHOT_INVALID": ValueRefusedError,
    "SNAPSHOT_FOREIGN": ValueRefusedError,
    "MODEL_INVALID": ValueRefusedError,
    "MODEL_REFUSED": ValueRefusedError,
    "WIRE_VALUE": ValueRefusedError,
    "FRAME_TOO_LARGE": ValueRefusedError,
    "MODEL_MISSING": ModelMissingError,
    "RENDER_UNAVAILABLE": RenderUnavailableError,
    "CONNECTION_REFUSED": ConnectionFailedError,
    "CONNECTION_ORIGIN": ConnectionFailedError,
    "CONNECTION_VERSION": ConnectionFailedError,
    "CONNECTION_LOST": ConnectionFailedError,
    "VERSION": ConnectionFailedError,
    "DRAINING": ConnectionFailedError,
    "SESSION_UNKNOWN": ConnectionFailedError,
    "CONNECTION_UNAUTHORISED": UnauthorisedError,
    "UNAUTHORISED": UnauthorisedError,
    "CONNECTION_TIMEOUT": RequestTimeoutError,
    "REQUEST_TIMEOUT": RequestTimeoutError,
    "STEP_DEADLINE": RequestTimeoutError,
    "ROLLOUT_TOO_LONG": ValueRefusedError,
    "UPLOAD_INVALID": ValueRefusedError,
    "BLOB_UNKNOWN": ValueRefusedError,
    "CALL_UNSUPPORTED": CallUnsupportedError,
    "ENGINE_MISSING": DependencyMissingError,
    "RUNTIME_MISSING": DependencyMissingError,
    "CAPACITY": CapacityError,
    "SERVER_BUSY": CapacityError,
}


def make_error(
    code: str, message: str, details: dict[str, Any] | None = None, retryable: bool | None = None
) -> GroundtwinError:
    """The error of a code, of the class that a Gymnasium user expects; an unknown code gives `ServerError`."""
    return _CLASSES.get(code, ServerError)(code, message, details, retryable)


def outside_space(d: dict[str, Any]) -> str:
    """Message of ACTION_OUTSIDE_SPACE."""
    where = "" if d.get("lane") is None else f" of lane {d['lane']}"
    wrong = "no integer within" if d.get("isWhole") else "outside"
    way = (
        "Give one of those integers"
        if d.get("isWhole")
        else "Clip it, or wrap the env in gymnasium.wrappers.ClipAction"
    )
    return f"{d.get('env')}: action[{d.get('index')}]{where} is {d.get('value')}, {wrong} [{d.get('low')}, {d.get('high')}]. {way}."


#: Messages whose way out is another one in Python.
_IN_PYTHON = {"ACTION_OUTSIDE_SPACE": outside_space}


def from_wire(form: Any) -> GroundtwinError:
    """An error as it travels, ``{code, message, details?, retryable}``, as an exception."""
    if not isinstance(form, dict) or not isinstance(form.get("code"), str) or not isinstance(form.get("message"), str):
        return make_error("BAD_MESSAGE", "Bad message: error must be an error with code, message and retryable.")
    details = form.get("details")
    in_python = _IN_PYTHON.get(form["code"])
    return make_error(
        form["code"],
        in_python(details) if in_python and isinstance(details, dict) else form["message"],
        details if isinstance(details, dict) else None,
        bool(form.get("retryable", False)),
    )


def bad_message(field: str, expected: str) -> GroundtwinError:
    """What the other side sent is not groundtwin.v1."""
    return make_error(
        "BAD_MESSAGE", f"Bad message: {field} must be {expected}.", {"field": field, "expected": expected}
    )
