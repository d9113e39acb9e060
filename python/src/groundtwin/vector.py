"""Many copies of one environment stepped together, as Gymnasium has them: one message a step, whatever their number."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import vector
from gymnasium.utils import seeding
from gymnasium.vector.utils import batch_space

from ._actions import action_encoder
from ._autoreset import as_metadata, mode_name
from ._calls import RemoteCalls
from ._options import MakeOptions, make_link, numbers, refuse
from ._pictures import frames_per_second, picture
from ._results import Results
from ._seeds import first_seed, folded
from ._session import Session
from .env import closed_error, reset_params

_RESET_OPTIONS = ("params", "reset_mask")


class VectorEnv(RemoteCalls, vector.VectorEnv):
    """`num_envs` lanes of an env on a groundtwin server, reset there when their episodes end.

    Observations are `[num_envs, …]`, rewards float64, ends bool, `[num_envs]` each; no array is shared with another.
    """

    _is_single = False
    #: Until it is made.
    closed = True
    #: What wrappers of Gymnasium 0.29 look for.
    is_vector_env = True

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        *,
        autoreset_mode: Any = "NextStep",
        backend: str = "truth",
        model: str | os.PathLike[str] | None = None,
        observe: str | None = None,
        resync: Any = None,
        drift: Any = None,
        engine: str | None = None,
        randomize: Any = None,
        params: Mapping[str, float] | None = None,
        workers: int | None = None,
        max_episode_steps: int | str | None = "horizon",
        render_mode: str | None = None,
        width: int | None = None,
        height: int | None = None,
        camera: str | Mapping[str, Any] | None = None,
        url: str | None = None,
        token: str | None = None,
        session: Session | None = None,
    ) -> None:
        """Makes it. Options as `groundtwin.Env` has them, and:

        Args:
            num_envs: lanes.
            autoreset_mode: what happens when a lane's episode ends: ``gymnasium.vector.AutoresetMode`` or its value,
                ``NextStep`` (default), ``SameStep`` or ``Disabled``.
            workers: processes that share the lanes out among them, on the server; for truth.
        """
        if render_mode is not None and render_mode != "rgb_array":
            raise refuse(env_id, "render_mode", render_mode, "'rgb_array' or None")
        if isinstance(num_envs, bool) or not isinstance(num_envs, (int, np.integer)) or num_envs < 1:
            raise refuse(env_id, "num_envs", num_envs, "an integer of at least 1")
        mode = mode_name(env_id, autoreset_mode)
        self._options = MakeOptions(
            backend,
            model,
            observe,
            resync,
            drift,
            engine,
            randomize,
            workers,
            max_episode_steps,
            params,
            width,
            height,
            camera,
        )
        link = self._link = make_link(env_id, int(num_envs), mode, self._options, session, url, token)
        self.num_envs = link.lanes
        self.single_observation_space = link.observation_space
        self.single_action_space = link.action_space
        self.observation_space = batch_space(link.observation_space, link.lanes)
        self.action_space = batch_space(link.action_space, link.lanes)
        self.render_mode = render_mode
        self.autoreset_mode = as_metadata(mode)
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": frames_per_second(link),
            "autoreset_mode": self.autoreset_mode,
        }
        self.spec = None
        self.closed = False
        self._params = numbers(env_id, params or {})
        self._encode = action_encoder(link.id, link.action_space, link.lanes)
        self._results = Results(link.observation_space, link.lanes)
        self._was_reset = False

    def step(self, actions: Any) -> Any:
        """One step of all lanes.

        Args:
            actions: `[num_envs, …]` in the action space. Those of lanes that are reset on this step are not looked at.

        Returns:
            Observations, rewards, terminations, truncations, infos.
        """
        if self.closed:
            raise closed_error(self._link.id)
        data = self._encode(actions)
        return self._results.read(*self._link.step(data))

    def reset_async(
        self, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> None:
        """Notes how; `reset_wait` resets. Only Gymnasium 0.29's own wrappers call these four."""
        self._reset_with: dict[str, Any] = {"seed": seed, "options": options}

    def reset_wait(self, **_: Any) -> Any:
        """The reset that `reset_async` announced."""
        return self.reset(**self._reset_with)

    def step_async(self, actions: Any) -> None:
        """Notes the actions; `step_wait` makes the step."""
        self._actions = actions

    def step_wait(self, **_: Any) -> Any:
        """Makes the step that `step_async` announced."""
        return self.step(self._actions)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begins an episode in every lane.

        Args:
            seed: lane i gets `seed + i`; or one seed a lane, None = the lane's next episode.
            options: ``reset_mask``, bool `[num_envs]`, resets those lanes only; ``params`` sets physical parameters.
        """
        self._require_open()
        if isinstance(seed, (int, np.integer)):
            self._np_random, self._np_random_seed = seeding.np_random(int(seed))
        params = reset_params(self._link.id, self._params, options, _RESET_OPTIONS)
        fields: dict[str, Any] = {"params": params} if params else {}
        mask = (options or {}).get("reset_mask")
        if mask is not None:
            fields["mask"] = self._checked_mask(mask)
        seeds = self._seeds(seed)
        if seeds is not None:
            fields["seeds"] = seeds
        answer = self._link.session.call(self._link, "reset", fields)
        self._was_reset = True
        observations, info = self._results.read(*answer)
        if mask is not None:
            _keep_only(mask, info)
        return observations, info

    def _seeds(self, seed: int | Sequence[int | None] | None) -> npt.NDArray[np.float64] | None:
        lanes = self.num_envs
        if seed is None and self._was_reset:
            return None
        if seed is None:
            first = int.from_bytes(os.urandom(4), "little")
            return first_seed([(first + lane) % 2**32 for lane in range(lanes)])
        if isinstance(seed, (int, np.integer)):
            whole = folded(seed)
            return first_seed([folded(whole + lane) for lane in range(lanes)])
        if len(seed) != lanes:
            raise refuse(self._link.id, "seed", f"{len(seed)} seeds", f"an integer, or a list of {lanes}")
        return first_seed([self._lane_seed(own) for own in seed])

    def _lane_seed(self, own: int | None) -> float:
        if own is not None:
            return folded(own)
        # A lane that never had a seed gets one from here, so that the session can be built again.
        return float("nan") if self._was_reset else int.from_bytes(os.urandom(4), "little")

    def _checked_mask(self, mask: Any) -> npt.NDArray[np.uint8]:
        # The exceptions that Gymnasium's own vector envs raise.
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            got = f"{type(mask).__name__} {getattr(mask, 'dtype', '')}".rstrip()
            raise TypeError(f"{self._link.id}: options['reset_mask'] must be a numpy array of bool, got {got}")
        if mask.shape != (self.num_envs,) or not mask.any():
            shape = f"({self.num_envs},)"
            raise ValueError(
                f"{self._link.id}: options['reset_mask'] must have shape {shape} and a True in it, got {mask}"
            )
        return mask.astype(np.uint8)

    def render(self) -> Any:
        """One picture a lane, uint8 `[height, width, 3]`; None without a render mode."""
        self._require_open()
        if self.render_mode is None:
            return None
        return tuple(picture(self._link, lane, self._options.view) for lane in range(self.num_envs))

    def close(self, **_: Any) -> None:
        """Closes the lanes; a server that this process owns stays for its other envs. May be called again."""
        if self.closed:
            return
        self.closed = True
        self._link.close()

    def _require_open(self) -> None:
        if self.closed:
            raise closed_error(self._link.id)

    def _made_with(self) -> dict[str, Any]:
        return self._options.keywords()


def _keep_only(mask: npt.NDArray[np.bool_], info: dict[str, Any]) -> None:
    """Takes out of an info what concerns other lanes."""
    for value in info.values():
        if isinstance(value, dict):
            _keep_only(mask, value)
        elif isinstance(value, np.ndarray):
            value[~mask] = None if value.dtype == object else 0
