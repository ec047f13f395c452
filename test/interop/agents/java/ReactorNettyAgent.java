import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.annotations.SerializedName;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.websocketx.WebSocketClientHandshakeException;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import reactor.core.publisher.Mono;
import reactor.netty.http.Http2SslContextSpec;
import reactor.netty.http.HttpProtocol;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.client.WebsocketClientSpec;
import reactor.netty.resources.ConnectionProvider;
import reactor.netty.tcp.SslProvider;

/**
 * A client of the interop suite: reactor-netty, which uses HTTP/2 with TLS, and HTTP/1.1 without. It reads commands from
 * standard input and writes responses to standard output, one line of JSON each.
 */
final class ReactorNettyAgent {
    private static final Duration OPEN_TIMEOUT = Duration.ofSeconds(10);
    /** By default, frames of more than 64 KiB are rejected. */
    private static final int MAX_FRAME = 2 << 20;
    private static final Gson JSON = new GsonBuilder().serializeNulls().create();

    private record Command(
            int id,
            @SerializedName("do") String name,
            String url,
            List<String> protocols,
            Map<String, String> headers,
            int socket,
            String kind,
            int bytes,
            int code,
            String reason) {}

    private record Opened(int socket, String protocol) {}

    private final HttpClient cleartext = HttpClient.create();
    private final HttpClient secure = secureClient();
    private final Map<Integer, Socket> sockets = new ConcurrentHashMap<>();
    private final AtomicInteger last = new AtomicInteger();

    public static void main(String[] args) throws Exception {
        respond(Map.of("version", HttpClient.class.getPackage().getImplementationVersion()));
        var agent = new ReactorNettyAgent();
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            agent.handle(line);
        }
        System.exit(0);
    }

    private static HttpClient secureClient() {
        SslProvider.GenericSslContextSpec<?> context = Http2SslContextSpec.forClient()
                .configure(builder -> builder.trustManager(new File(System.getenv("SSL_CERT_FILE"))));
        // By default, sockets that are opened at the same time have a connection each.
        var connections = ConnectionProvider.builder("shared").maxConnections(1).pendingAcquireMaxCount(-1).build();
        return HttpClient.create(connections)
                .protocol(HttpProtocol.H2, HttpProtocol.HTTP11)
                .secure(spec -> spec.sslContext(context));
    }

    private void handle(String line) {
        var command = JSON.fromJson(line, Command.class);
        Mono.defer(() -> run(command))
                .map(value -> Map.<String, Object>of("value", value))
                .defaultIfEmpty(Map.of())
                .onErrorResume(error -> Mono.just(describe(error)))
                .subscribe(response -> {
                    var fields = new TreeMap<String, Object>(response);
                    fields.put("id", command.id);
                    respond(fields);
                });
    }

    private Mono<?> run(Command command) {
        if (command.name.equals("open")) {
            return open(command);
        }
        var socket = sockets.get(command.socket);
        return switch (command.name) {
            case "echo" -> socket.echo(command.kind, command.bytes);
            case "close" -> socket.close(command.code, command.reason);
            case "closed" -> socket.closed();
            case "abort" -> socket.abort();
            default -> Mono.error(new IllegalArgumentException("no such command: " + command.name));
        };
    }

    private Mono<Opened> open(Command command) {
        var spec = WebsocketClientSpec.builder().maxFramePayloadLength(MAX_FRAME);
        if (command.protocols != null) {
            spec.protocols(String.join(",", command.protocols));
        }
        return (command.url.startsWith("wss:") ? secure : cleartext)
                .headers(headers -> setHeaders(headers, command))
                .websocket(spec.build())
                .uri(command.url)
                .connect()
                .timeout(OPEN_TIMEOUT)
                .map(connection -> {
                    int number = last.incrementAndGet();
                    var socket = new Socket(connection);
                    sockets.put(number, socket);
                    return new Opened(number, socket.protocol());
                });
    }

    private static void setHeaders(HttpHeaders headers, Command command) {
        // By default, it sends the origin of the server, but over HTTP/2 with http: instead of https:.
        var url = URI.create(command.url);
        headers.set("origin", url.getScheme().replace("ws", "http") + "://" + url.getAuthority());
        if (command.headers != null) {
            command.headers.forEach(headers::set);
        }
    }

    private static Map<String, Object> describe(Throwable error) {
        var fields = new TreeMap<String, Object>();
        fields.put("error", error.toString());
        if (error instanceof WebSocketClientHandshakeException refusal && refusal.response() != null) {
            fields.put("status", refusal.response().status().code());
        }
        return fields;
    }

    private static synchronized void respond(Map<String, ?> line) {
        System.out.println(JSON.toJson(line));
    }
}
