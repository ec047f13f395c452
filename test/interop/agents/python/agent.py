"""What the Python clients of the interop suite share: commands and answers, one a line."""

import asyncio
import json
import sys
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Protocol

OPEN_LIMIT = 10
ANSWER_LIMIT = 30

class Ending(NamedTuple):
    """How a socket closed; None is what the library does not tell."""

    code: int | None
    reason: str | None = ""


class Refused(Exception):
    """The answer of a server that does not open a socket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answers {status}")
        self.status = status


class Socket(Protocol):
    """What the commands are about."""

    protocol: str
    closed: asyncio.Future[Ending]

    async def echo(self, kind: str, size: int) -> bool: ...

    async def close(self, code: int, reason: str) -> Ending: ...

    def abort(self) -> None: ...


class Agent(ABC):
    """What the commands are asked of."""

    def __init__(self) -> None:
        self.sockets: dict[int, Socket] = {}

    @abstractmethod
    async def open(self, url: str, protocols: list[str], headers: dict[str, str]) -> Socket: ...

    async def do(self, command: dict[str, Any]) -> Any:
        if command["do"] == "open":
            return await self._open(command)
        socket = self.sockets[command["socket"]]
        match command["do"]:
            case "echo":
                return await socket.echo(command["kind"], command["bytes"])
            case "close":
                async with asyncio.timeout(ANSWER_LIMIT):
                    return await socket.close(command["code"], command["reason"])
            case "closed":
                return await asyncio.shield(socket.closed)
            case "abort":
                return socket.abort()
        raise ValueError(f"no such command: {command['do']}")

    async def _open(self, command: dict[str, Any]) -> dict[str, Any]:
        async with asyncio.timeout(OPEN_LIMIT):
            socket = await self.open(
                command["url"], command.get("protocols", []), command.get("headers", {})
            )
        number = len(self.sockets) + 1
        self.sockets[number] = socket
        return {"socket": number, "protocol": socket.protocol}


def sample(kind: str, size: int) -> str | bytes:
    """Make a message of so many bytes."""
    if kind == "binary":
        return bytes(i * 31 & 255 for i in range(256)) * (size // 256) + bytes(size % 256)
    phrase = "grüße 🙂 "
    times, rest = divmod(size, len(phrase.encode()))
    return phrase * times + "." * rest


async def answered(
    message: asyncio.Future[str | bytes], closed: asyncio.Future[Ending]
) -> str | bytes:
    """Wait for the message, for as long as the socket is open."""
    await asyncio.wait(
        {message, closed}, timeout=ANSWER_LIMIT, return_when=asyncio.FIRST_COMPLETED
    )
    if message.done():
        return message.result()
    raise ConnectionError("closed") if closed.done() else TimeoutError()


def serve(name: str, version: str, agent: Agent) -> None:
    """Answer commands until the standard input ends."""
    asyncio.run(_serve(name, version, agent))


async def _serve(name: str, version: str, agent: Agent) -> None:
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    _say({"name": name, "version": version})
    under_way = set()
    async for line in lines:
        task = asyncio.create_task(_answer(json.loads(line), agent))
        under_way.add(task)
        task.add_done_callback(under_way.discard)


async def _answer(command: dict[str, Any], agent: Agent) -> None:
    try:
        value = await agent.do(command)
        answer = {"value": value._asdict() if isinstance(value, Ending) else value}
    except Exception as error:
        words = "timed out" if isinstance(error, TimeoutError) else str(error)
        answer = {"error": words or type(error).__name__}
        if isinstance(error, Refused):
            answer["status"] = error.status
    _say({"id": command["id"], **answer})


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
