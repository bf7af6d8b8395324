"""Many live rooms through the real service: the rate it sustains, and how long a turn takes.

Starts the service in a process of its own on a fresh database, opens the rooms, sends turns at a
fixed rate in all to rooms in turn (each at its time, whether the one before was answered or not),
and then as many as a few clients can.

    python benchmarks/conversation_service.py [--rooms 1000] [--rate 5] [--seconds 60] [--clients 8]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
from conversation_appending import turns

_PORT = 8699


@contextmanager
def service(folder: str) -> Iterator[str]:
    """The service on a database of its own; its address."""
    environment = os.environ | {"MODERATION_DATA_DIR": folder, "MODERATION_PORT": str(_PORT)}
    command = [sys.executable, "-m", "moderation.cli", "serve"]
    process = subprocess.Popen(command, env=environment)
    address = f"http://127.0.0.1:{_PORT}"
    try:
        for _ in range(600):
            try:
                if httpx.get(f"{address}/healthz", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(30)


async def send(client: httpx.AsyncClient, room: int, number: int) -> float:
    """One turn; seconds until the answer."""
    [turn] = turns(number, 1)
    body = {"turns": [turn.model_dump(mode="json", exclude_none=True)]}
    start = time.perf_counter()
    answer = await client.post(f"/v1/conversations/room-{room}/turns", json=body)
    answer.raise_for_status()
    return time.perf_counter() - start


async def many(
    client: httpx.AsyncClient, rooms: int, first: int, count: int, clients: int
) -> list[float]:
    """So many turns by so many clients, each as fast as it is answered."""
    left = iter(range(first, first + count))

    async def one() -> list[float]:
        return [await send(client, number % rooms, number) for number in left]

    return [t for own in await asyncio.gather(*(one() for _ in range(clients))) for t in own]


async def measure(address: str, options: argparse.Namespace) -> None:
    """Prints both figures."""
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        await many(client, options.rooms, 0, options.rooms, options.clients)
        count = int(options.rate * options.seconds)
        start = time.perf_counter()
        tasks = []
        for number in range(count):
            await asyncio.sleep(max(0.0, start + number / options.rate - time.perf_counter()))
            tasks.append(
                asyncio.create_task(send(client, number % options.rooms, options.rooms + number))
            )
        taken = await asyncio.gather(*tasks)
        rate = count / (time.perf_counter() - start)
        told(f"{options.rooms} rooms, {rate:.1f} turns/s asked for and answered", taken)
        start = time.perf_counter()
        taken = await many(
            client, options.rooms, options.rooms + count, 10 * count, options.clients
        )
        told(
            f"{options.clients} clients without a pause: "
            f"{len(taken) / (time.perf_counter() - start):.1f} turns/s",
            taken,
        )


def told(title: str, taken: list[float]) -> None:
    """Median and 99th percentile."""
    middle, high = np.percentile(taken, [50, 99])
    print(f"{title}: median {1000 * middle:.0f} ms, p99 {1000 * high:.0f} ms, n = {len(taken)}")


def main() -> None:
    """Prints the sustained rate and the p99."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, service(folder) as address:
        asyncio.run(measure(address, options))


if __name__ == "__main__":
    main()
