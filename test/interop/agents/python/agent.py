"""The command loop of the Python clients: reads commands, writes responses, one line of JSON each."""

import asyncio
import json
import sys
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Protocol

OPEN_TIMEOUT = 10
ECHO_TIMEOUT = 30

class Ending(NamedTuple):
    """Close code and reason of a socket; None if the library does not expose them."""

    code: int | None
    reason: str | None = ""


class Refused(Exception):
    """The handshake was refused with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server responded with {status}")
        self.status = status


class Socket(Protocol):
    """A socket that the commands act on."""

    protocol: str
    closed: asyncio.Future[Ending]

    async def echo(self, kind: str, size: int) -> bool: ...

    async def close(self, code: int, reason: str) -> Ending: ...

    def abort(self) -> None: ...


class Agent(ABC):
    """Runs the commands."""

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
                async with asyncio.timeout(ECHO_TIMEOUT):
                    return await socket.close(command["code"], command["reason"])
            case "closed":
                return await asyncio.shield(socket.closed)
            case "abort":
                return socket.abort()
        raise ValueError(f"no such command: {command['do']}")

    async def _open(self, command: dict[str, Any]) -> dict[str, Any]:
        async with asyncio.timeout(OPEN_TIMEOUT):
            socket = await self.open(
                command["url"], command.get("protocols", []), command.get("headers", {})
            )
        number = len(self.sockets) + 1
        self.sockets[number] = socket
        return {"socket": number, "protocol": socket.protocol}


def sample(kind: str, size: int) -> str | bytes:
    """Create a message of this size in bytes."""
    if kind == "binary":
        return bytes(i * 31 & 255 for i in range(256)) * (size // 256) + bytes(size % 256)
    phrase = "grüße 🙂 "
    times, rest = divmod(size, len(phrase.encode()))
    return phrase * times + "." * rest


async def wait_for_message(
    message: asyncio.Future[str | bytes], closed: asyncio.Future[Ending]
) -> str | bytes:
    """Wait for the message. Raise an error if the socket closes first."""
    await asyncio.wait(
        {message, closed}, timeout=ECHO_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
    )
    if message.done():
        return message.result()
    raise ConnectionError("closed") if closed.done() else TimeoutError()


def serve(name: str, version: str, agent: Agent) -> None:
    """Run commands until standard input ends."""
    asyncio.run(_serve(name, version, agent))


async def _serve(name: str, version: str, agent: Agent) -> None:
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    _respond({"name": name, "version": version})
    tasks = set()
    async for line in lines:
        task = asyncio.create_task(_run(json.loads(line), agent))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def _run(command: dict[str, Any], agent: Agent) -> None:
    try:
        value = await agent.do(command)
        response = {"value": value._asdict() if isinstance(value, Ending) else value}
    except Exception as error:
        message = "timed out" if isinstance(error, TimeoutError) else str(error)
        response = {"error": message or type(error).__name__}
        if isinstance(error, Refused):
            response["status"] = error.status
    _respond({"id": command["id"], **response})


def _respond(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
