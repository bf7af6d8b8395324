"""Settings come from the environment (`MODERATION_…`) and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from platformdirs import user_cache_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from moderation.items import check_regions

#: The packs beside the package, in a checkout and in an installed wheel alike.
_POLICIES = Path(__file__).resolve().parent.parent / "policies"


class Settings(BaseSettings):
    """Every setting of the workbench, with its default and its environment variable."""

    model_config = SettingsConfigDict(env_prefix="MODERATION_", extra="ignore", frozen=True)

    data_dir: Path = Field(
        default=Path("moderation-data"),
        description="Folder of the embedded database and stored media.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL; empty means SQLite (WAL) in the data folder.",
    )
    policies_dir: Path = Field(default=_POLICIES, description="Folder of the policy packs.")
    model_cache: Path = Field(
        default_factory=lambda: user_cache_path("moderation-workbench"),
        description="Where converted model weights are kept between runs.",
    )
    regions: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("US", "DE", "FR", "IN", "SG"),
        description="Viewer regions a verdict is given for when a request names none "
        "(comma-separated ISO 3166-1 alpha-2 codes).",
    )
    classifiers: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(
            "text",
            "contacts",
            "conversation",
            "nsfw",
            "image_text",
            "known_images",
            "image_hash",
        ),
        description="Which classifiers run, by registered name (comma-separated).",
    )
    text_model: str = Field(
        default="",
        description="A Hugging Face sequence-classification model (local folder or hub name) "
        "that replaces the shipped text model; empty means the shipped one.",
    )
    text_model_labels: str = Field(
        default="",
        description="JSON object mapping that model's labels to category ids, "
        'for example {"LABEL_1": "toxicity"}.',
    )
    threads: int = Field(
        default=0, ge=0, description="Threads per model; 0 means one per available core."
    )
    max_image_bytes: int = Field(
        default=20_000_000, gt=0, description="Largest image file accepted, in bytes."
    )
    max_request_bytes: int = Field(
        default=64_000_000, gt=0, description="Largest HTTP request body accepted, in bytes."
    )
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Bearer tokens that the HTTP service accepts (comma-separated); "
        "empty means no authentication, and the service then listens on loopback only.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the HTTP service listens on.")
    port: int = Field(default=8600, description="Port of the HTTP service.")
    dashboard_port: int = Field(default=8601, description="Port of the review dashboard.")

    @field_validator("regions", "classifiers", "api_keys", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("regions")
    @classmethod
    def _known_regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return check_regions(value)

    @property
    def effective_database_url(self) -> str:
        """The database URL in force; the default is a SQLite file in `data_dir`."""
        return self.database_url or f"sqlite:///{self.data_dir / 'moderation.sqlite'}"
