"""A client of the interop suite: the WebSocket over HTTP/2 of niquests and urllib3-future."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import niquests
from niquests.exceptions import ReadTimeout

from agent import (
    ECHO_TIMEOUT,
    OPEN_TIMEOUT,
    Agent,
    Ending,
    Refused,
    sample,
    serve,
    wait_for_message,
)

LOST = Ending(1006)
UNKNOWN = Ending(None, None)
READ_TIMEOUT = 0.002
READ_INTERVAL = 0.05


class Socket:
    """A WebSocket that polls: a read over HTTP/2 locks the connection, which other sockets share."""

    def __init__(self, extension: Any, protocol: str) -> None:
        self.extension = extension
        self.protocol = protocol
        self.waiting: asyncio.Future[str | bytes] | None = None
        self.echoing = asyncio.Lock()
        self.closing = False
        self.closed = asyncio.create_task(self.read())

    @asynccontextmanager
    async def locked(self, timeout: float) -> AsyncIterator[None]:
        """Lock the connection, with its own timeout: that of the request applies to all sockets."""
        if self.extension.closed:
            raise ConnectionError("closed")
        police, response = self.extension._police_officer, self.extension._response
        async with police.borrow(response) as connection:
            connection.sock.settimeout(timeout)
            yield

    async def read(self) -> Ending:
        while True:
            try:
                async with self.locked(READ_TIMEOUT):
                    payload = await self.extension.next_payload()
            except ReadTimeout:
                await asyncio.sleep(READ_INTERVAL)
                continue
            except Exception:
                # niquests does not wrap the error of jh2 that reports a reset.
                return UNKNOWN if self.closing else LOST
            if payload is None:
                return UNKNOWN
            if self.waiting and not self.waiting.done():
                self.waiting.set_result(payload)

    async def echo(self, kind: str, size: int) -> bool:
        async with self.echoing:
            message = sample(kind, size)
            self.waiting = asyncio.get_running_loop().create_future()
            async with self.locked(ECHO_TIMEOUT):
                await self.extension.send_payload(message)
            return await wait_for_message(self.waiting, self.closed) == message

    async def close(self, _code: int, _reason: str) -> Ending:
        # The library accepts neither code nor reason, and does not wait for the peer's Close.
        if not self.closed.done():
            self.closing = True
            await self.extension.close()
        return await asyncio.shield(self.closed)

    def abort(self) -> None:
        raise NotImplementedError("not supported by niquests")


class NiquestsAgent(Agent):
    def __init__(self) -> None:
        super().__init__()
        # Without TLS, only this makes it use HTTP/2, with prior knowledge.
        self.session = niquests.AsyncSession(disable_http1=True)

    async def open(self, url: str, protocols: list[str], headers: dict[str, str]) -> Socket:
        if protocols:
            headers = {**headers, "sec-websocket-protocol": ", ".join(protocols)}
        # niquests ignores SSL_CERT_FILE.
        response = await self.session.get(
            url.replace("://", "+rfc8441://", 1),
            headers=headers,
            timeout=OPEN_TIMEOUT,
            verify=os.environ.get("SSL_CERT_FILE", True),
        )
        if response.extension is None:
            raise Refused(response.status_code)
        return Socket(response.extension, response.headers.get("sec-websocket-protocol", ""))


if __name__ == "__main__":
    versions = f"{version('niquests')} + {version('urllib3-future')}"
    serve("niquests + urllib3-future", versions, NiquestsAgent())
