"""An echo server on hypercorn: server.py CERT KEY. It exits when its standard input closes.

What stays as hypercorn has it: windows of 64 KiB for a connection and for each stream, 100 streams, messages of up to
16 MiB, and one process with asyncio's own event loop, which sets TCP_NODELAY.
"""

import asyncio
import json
import platform
import socket
import sys
from functools import partial
from importlib.metadata import version

from hypercorn.asyncio import serve
from hypercorn.config import Config


async def app(scope, receive, send):
    if scope["type"] != "websocket" or scope["path"] != "/echo":
        return
    while (event := await receive())["type"] != "websocket.disconnect":
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        else:
            await send({**event, "type": "websocket.send"})


def main(certificate, key):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config.from_mapping(
        # Hypercorn tells the port that the kernel chose to its log alone, so it is given a socket that has one.
        bind=f"fd://{listener.detach()}",
        certfile=certificate,
        keyfile=key,
        loglevel="WARNING",
        graceful_timeout=0,
    )
    versions = f"Python {platform.python_version()}, hypercorn {version('hypercorn')}, h2 {version('h2')}"
    print(json.dumps({"port": port, "name": "Python hypercorn", "version": versions}), flush=True)
    asyncio.run(serve(app, config, shutdown_trigger=partial(asyncio.to_thread, sys.stdin.read)))


main(*sys.argv[1:])
