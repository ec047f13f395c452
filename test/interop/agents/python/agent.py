"""What the Python clients of the interop suite share: commands and answers, one a line."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

OPEN_LIMIT = 10
ANSWER_LIMIT = 30

Do = Callable[[dict[str, Any]], Awaitable[Any]]


class Ending(NamedTuple):
    """How a socket closed; None is what the library does not tell."""

    code: int | None
    reason: str | None = ""


class Refused(Exception):
    """The answer of a server that does not open a socket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answers {status}")
        self.status = status


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


def serve(name: str, version: str, do: Do) -> None:
    """Answer commands until the standard input ends."""
    asyncio.run(_serve(name, version, do))


async def _serve(name: str, version: str, do: Do) -> None:
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    _say({"name": name, "version": version})
    under_way = set()
    async for line in lines:
        task = asyncio.create_task(_answer(json.loads(line), do))
        under_way.add(task)
        task.add_done_callback(under_way.discard)


async def _answer(command: dict[str, Any], do: Do) -> None:
    try:
        value = await do(command)
        answer = {"value": value._asdict() if isinstance(value, Ending) else value}
    except Exception as error:
        words = "timed out" if isinstance(error, TimeoutError) else str(error)
        answer = {"error": words or type(error).__name__}
        if isinstance(error, Refused):
            answer["status"] = error.status
    _say({"id": command["id"], **answer})


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
