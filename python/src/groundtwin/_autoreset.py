"""What happens when an episode ends: Gymnasium's AutoresetMode, which versions before 1.1 lack, and the wire's names for it."""

from __future__ import annotations

from typing import Any

from gymnasium import vector

from ._options import refuse

_BY_VALUE = {"NextStep": "nextStep", "SameStep": "sameStep", "Disabled": "disabled"}
_VALUES = {wire: value for value, wire in _BY_VALUE.items()}


def mode_name(env: str, mode: Any) -> str:
    """The wire's name of a mode. Raises OPTION_INVALID."""
    value = getattr(mode, "value", mode)
    if value not in _BY_VALUE:
        raise refuse(
            env,
            "autoreset_mode",
            mode,
            "'NextStep', 'SameStep' or 'Disabled', or one of gymnasium.vector.AutoresetMode",
        )
    return _BY_VALUE[value]


def as_metadata(name: str) -> Any:
    """What `metadata["autoreset_mode"]` has to be: Gymnasium's own enum, or its value where there is no enum."""
    enum = getattr(vector, "AutoresetMode", None)
    value = _VALUES[name]
    return value if enum is None else enum(value)
