//! Reference server of the benchmark: an echo server on axum and hyper. Usage: rust-echo CERT KEY
//!
//! It prints its port and versions as a line of JSON, and exits when its standard input closes. Defaults of hyper are
//! kept: windows of 1 MiB for a connection and for each stream, and 200 streams. So are axum's, messages of up to
//! 64 MiB in frames of up to 16 MiB, and Tokio's, as many threads as cores.
use std::{env, error::Error, sync::Arc};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{copy, sink, stdin},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

const LOCK: &str = include_str!("../Cargo.lock");

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let [_, certificate, key] =
        <[String; 3]>::try_from(env::args().collect::<Vec<_>>()).map_err(|_| "usage: rust-echo CERT KEY")?;
    let tls = accept_tls(&certificate, &key)?;
    let app = Router::new().route("/echo", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!(
        r#"{{"port":{},"name":"Rust axum","version":"axum {}, hyper {}, h2 {}"}}"#,
        listener.local_addr()?.port(),
        version("axum"),
        version("hyper"),
        version("h2"),
    );
    let (mut input, mut nowhere) = (stdin(), sink());
    tokio::select! {
        result = listen(listener, tls, app) => result,
        _ = copy(&mut input, &mut nowhere) => Ok(()),
    }
}

fn accept_tls(certificate: &str, key: &str) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<std::result::Result<_, _>>()?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config).into())
}

async fn listen(listener: TcpListener, tls: TlsAcceptor, app: Router) -> Result<()> {
    loop {
        let (tcp, _) = listener.accept().await?;
        let (tls, app) = (tls.clone(), app.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(tcp, tls, app).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn serve(tcp: TcpStream, tls: TlsAcceptor, app: Router) -> Result<()> {
    tcp.set_nodelay(true)?;
    let connection = TokioIo::new(tls.accept(tcp).await?);
    let mut http = auto::Builder::new(TokioExecutor::new()).http2_only();
    http.http2().enable_connect_protocol();
    http.serve_connection(connection, TowerToHyperService::new(app)).await
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        // axum answers pings itself.
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"\nversion = \"");
    LOCK.split_once(&name)
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or_default()
}
