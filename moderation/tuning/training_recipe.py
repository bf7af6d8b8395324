"""What a training run does, as a file: `recipes/base.yaml` is the shipped model's."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from moderation.errors import ModerationError

RECIPES = Path(__file__).resolve().parent / "recipes"
#: Rows of one source that a calibration is fitted on, at most, unless a recipe says otherwise.
CALIBRATION_ROWS = 800


class InvalidRecipe(ModerationError):
    """A training recipe is missing or has an unknown or impossible value."""


class Recipe(BaseModel):
    """What a training run does; see ``recipes/base.yaml`` for the meaning of each value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    seed: int
    tokens: int = Field(gt=0)
    batch_tokens: int = Field(gt=0)
    longest: int = Field(gt=8, le=512)
    rank: int = Field(gt=0)
    layers: int = Field(gt=0, le=12)
    fixed: int = Field(default=0, ge=0)
    learning_rate: float = Field(gt=0)
    head_learning_rate: float = Field(gt=0)
    warm_up: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    weak_weight: float = Field(ge=0, le=1)
    averaging: float = Field(ge=0, lt=1)
    sampling_power: float = Field(ge=0)
    disguised: float = Field(ge=0, le=1)
    shares: dict[str, float]
    source_weights: dict[str, float] = Field(default_factory=dict)
    seed_weights: dict[str, float] = Field(default_factory=dict)  #: by file of the seed corpus
    #: How many times as often a text of ours is drawn that the model to start from gets wholly
    #: wrong, against one that it gets right.
    mistaken_weight: float = Field(default=1.0, ge=1)
    held_out_functions: tuple[str, ...] = ()
    held_out_languages: tuple[str, ...] = ()
    calibration_rows: int = Field(default=CALIBRATION_ROWS, gt=0)  #: of each source, at most


def read_recipe(name_or_path: str) -> Recipe:
    """A recipe of the package by name, or any YAML file by path.

    Raises:
        InvalidRecipe: no such recipe, or a field is unknown, missing or impossible.
    """
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = RECIPES / f"{name_or_path}.yaml"
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return Recipe.model_validate(content)
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise InvalidRecipe(f"{path}: cannot be read; recipes of the package: {known}") from error
    except YAMLError as error:
        raise InvalidRecipe(f"{path}: not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRecipe(
            f"{path}: {'.'.join(map(str, first['loc'])) or 'top'}: {first['msg']}"
        ) from error
