//! Reference server of the benchmark: an echo server on yawc and hyper, without a framework. yawc's default limits are
//! kept: messages of up to 2 MiB, in frames of up to 1 MiB.
use echo_servers::{Result, run};
use futures::SinkExt;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use yawc::{OpCode, UpgradeFut, WebSocket};

#[tokio::main]
async fn main() -> Result<()> {
    let upgrade = async |mut request: Request<Incoming>| -> yawc::Result<Response<_>> {
        let (response, upgrade) = WebSocket::upgrade(&mut request)?;
        tokio::spawn(echo(upgrade));
        Ok(response)
    };
    run("yawc", service_fn(upgrade)).await
}

async fn echo(upgrade: UpgradeFut) -> Result<()> {
    let mut socket = upgrade.await?;
    loop {
        let frame = socket.next_frame().await?;
        // yawc answers pings itself.
        if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
            socket.send(frame).await?;
        }
    }
}
