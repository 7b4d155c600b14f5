"""Configuration: one frozen class, the only reader of the environment; `env_file` reads `.env` for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ktrdr_engine.env_file import read_env_file
from ktrdr_engine.errors import InvalidRequest

WorkerUrl = Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$")]


class Settings(BaseSettings):
    """What a deployment can set; each field is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    use_remote_backtest_service: bool = Field(False, description="true: backtests run on the worker")
    remote_backtest_service_url: WorkerUrl = Field(
        "http://localhost:5003", description="where the worker is, such as http://localhost:5003"
    )
    use_remote_training_service: bool = Field(False, description="true: trainings run on the worker")
    remote_training_service_url: WorkerUrl = Field(
        "http://localhost:5003", description="where the worker that trains is"
    )
    use_remote_data_service: bool = Field(
        False, description="true: prices are loaded by the worker, into the data/ of its home"
    )
    remote_data_service_url: WorkerUrl = Field(
        "http://localhost:5003", description="where the worker that loads prices is"
    )
    ktrdr_worker_token: SecretStr | None = Field(None, description="bearer token between server and worker")
    ktrdr_server_token: SecretStr | None = Field(None, description="bearer token for the HTTP transports")
    operations_cache_ttl: float = Field(1.0, ge=0, le=3600, description="seconds a pulled state stays fresh")
    ktrdr_home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("ktrdr", appauthor=False)),
        description="strategies/, models/, data/, operations.db and results/ of this user",
    )
    ktrdr_max_concurrent_operations: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=256, description="operations that run at once"
    )
    ktrdr_max_queued_operations: int = Field(100, ge=0, le=100_000, description="operations that may wait")
    ktrdr_stuck_after_seconds: float = Field(
        600.0, gt=0, description="a running operation without any progress for so long has failed"
    )
    ktrdr_worker_lost_after_seconds: float = Field(
        30.0, ge=0, description="a worker that did not answer five pulls in a row, for so long, counts as lost"
    )
    ktrdr_log_format: Literal["text", "json"] = Field(
        "text", description="what goes to stderr: text, or json with one object a line"
    )

    @field_validator("ktrdr_home")
    @classmethod
    def _expanded(cls, home: Path) -> Path:
        """Take ~ for the user's own folder: neither .env nor the configuration of an MCP host passes a shell."""
        try:
            return home.expanduser()
        except RuntimeError as error:  # ~ of a user there is not
            raise ValueError(str(error)) from None

    @property
    def worker_urls(self) -> frozenset[str]:
        """Where workers of any kind of work are, in use or not."""
        names = (name for name in type(self).model_fields if name.startswith("remote_") and name.endswith("_url"))
        return frozenset(getattr(self, name) for name in names)

    def without_workers(self) -> Self:
        """Return the same settings with every kind of work kept in this process."""
        switches = [name for name in type(self).model_fields if name.startswith("use_remote_")]
        return self.model_copy(update=dict.fromkeys(switches, False))


def load_settings() -> Settings:
    """Read the environment, and the `.env` of the working directory for what it leaves open.

    Raises:
        InvalidRequest: A variable has a value it cannot have; the message names each.
    """
    try:
        return Settings(**_from_file(Path(".env")))
    except ValidationError as error:
        lines = [f"{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()]
        raise InvalidRequest("Configuration: " + "; ".join(lines) + ".") from None


def _from_file(path: Path) -> dict[str, Any]:
    """Return the settings of a file by field, without those that the environment has."""
    set_already = {name.lower() for name, value in os.environ.items() if value}
    found = {name.lower(): value for name, value in read_env_file(path).items()}
    return {name: found[name] for name in Settings.model_fields if name in found and name not in set_already}
