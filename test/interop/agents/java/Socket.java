import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import reactor.core.publisher.Mono;
import reactor.netty.Connection;
import reactor.netty.http.websocket.WebsocketInbound;
import reactor.netty.http.websocket.WebsocketOutbound;

/** An open WebSocket. */
final class Socket {
    private static final Duration ECHO_TIMEOUT = Duration.ofSeconds(30);
    private static final String PHRASE = "grüße 🙂 ";
    private static final int ABNORMAL_CLOSURE = 1006;

    record Ending(int code, String reason) {}

    private record Message(boolean isText, byte[] data) {
        boolean isSameAs(Message other) {
            return isText == other.isText && Arrays.equals(data, other.data);
        }
    }

    private final Connection connection;
    private final WebsocketInbound in;
    private final WebsocketOutbound out;
    private final Mono<Ending> ending;
    /** The next message. */
    private volatile CompletableFuture<Message> next = new CompletableFuture<>();

    /** The connection of a WebSocket is also its inbound and its outbound. */
    Socket(Connection connection) {
        this.connection = connection;
        in = (WebsocketInbound) connection;
        out = (WebsocketOutbound) connection;
        // Empty or an error if the connection ends without a Close frame.
        ending = in.receiveCloseStatus()
                .map(status -> new Ending(status.code(), status.reasonText()))
                .onErrorComplete()
                .defaultIfEmpty(new Ending(ABNORMAL_CLOSURE, ""))
                .cache();
        ending.subscribe(each -> next.completeExceptionally(new IllegalStateException("closed: " + each)));
        in.receiveFrames().subscribe(this::onFrame, error -> {});
    }

    String protocol() {
        return in.selectedSubprotocol() == null ? "" : in.selectedSubprotocol();
    }

    Mono<Boolean> echo(String kind, int size) {
        var message = sample(kind, size);
        var content = Unpooled.wrappedBuffer(message.data);
        var frame = message.isText ? new TextWebSocketFrame(content) : new BinaryWebSocketFrame(content);
        next = new CompletableFuture<>();
        return out.sendObject(frame).then().then(Mono.fromFuture(next)).map(message::isSameAs).timeout(ECHO_TIMEOUT);
    }

    Mono<Ending> close(int code, String reason) {
        return out.sendClose(code, reason).then(ending);
    }

    Mono<Ending> closed() {
        return ending;
    }

    /** Closes the stream, or the connection of HTTP/1.1, without a Close frame. */
    Mono<Void> abort() {
        return Mono.fromRunnable(connection.channel()::close);
    }

    private void onFrame(WebSocketFrame frame) {
        next.complete(new Message(frame instanceof TextWebSocketFrame, ByteBufUtil.getBytes(frame.content())));
    }

    private static Message sample(String kind, int size) {
        boolean isText = kind.equals("text");
        var data = new byte[size];
        byte[] phrase = PHRASE.getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < size; i++) {
            data[i] = isText ? phrase[i % phrase.length] : (byte) (i * 31);
        }
        return new Message(isText, isText ? truncate(data, phrase.length) : data);
    }

    /** Cuts off an incomplete phrase, which might end within a character. */
    private static byte[] truncate(byte[] data, int phraseLength) {
        return Arrays.copyOf(data, data.length - data.length % phraseLength);
    }
}
