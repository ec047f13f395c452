"""A client of the interop suite: the WebSocket over HTTP/2 of niquests and urllib3-future."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import niquests
from niquests.exceptions import ReadTimeout

from agent import ANSWER_LIMIT, OPEN_LIMIT, Agent, Ending, Refused, answered, sample, serve

LOST = Ending(1006)
UNTOLD = Ending(None, None)
TURN = 0.002
PAUSE = 0.05


class Socket:
    """A WebSocket that reads by turns: a read over HTTP/2 keeps the connection from all others."""

    def __init__(self, extension: Any, protocol: str) -> None:
        self.extension = extension
        self.protocol = protocol
        self.waiting: asyncio.Future[str | bytes] | None = None
        self.echoing = asyncio.Lock()
        self.closing = False
        self.closed = asyncio.create_task(self.read())

    @asynccontextmanager
    async def holding(self, limit: float) -> AsyncIterator[None]:
        """Have the connection, with a limit to each wait: the request's own timeout is for all."""
        if self.extension.closed:
            raise ConnectionError("closed")
        police, response = self.extension._police_officer, self.extension._response
        async with police.borrow(response) as connection:
            connection.sock.settimeout(limit)
            yield

    async def read(self) -> Ending:
        while True:
            try:
                async with self.holding(TURN):
                    payload = await self.extension.next_payload()
            except ReadTimeout:
                await asyncio.sleep(PAUSE)
                continue
            except Exception:
                # A reset comes as an error of jh2 that nothing turns into one of niquests.
                return UNTOLD if self.closing else LOST
            if payload is None:
                return UNTOLD
            if self.waiting and not self.waiting.done():
                self.waiting.set_result(payload)

    async def echo(self, kind: str, size: int) -> bool:
        async with self.echoing:
            message = sample(kind, size)
            self.waiting = asyncio.get_running_loop().create_future()
            async with self.holding(ANSWER_LIMIT):
                await self.extension.send_payload(message)
            return await answered(self.waiting, self.closed) == message

    async def close(self, _code: int, _reason: str) -> Ending:
        # It takes neither code nor reason, and does not wait for an answer.
        if not self.closed.done():
            self.closing = True
            await self.extension.close()
        return await asyncio.shield(self.closed)

    def abort(self) -> None:
        raise NotImplementedError("cannot")


class NiquestsAgent(Agent):
    def __init__(self) -> None:
        super().__init__()
        # Without TLS only this makes it speak HTTP/2, with prior knowledge.
        self.session = niquests.AsyncSession(disable_http1=True)

    async def open(self, url: str, protocols: list[str], headers: dict[str, str]) -> Socket:
        if protocols:
            headers = {**headers, "sec-websocket-protocol": ", ".join(protocols)}
        # SSL_CERT_FILE means nothing to niquests.
        response = await self.session.get(
            url.replace("://", "+rfc8441://", 1),
            headers=headers,
            timeout=OPEN_LIMIT,
            verify=os.environ.get("SSL_CERT_FILE", True),
        )
        if response.extension is None:
            raise Refused(response.status_code)
        return Socket(response.extension, response.headers.get("sec-websocket-protocol", ""))


if __name__ == "__main__":
    versions = f"{version('niquests')} + {version('urllib3-future')}"
    serve("niquests + urllib3-future", versions, NiquestsAgent())
