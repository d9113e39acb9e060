"""Helpers round envs: a session to share, and snapshots of envs that have Gymnasium's wrappers round them."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.wrappers import OrderEnforcing, TimeLimit

from ._calls import elapsed_steps
from ._options import open_session
from ._session import Session, Settings


def connect(url: str | None = None, *, token: str | None = None, settings: Settings | None = None) -> Session:
    """A session that several envs may share, `Env(…, session=session)`, so that one can be branched into another.

    Args:
        url: of a running server; None: this process's own, which is started if need be.
        token: what that server printed; default `$GROUNDTWIN_TOKEN`.

    Raises:
        ConnectionFailedError, UnauthorisedError, RequestTimeoutError: no connection.
    """
    return open_session(url, token, settings)


def restore(env: gymnasium.Env[Any, Any], snapshot: bytes) -> Any:
    """Restores an env that has wrappers round it, which may never have been reset, and sets the counters of `TimeLimit` to
    the steps of the snapshot.

    Returns:
        The observation, as the env without its wrappers gives it.
    """
    observation = env.unwrapped.restore(snapshot)  # type: ignore[attr-defined]
    steps = elapsed_steps(snapshot)
    layer: Any = env
    while layer is not env.unwrapped:
        if isinstance(layer, TimeLimit) and steps is not None:
            layer._elapsed_steps = steps  # type: ignore[assignment]
        elif isinstance(layer, OrderEnforcing):
            layer._has_reset = True
        elif getattr(layer, "_previous_data", ()) is None:
            # Gymnasium's PassiveEnvChecker compares the first step with the reset before it.
            layer._previous_data = (observation, {})
        layer = layer.env
    return observation
