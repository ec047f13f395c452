"""A client of the interop suite: h2 opens the streams, wsproto implements WebSocket on them."""

import asyncio
import ssl
from importlib.metadata import version
from typing import Any
from urllib.parse import SplitResult, urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from agent import Agent, Ending, Refused, sample, serve, wait_for_message

LOST = Ending(CloseReason.ABNORMAL_CLOSURE)


class Connection(asyncio.Protocol):
    """An HTTP/2 connection that carries all sockets to a host."""

    def __init__(self) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.settings = asyncio.get_running_loop().create_future()
        self.sockets: dict[int, Socket] = {}
        self.usable = True

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        for socket in list(self.sockets.values()):
            socket.lost()
        if not self.settings.done():
            self.settings.set_exception(error or ConnectionError("closed before its SETTINGS"))

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self.on_event(event)
        self.flush()

    def on_event(self, event: Any) -> None:
        socket = self.sockets.get(getattr(event, "stream_id", None))
        match event:
            case RemoteSettingsChanged():
                if not self.settings.done():
                    self.settings.set_result(None)
                self.pump()
            case WindowUpdated():
                self.pump()
            case ConnectionTerminated():
                self.usable = False
            case DataReceived():
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if socket:
                    socket.received(event.data)
            case ResponseReceived() if socket:
                socket.response.set_result(dict(event.headers))
            case StreamEnded() if socket:
                socket.ended()
            case StreamReset() if socket:
                socket.lost()

    def pump(self) -> None:
        """Send data that waited for the windows of the peer to open."""
        for socket in list(self.sockets.values()):
            socket.pump()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    def reset(self, stream: int) -> None:
        self.sockets.pop(stream).lost()
        self.h2.reset_stream(stream, ErrorCodes.CANCEL)
        self.flush()

    async def open(
        self, url: SplitResult, protocols: list[str], headers: dict[str, str]
    ) -> "Socket":
        await self.settings
        if self.h2.remote_settings.enable_connect_protocol != 1:
            raise ConnectionError("Extended CONNECT is not advertised")
        stream = self.h2.get_next_available_stream_id()
        socket = self.sockets[stream] = Socket(self, stream)
        fields = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", {"ws": "http", "wss": "https"}[url.scheme]),
            (":path", f"{url.path or '/'}{'?' if url.query else ''}{url.query}"),
            (":authority", url.netloc),
            ("sec-websocket-version", "13"),
            *headers.items(),
        ]
        if protocols:
            fields.append(("sec-websocket-protocol", ", ".join(protocols)))
        self.h2.send_headers(stream, fields)
        self.flush()
        try:
            response = await socket.response
        except asyncio.CancelledError:
            self.reset(stream)
            raise
        if response[":status"] != "200":
            socket.finish()
            raise Refused(int(response[":status"]))
        socket.protocol = response.get("sec-websocket-protocol", "")
        if socket.protocol not in ["", *protocols]:
            self.reset(stream)
            raise ConnectionError(f"the server chose {socket.protocol!r}")
        return socket


