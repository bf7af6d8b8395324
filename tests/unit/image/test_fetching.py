"""Images by URL, from a real server on this machine: what is fetched, and what never is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image.decoding import SafeDecoder
from moderation.classifiers.image.fetching import SafeFetcher, is_public
from moderation.classifiers.image.refusals import ImageRefused
from moderation.items import ImagePart
from moderation.settings import Settings


class MediaServer(BaseHTTPRequestHandler):
    """Answers by path; `picture` is set by the fixture."""

    picture = b""

    def do_GET(self) -> None:
        where = self.path
        if where.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", where.removeprefix("/to?"))
            self.end_headers()
        elif where == "/missing":
            self.send_error(404)
        elif where == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                threading.Event().wait(0.05)
        elif where == "/broken-off":
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.picture)))
            self.end_headers()
            self.wfile.write(self.picture[:100])
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.picture)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture(scope="module")
def media(encode) -> Iterator[str]:
    """`host:port` of the server."""
    MediaServer.picture = encode("PNG")
    server = ThreadingHTTPServer(("127.0.0.1", 0), MediaServer)
    server.handle_error = lambda *_: None  # a client that hangs up is part of the tests
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def code_of(fetch: SafeFetcher, url: str) -> tuple[str, str]:
    with pytest.raises(ImageRefused) as refusal:
        fetch(url)
    return refusal.value.code, refusal.value.message


def test_an_internal_media_server_that_was_named_is_fetched_from(media, encode):
    fetch = SafeFetcher(internal_hosts=[media])
    assert fetch(f"http://{media}/a.png?size=large") == encode("PNG")
    assert fetch(f"http://{media}/to?/a.png") == encode("PNG")


def test_a_server_that_was_not_named_is_never_asked(media):
    for hosts in ([], ["127.0.0.1:1"], ["localhost:80"]):
        code, message = code_of(SafeFetcher(internal_hosts=hosts), f"http://{media}/a.png")
        assert code == "url_not_fetched"
        assert "only HTTPS" in message


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://internal.example/secret",
        "http://127.0.0.1:22/",
        "file:///etc/passwd",
        "//localhost/x",
    ],
)
def test_a_redirect_is_checked_like_the_first_url(target, media):
    fetch = SafeFetcher(["public.example"], internal_hosts=[media])
    assert code_of(fetch, f"http://{media}/to?{target}")[0] == "url_not_fetched"


def test_redirects_end(media):
    loop = "/to?" * 6 + "/a.png"
    assert (
        "more than 3 redirects"
        in code_of(SafeFetcher(internal_hosts=[media]), f"http://{media}{loop}")[1]
    )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.5",
        "172.16.9.9",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "::10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b:1::a00:1",
        "fec0::1",
        "no address",
    ],
)
def test_private_addresses_are_not_public(address):
    assert not is_public(address)


def test_a_listed_name_that_leads_to_a_private_address_is_refused():
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")
    fetch = SafeFetcher(["img.example"], resolve=lambda host, port: ["93.184.216.34", "10.0.0.1"])
    assert "leads to a private network" in code_of(fetch, "https://img.example/a.png")[1]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://evil.example/a.png", "not among those"),
        ("https://img.example.evil.org/a.png", "not among those"),
        ("https://notexample.net/a.png", "not among those"),
        ("http://img.example/a.png", "only HTTPS"),
        ("https://img.example:8443/a.png", "only HTTPS"),
        ("https://user:pass@img.example/a.png", "user name"),
        ("ftp://img.example/a.png", "only HTTPS"),
        ("https://[::1", "does not answer"),
        ("", "only HTTPS"),
    ],
)
def test_urls_outside_the_list_are_refused_before_any_name_is_resolved(url, reason):
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} was resolved")

    fetch = SafeFetcher(["img.example", ".example.net"], resolve=resolve)
    code, message = code_of(fetch, url)
    assert code == "url_not_fetched"
    assert reason in message


def test_too_large_too_slow_missing_and_broken_off_files_are_refused(media):
    small = SafeFetcher(internal_hosts=[media], max_bytes=1000)
    assert code_of(small, f"http://{media}/a.png")[0] == "too_large"
    hasty = SafeFetcher(internal_hosts=[media], seconds=0.4)
    assert code_of(hasty, f"http://{media}/slow")[0] == "timeout"
    fetch = SafeFetcher(internal_hosts=[media])
    assert "404" in code_of(fetch, f"http://{media}/missing")[1]
    assert code_of(fetch, f"http://{media}/broken-off")[0] == "url_not_fetched"
    closed = SafeFetcher(internal_hosts=["127.0.0.1:9"])
    assert "does not answer" in code_of(closed, "http://127.0.0.1:9/a.png")[1]


def test_a_resolver_that_never_answers_uses_up_the_time_of_the_fetch_and_no_more():
    released = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        released.wait(60)
        return []

    try:
        fetch = SafeFetcher(["img.example"], seconds=0.2, resolve=resolve)
        assert code_of(fetch, "https://img.example/a.png")[0] == "timeout"
        assert not released.is_set()
    finally:
        released.set()


def test_a_name_that_cannot_be_resolved_is_told(media):
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    fetch = SafeFetcher(["img.example"], resolve=resolve)
    code, message = code_of(fetch, "https://img.example/a.png")
    assert (code, "no such name" in message) == ("url_not_fetched", True)


def test_the_next_address_is_tried_when_one_does_not_answer(media, encode):
    port = media.rpartition(":")[2]
    fetch = SafeFetcher(
        internal_hosts=[f"media.example:{port}"], resolve=lambda *_: ["127.0.0.9", "127.0.0.1"]
    )
    assert fetch(f"http://media.example:{port}/a.png") == encode("PNG")


def test_the_decoder_fetches_when_the_environment_allows_it(media, monkeypatch):
    part = ImagePart(url=f"http://{media}/a.png")
    [refusal] = SafeDecoder.from_settings(Settings()).decode_all([(0, part)])
    assert refusal.code == "url_not_fetched"
    monkeypatch.setenv("MODERATION_IMAGE_FETCH_INTERNAL_HOSTS", media)
    decoder = SafeDecoder.from_settings(Settings())
    [image] = decoder.decode_all([(0, part)])
    decoder.close()
    assert isinstance(image, DecodedImage)
