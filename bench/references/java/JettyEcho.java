import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/**
 * Reference server of the benchmark: an echo server on Jetty. Usage: java JettyEcho CERT KEY
 *
 * <p>It prints its port and versions as a line of JSON, answers each line of its standard input with a line after a
 * garbage collection, and exits when the input closes. Defaults of Jetty and of the JVM are kept: windows of 1 MiB for
 * a connection and 512 KiB for each stream, 128 streams, binary messages of up to 64 KiB, TCP_NODELAY, a pool of up to
 * 200 threads, the G1 collector, and a heap of up to a quarter of the memory.
 */
public final class JettyEcho {
    public static void main(String[] arguments) throws Exception {
        SslContextFactory.Server tls = new SslContextFactory.Server();
        tls.setKeyStore(keyStoreOf(Path.of(arguments[0]), Path.of(arguments[1])));
        tls.setKeyStorePassword("");

        ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
        HTTP2ServerConnectionFactory h2 = new HTTP2ServerConnectionFactory(new HttpConfiguration());
        Server server = new Server();
        SslConnectionFactory ssl = new SslConnectionFactory(tls, alpn.getProtocol());
        ServerConnector connector = new ServerConnector(server, ssl, alpn, h2);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(WebSocketUpgradeHandler.from(server, container ->
            container.addMapping("/echo", (request, response, callback) -> new Echo())));
        server.start();

        System.out.printf(
            "{\"port\":%d,\"name\":\"Jetty\",\"version\":\"%s, Java %s\"}%n",
            connector.getLocalPort(), Server.getVersion(), Runtime.version());
        collectGarbageOnRequest();
        System.exit(0);
    }

    private static void collectGarbageOnRequest() throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        while (input.readLine() != null) {
            System.gc();
            System.out.println();
        }
    }

    private static KeyStore keyStoreOf(Path certificate, Path key) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("server", readKey(key), new char[0], new Certificate[] {readCertificate(certificate)});
        return store;
    }

    private static Certificate readCertificate(Path path) throws Exception {
        try (InputStream input = Files.newInputStream(path)) {
            return CertificateFactory.getInstance("X.509").generateCertificate(input);
        }
    }

    private static PrivateKey readKey(Path path) throws Exception {
        String base64 = Files.readString(path).replaceAll("-----[A-Z ]+-----|\\s", "");
        PKCS8EncodedKeySpec key = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(base64));
        return KeyFactory.getInstance("EC").generatePrivate(key);
    }

    public static final class Echo extends Session.Listener.AbstractAutoDemanding {
        @Override
        public void onWebSocketBinary(ByteBuffer payload, Callback callback) {
            getSession().sendBinary(payload, callback);
        }

        @Override
        public void onWebSocketText(String message) {
            getSession().sendText(message, Callback.NOOP);
        }

        /** Keeps Jetty from logging each socket whose connection the client closes. */
        @Override
        public void onWebSocketError(Throwable cause) {}
    }
}