class Socket:
    """A WebSocket on a stream. `outgoing` contains data that waits for the windows of the peer."""

    def __init__(self, connection: Connection, stream: int) -> None:
        loop = asyncio.get_running_loop()
        self.connection = connection
        self.stream = stream
        self.protocol = ""
        self.frames = Frames(ConnectionType.CLIENT)
        self.outgoing = bytearray()
        self.writable = True
        self.finishing = False
        self.parts: list[str | bytes] = []
        self.waiting: asyncio.Future[str | bytes] | None = None
        self.echoing = asyncio.Lock()
        self.response: asyncio.Future[dict[str, str]] = loop.create_future()
        self.ending: Ending | None = None
        self.closed: asyncio.Future[Ending] = loop.create_future()

    def received(self, data: bytes) -> None:
        if self.frames.state not in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            return
        self.frames.receive_data(data)
        for event in self.frames.events():
            match event:
                case Ping():
                    if self.frames.state is ConnectionState.OPEN:
                        self.send(event.response())
                case Message():
                    self.on_message(event)
                case CloseConnection():
                    self.on_close(event)

    def on_message(self, event: Message) -> None:
        self.parts.append(event.data)
        if event.message_finished:
            message = self.parts[0][:0].join(self.parts)
            self.parts = []
            if self.waiting and not self.waiting.done():
                self.waiting.set_result(message)

    def on_close(self, event: CloseConnection) -> None:
        # wsproto reports a malformed frame with the same event, but does not change its state.
        if self.frames.state not in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            self.ending = Ending(event.code, event.reason or "")
        if self.frames.state is not ConnectionState.CLOSED:
            self.send(event.response())
        self.finish()

    def ended(self) -> None:
        """Handle END_STREAM. Without a Close before it, the socket was lost."""
        self.finish()
        self.settle()

    def lost(self) -> None:
        self.writable = False
        self.settle()

    def settle(self) -> None:
        if not self.closed.done():
            self.closed.set_result(self.ending or LOST)
        if not self.response.done():
            self.response.set_exception(ConnectionError("the stream ended without a response"))

    def send(self, event: Any) -> None:
        try:
            self.outgoing += self.frames.send(event)
        except LocalProtocolError as error:
            # Its text contains the whole message.
            raise ConnectionError("closed") from error
        self.pump()

    def finish(self) -> None:
        """Send END_STREAM after all outgoing data."""
        self.finishing = True
        self.pump()

    def pump(self) -> None:
        try:
            while self.writable and self.outgoing and (size := self.sendable()) > 0:
                self.connection.h2.send_data(self.stream, bytes(self.outgoing[:size]))
                del self.outgoing[:size]
            if self.writable and self.finishing and not self.outgoing:
                self.writable = False
                self.connection.h2.end_stream(self.stream)
        except ProtocolError:
            # h2 has already parsed a reset or GOAWAY, whose event has not been handled yet.
            self.lost()
        self.connection.flush()

    def sendable(self) -> int:
        h2 = self.connection.h2
        window = h2.local_flow_control_window(self.stream)
        return min(len(self.outgoing), window, h2.max_outbound_frame_size)

    async def echo(self, kind: str, size: int) -> bool:
        async with self.echoing:
            message = sample(kind, size)
            self.waiting = asyncio.get_running_loop().create_future()
            self.send(TextMessage(message) if kind == "text" else BytesMessage(message))
            return await wait_for_message(self.waiting, self.closed) == message

    async def close(self, code: int, reason: str) -> Ending:
        self.send(CloseConnection(code, reason))
        return await asyncio.shield(self.closed)

    def abort(self) -> None:
        self.connection.reset(self.stream)


class H2Agent(Agent):
    def __init__(self) -> None:
        super().__init__()
        self.connections: dict[str, asyncio.Task[Connection]] = {}

    async def open(self, url: str, protocols: list[str], headers: dict[str, str]) -> Socket:
        parts = urlsplit(url)
        connection = await self.connect(parts)
        return await connection.open(parts, protocols, headers)

    async def connect(self, url: SplitResult) -> Connection:
        """Return the connection to the host. Concurrent calls share it."""
        key = f"{url.scheme}://{url.netloc}"
        task = self.connections.get(key)
        if task is None or task.done() and (task.exception() or not task.result().usable):
            task = self.connections[key] = asyncio.create_task(connect(url))
        return await asyncio.shield(task)


async def connect(url: SplitResult) -> Connection:
    context = ssl.create_default_context() if url.scheme == "wss" else None
    if context:
        context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    transport, connection = await loop.create_connection(
        Connection, url.hostname, url.port, ssl=context
    )
    tls = transport.get_extra_info("ssl_object")
    if tls and tls.selected_alpn_protocol() != "h2":
        transport.abort()
        raise ConnectionError("the server does not speak HTTP/2")
    return connection


if __name__ == "__main__":
    serve("h2 + wsproto", f"{version('h2')} + {version('wsproto')}", H2Agent())
