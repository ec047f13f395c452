//! Reference server of the benchmark: an echo server on axum, which uses tokio-tungstenite. Its default limits are kept:
//! messages of up to 64 MiB, in frames of up to 16 MiB.
use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use echo_servers::{Result, run};
use hyper_util::service::TowerToHyperService;

#[tokio::main]
async fn main() -> Result<()> {
    let app = Router::new().route("/echo", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)));
    run("axum", TowerToHyperService::new(app)).await
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        // axum answers pings itself.
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
