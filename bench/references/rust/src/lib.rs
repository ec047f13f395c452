//! What the echo servers of the benchmark in Rust share. Their usage: PROGRAM CERT KEY
//!
//! A server prints its port and versions as a line of JSON, answers each line of its standard input with a line, and
//! exits when the input closes. Defaults of hyper are kept: windows of 1 MiB for a connection and for each stream, and
//! 200 streams. So are Tokio's: as many threads as cores.
use std::{env, error::Error, future::Future, sync::Arc};

use hyper::{
    body::{Body, Incoming},
    service::Service,
    {Request, Response},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
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

pub type BoxError = Box<dyn Error + Send + Sync>;
pub type Result<T> = std::result::Result<T, BoxError>;

/// Serves HTTP/2 over TLS with a service, until the standard input closes. `library` is the package that it uses.
pub async fn run<S, B>(library: &str, service: S) -> Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<BoxError>> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let [_, certificate, key] = <[String; 3]>::try_from(env::args().collect::<Vec<_>>())
        .map_err(|_| "expected the paths of a certificate and its key")?;
    let tls = accept_tls(&certificate, &key)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let versions = [library, "hyper", "h2"].map(|package| format!("{package} {}", version(package)));
    println!(
        r#"{{"port":{},"name":"Rust {library}","version":"{}"}}"#,
        listener.local_addr()?.port(),
        versions.join(", "),
    );
    tokio::select! {
        result = listen(listener, tls, service) => result,
        result = answer_lines() => result,
    }
}

/// Answers requests for a garbage collection, of which there is none.
async fn answer_lines() -> Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    while lines.next_line().await?.is_some() {
        println!();
    }
    Ok(())
}

fn accept_tls(certificate: &str, key: &str) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<std::result::Result<_, _>>()?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config).into())
}

async fn listen<S, B>(listener: TcpListener, tls: TlsAcceptor, service: S) -> Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<BoxError>> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    loop {
        let (tcp, _) = listener.accept().await?;
        let connection = serve(tcp, tls.clone(), service.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("{error}");
            }
        });
    }
}

fn serve<S, B>(tcp: TcpStream, tls: TlsAcceptor, service: S) -> impl Future<Output = Result<()>> + Send
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<BoxError>> + Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    async move {
        tcp.set_nodelay(true)?;
        let connection = TokioIo::new(tls.accept(tcp).await?);
        let mut http = auto::Builder::new(TokioExecutor::new()).http2_only();
        http.http2().enable_connect_protocol();
        http.serve_connection(connection, service).await
    }
}

fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"\nversion = \"");
    LOCK.split_once(&name)
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or_default()
}
