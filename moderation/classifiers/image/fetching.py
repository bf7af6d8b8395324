"""Gets images that are given by URL, from hosts that the operator named and from nowhere else.

Every step is checked: the host against the list, each address it resolves to against private
networks, and the same again after every redirect. The connection goes to the address that was
checked, so that a name cannot change its meaning in between.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from urllib.parse import SplitResult, urljoin, urlsplit

from moderation.classifiers.image.refusals import ImageRefused

_MOST_REDIRECTS = 3
_CHUNK = 65_536

#: Names that are resolved at a time; where no resolver answers, each holds a thread for a while.
_MOST_LOOKUPS = 16
_lookups = threading.BoundedSemaphore(_MOST_LOOKUPS)

#: All addresses of IPv6 that are given out (RFC 4291); the rest is local, reserved or old wrapping.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

Resolve = Callable[[str, int], Iterable[str]]


def addresses(host: str, port: int) -> list[str]:
    """The IP addresses of a host.

    Raises:
        OSError: the name cannot be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class SafeFetcher:
    """URL → bytes. Safe to use from threads.

    Args:
        hosts: names that may be fetched from, by HTTPS on port 443 and only at public addresses;
            `.example.org` means every name below.
        internal_hosts: `name:port` of the operator's own media servers, by plain HTTP and at any
            address.
        max_bytes: largest file.
        seconds: longest time for one URL, names and redirects included.
        resolve: host and port → addresses.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        *,
        internal_hosts: Iterable[str] = (),
        max_bytes: int = 20_000_000,
        seconds: float = 10.0,
        resolve: Resolve = addresses,
    ) -> None:
        self._hosts = tuple(host.lower().rstrip(".") for host in hosts)
        self._internal = frozenset(host.lower() for host in internal_hosts)
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._resolve = resolve

    def __call__(self, url: str) -> bytes:
        """The file behind a URL.

        Raises:
            ImageRefused: `url_not_fetched` with what was wrong, `too_large` or `timeout`.
        """
        guard = _Guard(self._seconds)
        try:
            with guard:
                for _ in range(_MOST_REDIRECTS + 1):
                    answer = self._get(url, guard)
                    if isinstance(answer, bytes):
                        return answer
                    url = answer
            raise _refused(f"more than {_MOST_REDIRECTS} redirects")
        except (OSError, http.client.HTTPException, ValueError) as error:
            if guard.expired or isinstance(error, TimeoutError):
                raise ImageRefused(
                    "timeout", f"the image took longer than {self._seconds:g} seconds to arrive"
                ) from None
            reason = str(error) or type(error).__name__
            raise _refused(f"the host does not answer: {reason}") from None

    def _get(self, url: str, guard: _Guard) -> bytes | str:
        """The file, or where the host says it is."""
        parts = urlsplit(url)
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(contextlib.closing(self._connect(parts, guard)))
            target = parts.path or "/"
            target += f"?{parts.query}" if parts.query else ""
            headers = {"Accept": "image/*", "User-Agent": "moderation-workbench"}
            connection.request("GET", target, headers=headers)
            response = stack.enter_context(contextlib.closing(connection.getresponse()))
            if response.status in {301, 302, 303, 307, 308}:
                return urljoin(url, response.headers.get("Location", ""))
            if response.status != 200:
                raise _refused(f"the host answers {response.status} {response.reason}"[:200])
            body = self._body(response)
            if guard.expired:
                # Without a stated length a cut connection looks like the end of the file.
                raise TimeoutError
            return body

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        body = bytearray()
        while chunk := response.read(_CHUNK):
            body += chunk
            if len(body) > self._max_bytes:
                raise ImageRefused("too_large", f"the image has more than {self._max_bytes} bytes")
        if response.length:
            raise _refused("the host broke off")
        return bytes(body)

    def _connect(self, parts: SplitResult, guard: _Guard) -> http.client.HTTPConnection:
        host = (parts.hostname or "").lower().rstrip(".")
        if parts.username or parts.password:
            raise _refused("a URL with a user name is not fetched")
        internal = f"{host}:{parts.port or 80}" in self._internal and parts.scheme == "http"
        if not internal:
            if parts.scheme != "https" or parts.port not in {None, 443}:
                raise _refused("only HTTPS on its usual port is fetched")
            if not self._listed(host):
                raise _refused(f"the host {host!r} is not among those that are fetched from")
        port = parts.port or (80 if internal else 443)
        found = self._checked_addresses(host, port, guard, internal=internal)
        plain = _connected(found, port, guard)
        if internal:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = plain
            return connection
        secure = http.client.HTTPSConnection(host, port)
        secure.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        guard.watch(secure.sock)
        return secure

    def _listed(self, host: str) -> bool:
        return any(
            host.endswith(known) if known.startswith(".") else host == known
            for known in self._hosts
        )

    def _checked_addresses(
        self, host: str, port: int, guard: _Guard, *, internal: bool
    ) -> list[str]:
        found = _resolved(self._resolve, host, port, guard)
        if not found:
            raise _refused(f"the host {host!r} has no address")
        for address in found:
            # One private address among public ones is an attempt to get at it: refuse them all.
            if not internal and not is_public(address):
                raise _refused(f"the host {host!r} leads to a private network")
        return found


def _resolved(resolve: Resolve, host: str, port: int, guard: _Guard) -> list[str]:
    """The addresses of a host. A resolver knows no time limit: it is left behind in its thread.

    Raises:
        TimeoutError: it took longer than the guard allows.
    """
    answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(list(resolve(host, port)))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            answer.put(error)
        finally:
            _lookups.release()

    if not _lookups.acquire(timeout=guard.remaining()):
        raise TimeoutError
    threading.Thread(target=ask, name="resolving", daemon=True).start()
    try:
        found = answer.get(timeout=guard.remaining())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found


def _connected(found: list[str], port: int, guard: _Guard) -> socket.socket:
    """A connection to the first address that answers; each may use its share of the time left.

    Raises:
        OSError: none of them answers.
    """
    for number, address in enumerate(found, start=1):
        share = guard.remaining() / (len(found) - number + 1)
        try:
            plain = socket.create_connection((address, port), timeout=share)
        except OSError:
            if number == len(found):
                raise
            continue
        plain.settimeout(guard.remaining())
        guard.watch(plain)
        return plain
    raise OSError("no address")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also where it is wrapped into IPv6."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and parsed in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if parsed not in _GLOBAL_UNICAST:
            return False
    return parsed.is_global and not parsed.is_multicast


class _Guard:
    """Cuts the connection when the time is over: a host that sends a byte now and then would
    otherwise never run into a time limit."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._socket: socket.socket | None = None
        self.expired = False

    def remaining(self) -> float:
        """Seconds that are left, more than 0.

        Raises:
            TimeoutError: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def watch(self, connection: socket.socket) -> None:
        self._socket = connection
        if self.expired:
            self._cut()

    def _cut(self) -> None:
        self.expired = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Guard:
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _refused(reason: str) -> ImageRefused:
    return ImageRefused("url_not_fetched", reason)
