//! The `healthcheck` command, for images that have neither shell nor HTTP client.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http_body_util::Empty;
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An exporter that needs longer than this to say that it lives does not.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the exporter that listens on `address` for `/-/healthy` below `prefix`.
pub(super) async fn ask(address: &str, prefix: &str) -> anyhow::Result<ExitCode> {
    let address = reachable(address);
    let path = format!("{prefix}/-/healthy");
    let answer = tokio::time::timeout(PATIENCE, get_health(&address, &path)).await;
    let verdict = answer.unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs()));
    // Neither stream being closed changes the verdict.
    Ok(match verdict {
        Ok(()) => {
            let _ = writeln!(std::io::stdout(), "healthy: http://{address}{path}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "unhealthy: http://{address}{path}: {error:#}");
            ExitCode::FAILURE
        }
    })
}

/// An address that stands for all of them is asked on the loopback interface.
fn reachable(address: &str) -> String {
    match address.rsplit_once(':') {
        Some(("" | "0.0.0.0" | "[::]", port)) => format!("localhost:{port}"),
        _ => address.to_owned(),
    }
}

async fn get_health(address: &str, path: &str) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header("Host", address).body(Empty::<&[u8]>::new())?;
    let response = sender.send_request(request).await?;
    connection.abort();
    if response.status() != 200 {
        bail!("status {}", response.status());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn all_addresses_are_asked_on_loopback() {
        assert_eq!(reachable(":9100"), "localhost:9100");
        assert_eq!(reachable("0.0.0.0:9100"), "localhost:9100");
        assert_eq!(reachable("[::]:9100"), "localhost:9100");
        assert_eq!(reachable("[::1]:9100"), "[::1]:9100");
        assert_eq!(reachable("10.0.0.1:9100"), "10.0.0.1:9100");
    }
}
