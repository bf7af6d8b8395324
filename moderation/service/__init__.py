"""The HTTP face: FastAPI, thin; screening, policy and the queue live on the floors below."""

from moderation.service.app import create_app

__all__ = ["create_app"]
