//! Reads an answer from a server or a file, within bounds of time and size.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::source::{Source, Url};
use crate::tls::Hints;

/// For one answer, from the connection on.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of an answer, compressed and not.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// With which files in gzip begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];

const HINTS: Hints = Hints {
    authorities: "SSL_CERT_FILE to a file with the certificate of that",
    server_name: "the host in the URL to a name that it has",
    plain: "write http:// in the URL",
};

/// The text of an answer, and whether it is said to be OpenMetrics.
pub(super) async fn fetch(source: &Source) -> anyhow::Result<(String, bool)> {
    let reading = async {
        match source {
            Source::ThisProgram => bail!("this program has no address"),
            Source::File(path) => {
                let path = path.clone();
                // A thread that hangs in a pipe without a writer ends with the process.
                let bytes = tokio::task::spawn_blocking(move || read_file(&path)).await??;
                Ok((bytes, false))
            }
            Source::Url(url) => get(url).await,
        }
    };
    let reading = tokio::time::timeout(PATIENCE, reading).await;
    let (bytes, is_openmetrics) =
        reading.unwrap_or_else(|_| bail!("no whole answer within {} s", PATIENCE.as_secs()))?;
    let text = String::from_utf8(bytes).ok().context("the answer is no text in UTF-8")?;
    Ok((text, is_openmetrics))
}

fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let hint = "a URL begins with http:// or https://";
    let file = std::fs::File::open(path).context(hint)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).context("cannot read")?;
    ensure!(bytes.len() <= MAX_BYTES, "longer than {MAX_BYTES} bytes");
    if bytes.starts_with(&GZIP) { decompress(&bytes) } else { Ok(bytes) }
}

async fn get(url: &Url) -> anyhow::Result<(Vec<u8>, bool)> {
    let stream =
        TcpStream::connect((url.host.as_str(), url.port)).await.context("cannot connect")?;
    if !url.is_tls {
        return get_on(stream, url).await;
    }
    let name = ServerName::try_from(url.host.clone()).context("the host is no name for TLS")?;
    let connecting = connector()?.connect(name, stream).await;
    let stream = connecting.map_err(|error| anyhow::anyhow!(HINTS.explain(&error)))?;
    get_on(stream, url).await
}

/// With the authorities of the system, which `SSL_CERT_FILE` replaces.
fn connector() -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn get_on(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
) -> anyhow::Result<(Vec<u8>, bool)> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = Request::get(&url.path)
        .header(HOST, &url.authority)
        .header(USER_AGENT, "compare")
        .header(ACCEPT, "text/plain;version=0.0.4;q=1,application/openmetrics-text;q=0.5,*/*;q=0.1")
        .header(ACCEPT_ENCODING, "gzip");
    if let Some(authorization) = &url.authorization {
        request = request.header(AUTHORIZATION, authorization.expose());
    }
    let response = sender.send_request(request.body(Empty::<&[u8]>::new())?).await;
    let answer = read_answer(response.context("no answer in HTTP")?).await;
    connection.abort();
    answer
}

async fn read_answer(response: Response<Incoming>) -> anyhow::Result<(Vec<u8>, bool)> {
    let (head, body) = response.into_parts();
    let hint = match head.status {
        StatusCode::UNAUTHORIZED => ": write http://NAME:PASSWORD@HOST",
        status if status.is_redirection() => ": the metrics are at another path",
        _ => "",
    };
    ensure!(head.status == StatusCode::OK, "status {}{hint}", head.status);
    let header =
        |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_openmetrics = header(CONTENT_TYPE).starts_with("application/openmetrics-text");
    ensure!(!header(CONTENT_TYPE).starts_with("text/html"), "a page in HTML, no metrics");
    let body = Limited::new(body, MAX_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("cannot read the answer: {error}"))?.to_bytes();
    let bytes = match header(CONTENT_ENCODING) {
        "" | "identity" => body.to_vec(),
        "gzip" => decompress(&body)?,
        _ => bail!("the answer is neither plain nor in gzip"),
    };
    Ok((bytes, is_openmetrics))
}

/// Its last four bytes tell how long the text is.
fn decompress(gzip: &[u8]) -> anyhow::Result<Vec<u8>> {
    let size = gzip.last_chunk().map(|size| u32::from_le_bytes(*size)).unwrap_or_default();
    let size = usize::try_from(size)?;
    ensure!(size <= MAX_BYTES, "longer than {MAX_BYTES} bytes");
    let mut text = vec![0; size];
    let written = libdeflater::Decompressor::new().gzip_decompress(gzip, &mut text);
    text.truncate(written.map_err(|_| anyhow::anyhow!("malformed gzip"))?);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;

    /// Answers each request with these bytes, then closes the connection.
    fn serve(answer: Vec<u8>) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(1) {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap();
                assert!(request[..length].starts_with(b"GET /metrics HTTP/1.1\r\n"));
                stream.write_all(&answer).unwrap();
            }
        });
        Source::parse(&format!("http://127.0.0.1:{port}")).unwrap()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
        let mut out = vec![0; compressor.gzip_compress_bound(text.len())];
        let length = compressor.gzip_compress(text, &mut out).unwrap();
        out.truncate(length);
        out
    }

    fn answer(head: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[tokio::test]
    async fn plain_and_gzip_answers_are_read() {
        let plain = serve(answer("200 OK\r\nContent-Type: text/plain; version=0.0.4", b"a 1\n"));
        assert_eq!(fetch(&plain).await.unwrap(), ("a 1\n".into(), false));
        let head = "200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/openmetrics-text";
        let packed = serve(answer(head, &gzip(b"a 1\n# EOF\n")));
        assert_eq!(fetch(&packed).await.unwrap(), ("a 1\n# EOF\n".into(), true));
    }

    #[tokio::test]
    async fn every_other_answer_is_an_error() {
        for (answer, reason) in [
            (answer("404 Not Found", b""), "status 404 Not Found"),
            (answer("401 Unauthorized", b""), "write http://NAME:PASSWORD@HOST"),
            (answer("302 Found\r\nLocation: /x", b""), "the metrics are at another path"),
            (answer("200 OK\r\nContent-Type: text/html", b"<html>"), "a page in HTML"),
            (answer("200 OK\r\nContent-Encoding: br", b"x"), "neither plain nor in gzip"),
            (answer("200 OK\r\nContent-Encoding: gzip", b"\x1f\x8bxxxx\0\0\0\0"), "malformed gzip"),
            (answer("200 OK\r\nContent-Encoding: gzip", b"\xff\xff\xff\xff"), "longer than"),
            (answer("200 OK", b"\xff\xfe"), "no text in UTF-8"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec(),
                "cannot read the answer",
            ),
            (b"SSH-2.0\r\n".to_vec(), "no answer in HTTP"),
        ] {
            let error = fetch(&serve(answer)).await.unwrap_err();
            assert!(format!("{error:#}").contains(reason), "{error:#}, not {reason}");
        }
    }

    #[tokio::test]
    async fn files_are_read_packed_and_plain() {
        let path = std::env::temp_dir().join(format!("compare-{}", std::process::id()));
        let source = Source::File(path.clone());
        for bytes in [b"a 1\n".to_vec(), gzip(b"a 1\n")] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(fetch(&source).await.unwrap().0, "a 1\n");
        }
        std::fs::remove_file(&path).unwrap();
        let error = format!("{:#}", fetch(&source).await.unwrap_err());
        assert!(error.contains("a URL begins with http://") && error.contains("No such file"));
    }
}
