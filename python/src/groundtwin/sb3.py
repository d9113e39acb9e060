"""Stable-Baselines3: its own kind of vector env over groundtwin's, one message a step for all lanes.

SB3 takes no Gymnasium `VectorEnv`; this adapter is what its algorithms take.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

try:
    from stable_baselines3.common.vec_env import VecEnv, VecMonitor
except ImportError as error:  # pragma: no cover
    raise ImportError("groundtwin.sb3 needs Stable-Baselines3: pip install stable-baselines3") from error

from ._calls import lane_of
from ._registration import env_id_of
from .vector import VectorEnv

__all__ = ["GroundtwinVecEnv", "make_vec_env"]


def make_vec_env(
    env_id: str,
    n_envs: int = 1,
    seed: int | None = None,
    *,
    monitor: bool = True,
    monitor_dir: str | None = None,
    **options: Any,
) -> VecEnv:
    """Stable-Baselines3's `make_vec_env` for envs of groundtwin: `n_envs` lanes on one server, stepped by one message.

    Args:
        env_id: ``CartPole-v0`` or ``groundtwin/CartPole-v0``.
        n_envs: lanes.
        seed: lane i gets `seed + i` at the first reset.
        monitor: whether episodes' returns and lengths are told in `info["episode"]`, as SB3's logs want them.
        monitor_dir: folder in which `monitor.csv` is written.
        options: of `groundtwin.VectorEnv`, such as `backend` and `model`.
    """
    env: VecEnv = GroundtwinVecEnv(VectorEnv(env_id_of(env_id), n_envs, autoreset_mode="SameStep", **options))
    if seed is not None:
        env.seed(seed)
    return VecMonitor(env, monitor_dir) if monitor or monitor_dir else env


class GroundtwinVecEnv(VecEnv):  # type: ignore[misc]
    """A `groundtwin.VectorEnv` as SB3's algorithms take it. Lanes that end are begun anew on the same step, as SB3 has it."""

    def __init__(self, env: VectorEnv) -> None:
        """`env`: owned from now on; its autoreset mode must be ``SameStep``."""
        mode = getattr(env.autoreset_mode, "value", env.autoreset_mode)
        if mode != "SameStep":
            raise ValueError(f"GroundtwinVecEnv needs autoreset_mode='SameStep', got {mode!r}")
        self.env = env
        self._actions: Any = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.metadata = env.metadata

    def reset(self) -> Any:
        """Begins an episode in every lane; lanes that `seed` gave seeds begin with them, and `set_options` is for all of them."""
        seeds = self._seeds
        options = self._options[0]
        if any(own != options for own in self._options):
            raise ValueError("the options of a reset are for all lanes; set_options got different ones")
        observations, info = self.env.reset(
            seed=None if all(seed is None for seed in seeds) else seeds, options=options or None
        )
        self._reset_seeds()
        self._reset_options()
        self.reset_infos: list[dict[str, Any]] = [lane_of(info, lane) for lane in range(self.num_envs)]
        return observations

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Notes the actions."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, npt.NDArray[np.float32], npt.NDArray[np.bool_], list[dict[str, Any]]]:
        """Makes the step. Infos hold what each lane tells; of lanes that ended also ``terminal_observation`` and
        ``TimeLimit.truncated``, which SB3 looks at."""
        observations, rewards, terminations, truncations, info = self.env.step(self._actions)
        dones = terminations | truncations
        # Of a lane that ended the info of its last step, without that of the episode that began.
        infos: list[dict[str, Any]] = [{} if dones[lane] else lane_of(info, lane) for lane in range(self.num_envs)]
        for lane in np.flatnonzero(dones):
            infos[lane] = {
                **lane_of(info.get("final_info", {}), int(lane)),
                "terminal_observation": info["final_obs"][lane],
                "TimeLimit.truncated": bool(truncations[lane] and not terminations[lane]),
            }
        return observations, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Closes the lanes."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """An attribute of the vector env, once for each lane."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Sets an attribute of the vector env, for all lanes."""
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """Calls a method of the vector env for each lane, which it gets as `lane=`."""
        method = getattr(self.env, method_name)
        return [method(*method_args, lane=lane, **method_kwargs) for lane in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: int | Iterable[int] | None = None) -> list[bool]:
        """No lane has a wrapper of its own."""
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """A picture of each lane."""
        pictures = self.env.render()
        return [None] * self.num_envs if pictures is None else list(pictures)
