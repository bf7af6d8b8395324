"""The command line: `moderation …`. Thin; every command calls what the floors below offer."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError

from moderation.errors import ModerationError


def build() -> typer.Typer:
    """The application with all its commands."""
    from moderation.cli import (
        audit,
        bank,
        conversations,
        demo,
        evaluate,
        models,
        phrases,
        policy,
        queue,
        retention,
        reviewers,
        screen,
        serve,
        settings,
        train,
        train_conversation,
        train_image,
    )

    app = typer.Typer(
        name="moderation",
        help="The open moderation and trust-and-safety workbench.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(screen.screen)
    app.command()(serve.serve)
    app.command()(serve.dashboard)
    app.command()(demo.demo)
    app.command("settings")(settings.show)
    app.command()(evaluate.evaluate)
    app.add_typer(policy.app, name="policy", help="Lint, compare, explain and version the packs.")
    app.add_typer(bank.app, name="bank", help="Banks of known images.")
    app.add_typer(phrases.app, name="phrases", help="Banks of phrases.")
    app.add_typer(reviewers.app, name="reviewers", help="The people who review.")
    app.add_typer(queue.app, name="queue", help="What waits, appeals, quality, a lead's work.")
    app.add_typer(audit.app, name="audit", help="The audit log.")
    app.add_typer(retention.app, name="retention", help="Deletion, erasure and legal holds.")
    train.app.command("image")(train_image.image)
    train.app.command("conversation")(train_conversation.conversation)
    app.add_typer(train.app, name="train", help="Train models on labelled data.")
    app.add_typer(conversations.app, name="conversations", help="Read exports of chats.")
    app.add_typer(models.app, name="models", help="Prepare and list the models.")
    return app


def main() -> None:
    """Runs the command line; a `ModerationError` ends as one clear sentence and exit code 2."""
    try:
        build()()
    except ModerationError as error:
        _complain(str(error))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "MODERATION_" + "_".join(str(part) for part in first["loc"]).upper()
        _complain(f"the setting {name} is wrong: {first['msg'].removeprefix('Value error, ')}")


def _complain(message: str) -> None:
    print(f"moderation: {message}", file=sys.stderr)  # noqa: T201
    raise SystemExit(2)
