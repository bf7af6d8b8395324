"""Settings come from the environment (`MODERATION_…`) and nowhere else."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_cache_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from moderation.items import check_regions
from moderation.taxonomy import category

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
    policy_date: date | None = Field(
        default=None,
        description="Judge packs as of this day (2027-06-01) instead of today: for rehearsals and "
        "tests; a pack past its review is a draft.",
    )
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
            "conversation",
            "text",
            "contacts",
            "nsfw",
            "image_text",
            "known_images",
            "image_hash",
            "phrases",
        ),
        description="Which classifiers run, by registered name (comma-separated), in this order; "
        "`text` after `conversation` finds its turns read already.",
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
    restricted_lexicon: Path | None = Field(
        default=None,
        description="File of restricted terms for adult-to-minor risk, one a line, kept outside "
        "the workbench; empty means none.",
    )
    room_idle_minutes: float = Field(
        default=24 * 60,
        gt=0,
        description="A live room without a new turn for so long is closed as if it had ended.",
    )
    text_second_model: str = Field(
        default="",
        description="A larger Hugging Face sequence-classification model (folder or hub name) "
        "that is asked where the text model is unsure; empty means none.",
    )
    text_second_labels: str = Field(
        default="",
        description="JSON object mapping the second model's labels to category ids.",
    )
    text_second_band: str = Field(
        default="0.3,0.7",
        description="Between which probabilities the second model is asked, and believed.",
    )
    text_runtime: str = Field(
        default="auto",
        description="How the text model multiplies: torch-float32, onednn-float32, "
        "onednn-bfloat16, or auto for the fastest, measured at the first start.",
    )
    text_cascade: bool = Field(
        default=True,
        description="Whether the text model may end what is surely harmless after a few layers.",
    )
    queue_rules: Annotated[dict[str, Any], NoDecode] = Field(
        default_factory=dict,
        description="JSON object: how review work is organised, where it differs from the defaults "
        "of `moderation.queue.QueueRules`, for example "
        '{"audit_share": 0.01, "golden_share": 0.02, "double_review_severities": [0]}.',
    )
    translation_models: Annotated[dict[str, str], NoDecode] = Field(
        default={},
        description="JSON object from source language to a MarianMT model (local folder or hub "
        'name) that translates for reviewers, `*` for any other: {"zh": '
        '"Helsinki-NLP/opus-mt-zh-en"}. Empty means none.',
    )
    threads: int = Field(
        default=0, ge=0, description="Threads per model; 0 means one per available core."
    )
    max_image_bytes: int = Field(
        default=20_000_000, gt=0, description="Largest image file accepted, in bytes."
    )
    max_video_bytes: int = Field(
        default=500_000_000,
        gt=0,
        description="Largest video file accepted, in bytes. Over HTTP a video is base64 in a "
        "request body, which has its own limit.",
    )
    image_head: Path | None = Field(
        default=None,
        description="Folder of a head trained on your own pictures, for the classifier "
        "`image_head`.",
    )
    image_model: str = Field(
        default="",
        description="A Hugging Face image-classification model (local folder or hub name) for the "
        "classifier `image_model`.",
    )
    image_model_labels: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="JSON object mapping that model's labels to category ids, for example "
        '{"nsfw": "adult_sexual"}; labels that are left out are ignored.',
    )
    image_zero_shot_model: str = Field(
        default="",
        description="A CLIP or SigLIP model (local folder or hub name) for the classifier "
        "`image_zero_shot`.",
    )
    image_zero_shot_prompts: Annotated[dict[str, list[str]], NoDecode] = Field(
        default_factory=dict,
        description="JSON object: category id → descriptions of pictures of it; under `none`, of "
        "harmless look-alikes.",
    )
    image_ocr_fallback: Literal["", "tesseract"] = Field(
        default="",
        description="`tesseract` reads lines that the shipped text reader cannot: Korean, "
        "Cyrillic, Arabic, Thai, Devanagari. It needs that program and its language packages.",
    )
    image_ocr_languages: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("kor", "rus", "ara", "tha", "hin"),
        description="Languages that Tesseract tries, by its own names (comma-separated); those "
        "that are not installed are left out.",
    )
    image_fetch_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts from which images given by URL are fetched (comma-separated; "
        "`.example.org` means all below). Empty means that none is fetched.",
    )
    image_fetch_internal_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="`host:port` of your own media servers, fetched from by plain HTTP and at "
        "private addresses too (comma-separated).",
    )
    image_fetch_seconds: float = Field(
        default=10.0, gt=0, description="Longest time for fetching one image, in seconds."
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

    @field_validator("regions", "classifiers", "api_keys", "image_ocr_languages", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("image_fetch_hosts", "image_fetch_internal_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator(
        "image_model_labels",
        "image_zero_shot_prompts",
        "translation_models",
        "queue_rules",
        mode="before",
    )
    @classmethod
    def _json_object(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parsed: Any = json.loads(value) if value.strip() else {}
        if not isinstance(parsed, dict):
            raise ValueError("must be a JSON object")
        return parsed

    @field_validator("image_model_labels")
    @classmethod
    def _categories(cls, value: dict[str, str]) -> dict[str, str]:
        return {label: category(name).id for label, name in value.items()}

    @field_validator("restricted_lexicon", mode="before")
    @classmethod
    def _no_lexicon(cls, value: object) -> object:
        return value or None

    @field_validator("regions")
    @classmethod
    def _known_regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return check_regions(value)

    @property
    def effective_database_url(self) -> str:
        """The database URL in force; the default is a SQLite file in `data_dir`."""
        return self.database_url or f"sqlite:///{self.data_dir / 'moderation.sqlite'}"
