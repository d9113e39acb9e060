"""How far a learned model, or whatever else stands for truth, may be trusted: the gap suite, measured by a server."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._options import name_or_files, open_session, refuse, wrong_type
from ._registration import env_id_of
from ._session import Session
from .errors import GroundtwinError, bad_message

#: Between two looks at how far it got.
_LOOK_S = 0.2

#: Stage, what is done of it, and of how much.
OnProgress = Callable[[str, float, float], None]


@dataclass(frozen=True)
class GapRow:
    """One test of the suite. `measured`, `low` and `high` are None where nothing could be measured; `reason` says why."""

    #: As in ``C1``; one id may have several rows.
    id: str
    title: str
    #: ``PASS``, ``FAIL``, ``INCONCLUSIVE`` or ``NOT_APPLICABLE``.
    verdict: str
    measured: float | None
    #: The 95 % bootstrap interval.
    low: float | None
    high: float | None
    #: The bound in words: what the whole interval must satisfy.
    passes: str
    #: Control steps ahead, of rows that have a horizon.
    horizon: int | None
    #: Starts that the interval is over.
    n: int
    reason: str | None


@dataclass(frozen=True)
class GapReport:
    """What the gap suite found; see docs/gap-suite.md."""

    #: FAIL if a row fails; else INCONCLUSIVE if one is, or none passes; else PASS.
    verdict: str
    #: Sentences for a reader, most important first.
    summary: tuple[str, ...]
    rows: tuple[GapRow, ...]
    #: All of it as plain data, the same as ``gap.json``: rows, figures by axis, curves by step ahead, metadata.
    data: Mapping[str, Any]

    def row(self, row_id: str, horizon: int | None = None) -> GapRow:
        """The first row of an id (and horizon, if given). Raises KeyError."""
        for row in self.rows:
            if row.id == row_id and horizon in (None, row.horizon):
                return row
        raise KeyError(row_id)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes ``gap.json``, which ``groundtwin gap --compare`` reads."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.data, file, indent=1, allow_nan=False)


def gap(
    env_id: str,
    *,
    model: str | os.PathLike[str] | None = None,
    subject: str | None = None,
    axes: Sequence[str] | None = None,
    condition: Sequence[str] | None = None,
    seed: int = 1,
    samples: int | None = None,
    size: str = "large",
    deep: bool = False,
    deadline_s: float | None = None,
    on_progress: OnProgress | None = None,
    url: str | None = None,
    token: str | None = None,
    session: Session | None = None,
) -> GapReport:
    """Measures how far a model, or whatever else stands for truth, may be trusted.

    A server does it in a process of its own, by default this process's own server. Takes minutes; with ``axes=["none"]``
    seconds. Ctrl-C, and an exception from `on_progress`, end it over there too.

    Args:
        env_id: as in ``CartPoleSwingUp-v0``, with or without ``groundtwin/``.
        model: the folder of a model on this machine, which is uploaded; the name of one in the server's models folder
            (with `url` or `session`); or the id of an upload.
        subject: who is measured. ``model`` (default), ``truth``, ``engine:mujoco``, ``truth:mass_kg*1.3``,
            ``truth:gravity_mps2=3.7``, ``broken:<control>@<severity>``.
        axes: of ``plausibility``, ``causality``, ``prediction``, ``agent`` (default all), or ``["none"]``: H1, H4, C1, C2.
        condition: physical parameters that the model is told.
        seed: of everything random: the same seed gives the same numbers.
        samples: imagined draws a start, default 30.
        size: ``large`` (256 starts), or ``small`` (64) for a quick look.
        deep: with the rows that train and plan.
        deadline_s: seconds after which it is given up; the server has a longest time of its own.
        on_progress: called with stage, what is done of it, and of how much.
        url: of a running server, and `token` what it asks for, default ``$GROUNDTWIN_TOKEN``.
        session: to use instead; from `connect`.

    Returns:
        Verdict and rows with their intervals, and the whole report as plain data.

    Raises:
        UnknownEnvError, InvalidOptionError: what cannot be measured.
        ModelMissingError, ValueRefusedError: a model that is not there, or not one of this env.
        CapacityError: the server measures enough already; try again later.
        RequestTimeoutError: STEP_DEADLINE, it took longer than `deadline_s`.
        CallUnsupportedError: that server measures no gaps.
    """
    if not isinstance(env_id, str):
        raise refuse("gap", "env_id", env_id, "a string, as in 'CartPoleSwingUp-v0'")
    fields: dict[str, Any] = {
        "id": env_id_of(env_id),
        "subject": subject,
        "axes": _names("axes", axes),
        "condition": _names("condition", condition),
        "seed": seed,
        "samples": samples,
        "size": size,
        "deep": deep,
        "deadline_s": deadline_s,
    }
    own = session or open_session(url, token)
    try:
        fields["model"] = None if model is None else _model(own, model, session is not None or url is not None)
        return _measured(own, {name: value for name, value in fields.items() if value is not None}, on_progress)
    finally:
        if session is None:
            own.close()


def _measured(session: Session, fields: dict[str, Any], on_progress: OnProgress | None) -> GapReport:
    job, rebuilds = session.request("gap", **fields)["job"], session.rebuilds
    told = None
    try:
        while True:
            try:
                found = session.request("gapProgress", job=job)
            except GroundtwinError as error:
                # Another server stands where that one stood: it knows nothing of the job, and begins it anew.
                if session.rebuilds == rebuilds or error.details.get("option") != "job":
                    raise
                job, rebuilds = session.request("gap", **fields)["job"], session.rebuilds
                continue
            news = (found["stage"], found["done"], found["of"])
            if on_progress is not None and news != told:
                on_progress(*news)
            told = news
            if found["state"] == "done":
                return _report(found)
            time.sleep(_LOOK_S)
    finally:
        # Whatever ended it here: the server need neither go on nor keep what it found.
        with contextlib.suppress(GroundtwinError):
            session.request("gapCancel", job=job)


def _model(session: Session, model: str | os.PathLike[str], has_models_folder: bool) -> str:
    found = name_or_files(model, has_models_folder)
    return found if isinstance(found, str) else session.publish("model", found)


def _names(option: str, names: Sequence[str] | None) -> list[str] | None:
    if names is None:
        return None
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise wrong_type("gap", option, names, "a list of strings")
    return list(names)


def _report(found: Mapping[str, Any]) -> GapReport:
    try:
        data = json.loads(bytes(found["report"]))
        rows = tuple(GapRow(**{field: row.get(field) for field in GapRow.__dataclass_fields__}) for row in data["rows"])
        return GapReport(str(data["verdict"]), tuple(data["summary"]), rows, data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise bad_message("gapProgress reply.report", "a gap report as JSON") from error
