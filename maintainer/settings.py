"""Where things live and what they may use: environment MAINTAINER_*, then maintainer.toml, then these defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from maintainer.domain.words import suggestion
from maintainer.errors import SettingsError

PREFIX = "MAINTAINER_"
OTHERS = ("MAINTAINER_PARENT", "MAINTAINER_TEST_")  # variables that begin so are no settings: of children, of tests
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Settings of the program; a policy holds what belongs to one model."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, toml_file="maintainer.toml", extra="forbid", frozen=True
    )

    state: Path = Field(Path("state"), description="run-time data")
    policies: Path = Field(Path("policies"), description="folder of policy files")
    threads: int = Field(1, ge=1, le=64, description="threads of a training child; part of what makes a run repeatable")
    store_memory_mb: int = Field(512, ge=64, description="most memory DuckDB may use before it spills to disk")
    store_threads: int = Field(2, ge=1, le=64)
    poll_seconds: Seconds = Field(5.0, description="how often the inboxes and the policy folder are looked at")
    worker_idle_seconds: Seconds = Field(900.0, description="a warm check worker is let go after this")
    check_timeout_seconds: Seconds = Field(600.0, description="longest wait for an answer of a check worker")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then maintainer.toml."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def socket(self) -> Path:
        """Return the path of the daemon's API socket."""
        return self.state / "maintainer.sock"

    def models_dir(self, model: str) -> Path:
        """Return the directory of a model's versions and champion pointer."""
        return self.state / "models" / model

    def base_dir(self, model: str, path: str | None) -> Path:
        """Return the directory that new weights start from: what a policy names, or what `bootstrap --from` put."""
        return self.state / (path or f"bases/{model}")

    def run_dir(self, run: str) -> Path:
        """Return the directory of a run's phases."""
        return self.state / "runs" / run


def load(**given: object) -> Settings:
    """Return the settings; `given` (from the command line) comes before everything else.

    Raises:
        SettingsError: with every wrong setting, its name and what was wanted.
    """
    if unknown := _unknown():
        raise SettingsError("\n".join(unknown))
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # pyright: ignore
    except ValidationError as error:
        lines = [f"setting {'.'.join(map(str, e['loc']))}: {e['msg']}, found {e['input']!r}" for e in error.errors()]
        raise SettingsError("\n".join(lines)) from error
    except ValueError as error:
        raise SettingsError(f"maintainer.toml cannot be read: {error}") from error


def _unknown() -> list[str]:
    """Return a line for each variable that looks like a setting and is none; an empty one counts as unset."""
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    found = [name for name, value in os.environ.items() if value and name.upper().startswith(PREFIX)]
    return [
        f"environment variable {name} is no setting{suggestion(name, known)}"
        for name in sorted(found)
        if name.upper() not in known and not name.startswith(OTHERS)
    ]
