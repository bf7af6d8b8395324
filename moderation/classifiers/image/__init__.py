"""Images: decoded behind a wall, looked at, read.

`decoding` is the only door; `nsfw`, `drawn_text` and `codes` look at what it lets in.
"""
