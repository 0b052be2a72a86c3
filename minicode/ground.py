"""What a command stands on before it needs a session: folder, places, settings, trust, tools and prompts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minicode import keys, paths, prompts, settings, trust
from minicode.errors import TrustError, UsageError
from minicode.redact import Redactor
from minicode.settings import Layered, Settings
from minicode.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Ground:
    """What a command needs before it needs a session."""

    folder: Path
    places: paths.Places
    layered: Layered
    judged: trust.Judged

    @property
    def trusted(self) -> Path | None:
        """The folder, if what it brings may be used. In HOME `.minicode` is the user's own already."""
        own = self.folder / paths.PROJECT in (self.places.config, self.places.state)
        return self.folder if self.judged.trusted and not own else None

    @property
    def settings(self) -> Settings:
        return self.layered.settings


def ground(
    folder: Path | None,
    once: bool = False,
    flags: Mapping[str, Any] | None = None,
    assignments: tuple[str, ...] = (),
) -> Ground:
    """once: trust the folder for this run. Raises UsageError for a folder that cannot be worked in, ConfigError for
    settings that are wrong."""
    where = paths.work_folder(folder)
    places = paths.places()
    for own in {places.config, places.state}:
        if own.exists():  # before anything is read from it: others must not have a say in there
            paths.private_dir(own)
    judged = trust.stand(where, places, once)
    pinned = f"{paths.PROJECT}/config.toml" in judged.pinned
    project = where / paths.PROJECT / "config.toml" if judged.trusted and pinned else None
    layered = settings.load(places.config_file, flags or {}, assignments, project=project, verify=judged.verify)
    if "base_url" not in layered.origins and (chosen := keys.base_url(places.config)):
        origins = {**layered.origins, "base_url": "minicode login"}
        layered = Layered(replace(layered.settings, base_url=chosen), origins)
    return Ground(where, places, layered, judged)


def load_tools(base: Ground, redactor: Redactor | None = None, without: Collection[str] = ()) -> Toolbox:
    """without: tools that could not work now, and so are not offered."""
    places = list(zip(("shipped", "user", "project"), base.places.guests("tools", base.trusted), strict=False))
    check_tool_names(base, {path.stem for _, folder in places for path in folder.glob("[!_]*.py")})
    return Toolbox.load(
        places,
        base.settings.allowed_tools,
        (*base.settings.disallowed_tools, *without),
        redactor=redactor,
        verify=base.judged.verify,
    )


def check_tool_names(base: Ground, known: set[str]) -> None:
    """Raises UsageError for a flag that names a tool which is not there: it would allow or forbid nothing; TrustError
    if it is there, in a project that is not trusted. A settings file may name tools that only some projects have.
    """
    for key in ("allowed_tools", "disallowed_tools"):
        where = base.layered.origins.get(key, "")
        unknown = [name for name in getattr(base.settings, key) if name not in known]
        if unknown and where.startswith("--"):
            if (base.folder / paths.PROJECT / "tools" / f"{unknown[0]}.py").exists():
                raise TrustError(f"{where}: the tool {unknown[0]!r} is this folder's own, and {untrusted(base)}")
            raise UsageError(f"{where}: there is no tool {unknown[0]!r}. There are {', '.join(sorted(known))}.")


def untrusted(base: Ground) -> str:
    return f"the folder is not trusted: {base.judged.why} `minicode trust` shows what it brings; --trust is for once."


def load_prompt(base: Ground, name: str, here: str, told: str) -> str:
    """Raises ConfigError if there is none, TrustError if only a project that is not trusted has it."""
    places = base.places.guests("prompts", base.trusted)
    own = base.folder / paths.PROJECT / "prompts" / f"{name}.md"
    if base.trusted is None and own.exists() and not any((place / own.name).exists() for place in places):
        raise TrustError(f"The prompt {name!r} is this folder's own, and {untrusted(base)}")
    verify = base.judged.verify if base.trusted else None
    return prompts.load(name, places, verify, facts=here, instructions=told)
