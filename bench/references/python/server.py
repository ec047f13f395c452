"""Reference server of the benchmark: an echo server on hypercorn. Usage: server.py CERT KEY

It prints its port and versions as a line of JSON, answers each line of its standard input with a line after a garbage
collection, and exits when the input closes. Defaults of hypercorn are kept: windows of 64 KiB for a connection and for
each stream, 100 streams, messages of up to 16 MiB, and one process with asyncio's event loop, which sets TCP_NODELAY.
"""

import asyncio
import gc
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


def collect_garbage_on_request():
    for _ in sys.stdin:
        gc.collect()
        print(flush=True)


def main(certificate, key):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config.from_mapping(
        # Hypercorn only logs a port that the kernel chooses, so it receives a socket that is bound already.
        bind=f"fd://{listener.detach()}",
        certfile=certificate,
        keyfile=key,
        loglevel="WARNING",
        graceful_timeout=0,
    )
    versions = f"Python {platform.python_version()}, hypercorn {version('hypercorn')}, h2 {version('h2')}"
    print(json.dumps({"port": port, "name": "Python hypercorn", "version": versions}), flush=True)
    asyncio.run(serve(app, config, shutdown_trigger=partial(asyncio.to_thread, collect_garbage_on_request)))


main(*sys.argv[1:])
