"""Models in the Hugging Face format, tiny and made here, loaded by the real code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    PreTrainedTokenizerFast,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from moderation.classifiers.base import DecodedImage, Prepared
from moderation.classifiers.image.hub_models import (
    HubImageClassifier,
    ZeroShotImageClassifier,
    image_model,
    image_zero_shot,
)
from moderation.errors import ModelUnavailable, UnknownCategory
from moderation.items import Item
from moderation.settings import Settings

LABELS = {"adult": "adult_sexual", "suggestive": "adult_sexual", "fake": "counterfeit"}
PROMPTS = {
    "counterfeit": ["a bag", "a watch"],
    "none": ["a cat", "a tree"],
}


@pytest.fixture(scope="module")
def vit(tmp_path_factory) -> Path:
    """An image classifier with random weights and four labels."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("vit")
    names = ["safe", "suggestive", "adult", "fake"]
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        id2label=dict(enumerate(names)),
        label2id={name: n for n, name in enumerate(names)},
        initializer_range=0.5,
    )
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A CLIP model with random weights and a vocabulary of a few words."""
    torch.manual_seed(2)
    folder = tmp_path_factory.mktemp("clip")
    words = ["[PAD]", "[UNK]", "<s>", "</s>", "a", "bag", "watch", "cat", "tree"]
    tokenizer = Tokenizer(
        models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=8,
    )
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = CLIPConfig(
        text_config={
            **small,
            "num_attention_heads": 2,
            "vocab_size": len(words),
            "max_position_embeddings": 8,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "pad_token_id": 0,
        },
        vision_config={**small, "num_attention_heads": 2, "image_size": 32, "patch_size": 8},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(folder)
    processor = CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    CLIPProcessor(processor, fast).save_pretrained(folder)
    return folder


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (40, 60, 3), dtype=np.uint8) for _ in range(count)]


def item(*pixels: np.ndarray) -> Prepared:
    images = tuple(DecodedImage(n, p, p.shape[1::-1], "") for n, p in enumerate(pixels))
    return Prepared(Item.from_row({"id": "1", "text": "a post"}), images=images)


def test_a_model_in_a_folder_gives_its_own_probabilities_by_category(vit):
    classifier = HubImageClassifier(str(vit), LABELS)
    some = pictures(11)
    scores = classifier.score(some)
    network = ViTForImageClassification.from_pretrained(vit)
    processor = ViTImageProcessor.from_pretrained(vit)
    inputs = processor(images=[Image.fromarray(p) for p in some], return_tensors="pt")
    with torch.inference_mode():
        expected = network(**inputs).logits.softmax(-1).numpy()
    assert scores[:, 0] == pytest.approx(expected[:, 1] + expected[:, 2], abs=1e-5)
    assert scores[:, 1] == pytest.approx(expected[:, 3], abs=1e-5)


def test_its_signals_name_image_category_and_model(vit):
    classifier = HubImageClassifier(str(vit), LABELS)
    assert classifier.categories == {"adult_sexual", "counterfeit"}
    first, second = classifier.classify([item(*pictures(2)), item()])
    assert second == []
    assert [(s.part, s.category) for s in first] == [
        ("image:0", "adult_sexual"),
        ("image:0", "counterfeit"),
        ("image:1", "adult_sexual"),
        ("image:1", "counterfeit"),
    ]
    assert {s.model_version for s in first} == {vit.name}
    assert {s.calibration_version for s in first} == {""}


def test_company_in_the_batch_changes_no_score(vit):
    classifier = HubImageClassifier(str(vit), LABELS)
    some = pictures(10)
    assert classifier.score(some)[9] == pytest.approx(classifier.score(some[9:])[0], abs=1e-3)


def test_labels_of_a_multi_label_model_are_independent(vit, tmp_path):
    for file in vit.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["problem_type"] = "multi_label_classification"
    (tmp_path / "config.json").write_text(json.dumps(config))
    [score] = HubImageClassifier(str(tmp_path), {"fake": "counterfeit"}).score(pictures(1))[0]
    softmax = HubImageClassifier(str(vit), {"fake": "counterfeit"}).score(pictures(1))[0][0]
    assert score != pytest.approx(softmax, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ({}, ModelUnavailable, "MODERATION_IMAGE_MODEL_LABELS"),
        ({"nude": "adult_sexual"}, ModelUnavailable, "no label 'nude'; its labels are safe, sugg"),
        ({"adult": "porn"}, UnknownCategory, "porn"),
    ],
)
def test_wrong_labels_are_refused(labels, error, message, vit):
    with pytest.raises(error, match=message):
        HubImageClassifier(str(vit), labels)


def test_a_folder_that_lacks_its_weights_is_refused_without_asking_the_network(vit, tmp_path):
    (tmp_path / "config.json").write_bytes((vit / "config.json").read_bytes())
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        HubImageClassifier(str(tmp_path), LABELS)


def test_pickled_weights_are_not_read(vit, tmp_path):
    for file in vit.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    network = ViTForImageClassification.from_pretrained(vit)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        HubImageClassifier(str(tmp_path), LABELS)


def test_descriptions_share_out_a_whole(clip):
    classifier = ZeroShotImageClassifier(str(clip), PROMPTS)
    scores = classifier.score(pictures(9))
    assert scores.shape == (9, 1)
    turned = ZeroShotImageClassifier(
        str(clip), {"counterfeit": PROMPTS["none"], "none": PROMPTS["counterfeit"]}
    ).score(pictures(9))
    assert scores + turned == pytest.approx(np.ones((9, 1)), abs=1e-5)
    [signal] = classifier.classify([item(*pictures(1))])[0]
    assert (signal.name, signal.category) == ("image_zero_shot.counterfeit", "counterfeit")


@pytest.mark.parametrize(
    "prompts", [{}, {"counterfeit": ["a bag"]}, {"counterfeit": [], "none": ["x"]}]
)
def test_descriptions_need_harmless_ones_beside_them(prompts, clip):
    with pytest.raises(ModelUnavailable, match="and for 'none'"):
        ZeroShotImageClassifier(str(clip), prompts)


def test_models_are_configured_by_the_environment(vit, clip, monkeypatch):
    monkeypatch.setenv("MODERATION_IMAGE_MODEL", str(vit))
    monkeypatch.setenv("MODERATION_IMAGE_MODEL_LABELS", json.dumps(LABELS))
    monkeypatch.setenv("MODERATION_IMAGE_ZERO_SHOT_MODEL", str(clip))
    monkeypatch.setenv("MODERATION_IMAGE_ZERO_SHOT_PROMPTS", json.dumps(PROMPTS))
    assert image_model(Settings()).categories == {"adult_sexual", "counterfeit"}
    assert image_zero_shot(Settings()).categories == {"counterfeit"}
    monkeypatch.delenv("MODERATION_IMAGE_MODEL")
    with pytest.raises(ModelUnavailable, match="needs MODERATION_IMAGE_MODEL"):
        image_model(Settings())
