"""What an env is asked for: keyword options of Python into those of the registry on the server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ._link import Link
from ._registration import env_id_of
from ._session import Endpoint, Local, Remote, Session, Settings
from ._uploads import model_files
from .errors import GroundtwinError, InvalidOptionError, OptionTypeError, make_error

#: For the server "no limit": snapshots of limited and unlimited envs stay alike.
NO_LIMIT = 2**31 - 1
#: `max_episode_steps` of an env round which Gymnasium puts its own `TimeLimit`.
BY_WRAPPER = "wrapper"
_BACKENDS = ("truth", "model", "twin")
_NEEDS_TWIN = ("observe", "resync", "drift")
_NEEDS_MODEL = ("model", *_NEEDS_TWIN)


@dataclass(frozen=True)
class MakeOptions:
    """Options that `Env` and `VectorEnv` share; see `groundtwin.Env`."""

    backend: str
    model: str | os.PathLike[str] | None
    observe: str | None
    resync: Any
    drift: Any
    engine: str | None
    randomize: Any
    workers: int | None
    max_episode_steps: Any
    params: Mapping[str, float] | None
    width: int | None
    height: int | None
    camera: str | Mapping[str, Any] | None

    def check_view(self, env: str) -> None:
        """Raises OPTION_INVALID for pictures that cannot be."""
        for name, pixels in (("width", self.width), ("height", self.height)):
            if pixels is not None and (isinstance(pixels, bool) or not isinstance(pixels, int) or pixels < 1):
                raise refuse(env, name, pixels, "a number of pixels of at least 1")

    @property
    def view(self) -> dict[str, Any]:
        """What pictures show."""
        return {"width": self.width, "height": self.height, "camera": self.camera}

    def keywords(self) -> dict[str, Any]:
        """To make another env like it; a limit that Gymnasium's own `TimeLimit` keeps becomes the horizon."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.max_episode_steps == BY_WRAPPER:
            given["max_episode_steps"] = "horizon"
        return given


def make_link(
    env_id: str,
    lanes: int,
    autoreset: str,
    options: MakeOptions,
    session: Session | None,
    url: str | None,
    token: str | None,
) -> Link:
    """Makes an env on a server: in `session`, or in a session of its own."""
    if not isinstance(env_id, str):
        raise refuse("groundtwin", "env_id", env_id, "a string, as in 'CartPole-v0'")
    env_id = env_id_of(env_id)
    options.check_view(env_id)
    given = _registry_options(env_id, options, has_models_folder=session is not None or url is not None)
    own = session or open_session(url, token, ends_with_envs=True)
    try:
        if isinstance(given.get("model"), dict):
            given["model"] = own.publish("model", given["model"])
        return Link(own, env_id, lanes, autoreset, given)
    except BaseException:
        if session is None:
            own.close()
        raise


def _registry_options(env: str, options: MakeOptions, has_models_folder: bool) -> dict[str, Any]:
    """As they travel, but for a model of this machine: its files. Raises OPTION_INVALID for what can be seen from here."""
    if options.backend not in _BACKENDS:
        raise refuse(env, "backend", options.backend, "'truth', 'model' or 'twin'")
    if options.backend != "truth" and options.model is None:
        raise refuse(env, "model", None, f"a model's folder, name or id, for backend {options.backend!r}")
    # Whoever names a model and trains on physics after all would not notice.
    for name in _NEEDS_MODEL if options.backend == "truth" else _NEEDS_TWIN if options.backend == "model" else ():
        value = getattr(options, name)
        if value is not None and value is not False:
            way_out = "name backend='model' or 'twin'" if name == "model" else "it is of a twin"
            raise refuse(env, name, value, f"left out with backend {options.backend!r}: {way_out}")
    given = {
        "backend": options.backend,
        "model": None if options.model is None else name_or_files(options.model, has_models_folder),
        "observe": options.observe,
        "resync": {"every": options.resync} if type(options.resync) is int else options.resync,
        "drift": options.drift,
        "engine": options.engine,
        "randomize": _ranges(options.randomize),
        "workers": options.workers,
        "maxEpisodeSteps": _limit(env, options.max_episode_steps),
    }
    return {name: value for name, value in given.items() if value is not None and (name, value) != ("backend", "truth")}


def name_or_files(model: str | os.PathLike[str], has_models_folder: bool) -> str | dict[str, bytes]:
    """A folder's files; an id, or the plain name of one that the server has, as it is."""
    text = os.fspath(model)
    if text.startswith("sha256:"):
        return text
    is_path = not isinstance(model, str) or os.sep in text or os.path.isdir(text)
    return model_files(text) if is_path or not has_models_folder else text


def _ranges(randomize: Any) -> Any:
    """Ranges as the server has them: ``{"low": …, "high": …}`` for a pair."""
    if not isinstance(randomize, Mapping):
        return randomize
    pairs = {
        name: {"low": value[0], "high": value[1]}
        for name, value in randomize.items()
        if isinstance(value, (list, tuple)) and len(value) == 2
    }
    return {**randomize, **pairs}


def _limit(env: str, steps: Any) -> int | None:
    if steps == "horizon":
        return None
    if steps is None or steps in (-1, BY_WRAPPER):
        return NO_LIMIT
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= NO_LIMIT:
        raise refuse(env, "max_episode_steps", steps, "an integer of at least 1, or None for no limit")
    return steps


def numbers(env: str, params: Mapping[str, Any]) -> dict[str, float]:
    """Parameters, as they travel. Raises OPTION_INVALID for what is no number."""
    if not isinstance(params, Mapping):
        raise wrong_type(env, "params", params, "a dictionary of numbers by parameter")
    given: dict[str, float] = {}
    for name, value in params.items():
        try:
            given[str(name)] = float(value)
        except (TypeError, ValueError):
            raise wrong_type(env, f"params.{name}", value, "a number") from None
    return given


def wrong_type(who: str, option: str, value: Any, allowed: str) -> GroundtwinError:
    """An option has a value of another type."""
    return refuse(who, option, value, allowed, OptionTypeError)


def refuse(
    who: str, option: str, value: Any, allowed: str, kind: type[GroundtwinError] = InvalidOptionError
) -> GroundtwinError:
    """An option has a value it cannot have."""
    shown = repr(value)[:60]
    return kind(
        "OPTION_INVALID",
        f"{who}: option {option} is {shown}; it must be {allowed}.",
        {"who": who, "option": option, "value": shown, "allowed": allowed},
    )


def open_session(
    url: str | None, token: str | None, settings: Settings | None = None, ends_with_envs: bool = False
) -> Session:
    """A session with the server at `url`, or with this process's own.

    Args:
        token: default `$GROUNDTWIN_TOKEN`.
    """
    if url is None and token is not None:
        raise refuse("groundtwin", "token", "given", "left out without url: this process's own server has its own")
    if url is not None and not url.startswith(("ws://", "wss://")):
        raise make_error(
            "CONNECTION_REFUSED",
            f"Cannot connect to {url!r}: that is no WebSocket address. Write it as `groundtwin serve` prints it, ws://127.0.0.1:7777.",
            {"url": url, "reason": "no WebSocket address"},
        )
    endpoint: Endpoint = Local() if url is None else Remote(url, token or os.environ.get("GROUNDTWIN_TOKEN"))
    return Session(endpoint, settings, ends_with_envs)
