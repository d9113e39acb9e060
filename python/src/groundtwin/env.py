"""One environment, as Gymnasium has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import gymnasium

from ._actions import action_encoder
from ._calls import RemoteCalls
from ._options import MakeOptions, make_link, numbers, refuse, wrong_type
from ._pictures import frames_per_second, picture
from ._results import Results
from ._seeds import first_seed, folded
from ._session import Session
from .errors import make_error

_RESET_OPTIONS = ("params",)


class Env(RemoteCalls, gymnasium.Env[Any, Any]):
    """An env on a groundtwin server: truth (physics), a learned model of it, or both as a twin.

    Rewards are floats, observations arrays that nothing else shares. `info` has `reward_terms` by name, and `problem`
    where an episode was cut off because something broke.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - as Gymnasium declares it
    _is_single = True

    def __init__(
        self,
        env_id: str,
        *,
        backend: str = "truth",
        model: str | os.PathLike[str] | None = None,
        observe: str | None = None,
        resync: Any = None,
        drift: Any = None,
        engine: str | None = None,
        randomize: Any = None,
        params: Mapping[str, float] | None = None,
        max_episode_steps: int | str | None = "horizon",
        render_mode: str | None = None,
        width: int | None = None,
        height: int | None = None,
        camera: str | Mapping[str, Any] | None = None,
        url: str | None = None,
        token: str | None = None,
        session: Session | None = None,
    ) -> None:
        """Makes it. Without `url` on a server that this process starts and owns.

        Args:
            env_id: as in ``groundtwin.env_ids()``, ``CartPole-v0``.
            backend: what stands behind it: ``truth``, ``model`` or ``twin``.
            model: a local folder, which is uploaded; the id of an upload; or a name in the server's models folder.
            observe: of a twin: whose observation, reward and end the agent gets, ``truth`` (default) or ``model``.
            resync: of a twin: ``{"every": steps}`` or that number of steps, ``{"threshold": {entry: bound}}`` or ``"never"``.
            drift: of a twin: True watches truth for changes.
            engine: what moves truth: ``rapier`` (default) or ``mujoco``.
            randomize: True, or ranges of parameters that are drawn for each episode.
            params: physical parameters for every episode; `reset(options={"params": …})` adds to them.
            max_episode_steps: the server truncates there; default the task's horizon; None: never.
            render_mode: ``rgb_array`` or None.
            width, height: pixels of pictures.
            camera: a camera of the scene by name, or one of your own.
            url: of a running server, ``ws://host:port``.
            token: what that server printed; default `$GROUNDTWIN_TOKEN`.
            session: one to share, from `groundtwin.connect`.

        Raises:
            UnknownEnvError, InvalidOptionError, ConnectionFailedError: see `groundtwin.errors`.
        """
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise refuse(env_id, "render_mode", render_mode, "'rgb_array' or None")
        self._options = MakeOptions(
            backend,
            model,
            observe,
            resync,
            drift,
            engine,
            randomize,
            None,
            max_episode_steps,
            params,
            width,
            height,
            camera,
        )
        self._link = make_link(env_id, 1, "disabled", self._options, session, url, token)
        self.observation_space = self._link.observation_space
        self.action_space = self._link.action_space
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": frames_per_second(self._link)}
        self._params = numbers(env_id, params or {})
        self._encode = action_encoder(self._link.id, self.action_space, None)
        self._results = Results(self.observation_space, None)
        #: Seed and number of the episode; None where the server alone knows, as after `restore`.
        self._episode: tuple[int, int] | None = None
        self._was_reset = False
        self._closed = False

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step.

        Raises:
            InvalidActionError: not of the action space.
            NotResetError: before reset, or after the end of an episode.
        """
        if self._closed:
            raise closed_error(self._link.id)
        data = self._encode(action)
        return self._results.read(*self._link.step(data))  # type: ignore[no-any-return]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode.

        Args:
            seed: of this and, by counting on, of later episodes; without one the first is drawn from the system's entropy.
            options: ``{"params": {name: value}}`` sets physical parameters for this episode.
        """
        self._require_open()
        super().reset(seed=seed)
        params = reset_params(self._link.id, self._params, options, _RESET_OPTIONS)
        fields: dict[str, Any] = {"params": params} if params else {}
        episode = self._next_episode(seed)
        if episode is not None:
            first, count = episode
            fields["seeds"] = first_seed([first + count * 2**32])
        answer = self._link.session.call(self._link, "reset", fields)
        self._episode = episode
        self._was_reset = True
        return self._results.read(*answer)  # type: ignore[no-any-return]

    def _next_episode(self, seed: int | None) -> tuple[int, int] | None:
        if seed is not None:
            whole = folded(seed)
            return whole % 2**32, whole // 2**32
        if not self._was_reset:
            return int.from_bytes(os.urandom(4), "little"), 0
        # Past 2^53 seeds do not travel; the server counts on.
        if self._episode is None or self._episode[1] >= 2**21 - 1:
            return None
        return self._episode[0], self._episode[1] + 1

    def render(self) -> Any:
        """A picture of the env as it stands, uint8 `[height, width, 3]`; None without a render mode.

        Raises:
            RenderUnavailableError: the env cannot be drawn. NotResetError: before reset.
        """
        self._require_open()
        return None if self.render_mode is None else picture(self._link, 0, self._options.view)

    def close(self) -> None:
        """Closes it; a server that this process owns stays for its other envs. May be called again."""
        if getattr(self, "_closed", True):
            return
        self._closed = True
        self._link.close()

    def _require_open(self) -> None:
        if self._closed:
            raise closed_error(self._link.id)

    def _lost_track(self) -> None:
        self._episode = None

    def _made_with(self) -> dict[str, Any]:
        return self._options.keywords()


def closed_error(env: str) -> Exception:
    """The env was closed."""
    return make_error("ENV_CLOSED", f"{env} is closed. Make a new one with gymnasium.make().", {"env": env})


def reset_params(
    env: str, always: Mapping[str, float], options: dict[str, Any] | None, known: tuple[str, ...]
) -> dict[str, float]:
    """Parameters of the episodes that begin. Raises OPTION_INVALID for options of reset that there are none of."""
    given = {} if options is None else options
    if not isinstance(given, Mapping):
        raise wrong_type(env, "options of reset", given, "a dictionary, or None")
    for name in given:
        if name not in known:
            raise refuse(env, f"{name} of reset", given[name], f"one of {', '.join(known)}")
    params = {} if given.get("params") is None else given["params"]
    if not isinstance(params, Mapping):
        raise wrong_type(env, "params of reset", params, "a dictionary of numbers by parameter")
    return numbers(env, {**always, **params})
