"""Settings of optional image models and of fetching: `MODERATION_IMAGE_…` in the environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from moderation.taxonomy import category


class ImageSettings(BaseSettings):
    """What fetching and the classifiers `image_head`, `image_model`, `image_zero_shot` need."""

    model_config = SettingsConfigDict(env_prefix="MODERATION_IMAGE_", extra="ignore", frozen=True)

    head: Path | None = Field(
        default=None,
        description="Folder of a head trained on your own pictures (classifier `image_head`).",
    )
    model: str = Field(
        default="",
        description="A Hugging Face image-classification model (local folder or hub name) for the "
        "classifier `image_model`.",
    )
    model_labels: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="JSON object mapping that model's labels to category ids, for example "
        '{"nsfw": "adult_sexual"}; labels that are left out are ignored.',
    )
    zero_shot_model: str = Field(
        default="",
        description="A CLIP or SigLIP model (local folder or hub name) for the classifier "
        "`image_zero_shot`.",
    )
    zero_shot_prompts: Annotated[dict[str, list[str]], NoDecode] = Field(
        default_factory=dict,
        description="JSON object: category id → descriptions of pictures of it; under `none`, of "
        "harmless look-alikes.",
    )
    fetch_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts from which images given by URL are fetched (comma-separated; "
        "`.example.org` means all below). Empty means that none is fetched.",
    )

    fetch_internal_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="`host:port` of your own media servers, fetched from by plain HTTP and at "
        "private addresses too (comma-separated).",
    )
    fetch_seconds: float = Field(
        default=10.0, gt=0, description="Longest time for fetching one image, in seconds."
    )

    @field_validator("model_labels", "zero_shot_prompts", mode="before")
    @classmethod
    def _json_object(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parsed: Any = json.loads(value) if value.strip() else {}
        if not isinstance(parsed, dict):
            raise ValueError("must be a JSON object")
        return parsed

    @field_validator("model_labels")
    @classmethod
    def _categories(cls, value: dict[str, str]) -> dict[str, str]:
        return {label: category(name).id for label, name in value.items()}

    @field_validator("fetch_hosts", "fetch_internal_hosts", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value
