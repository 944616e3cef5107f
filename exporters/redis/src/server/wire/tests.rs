//! The connection beside a server that the tests play.

use redis::{ErrorKind, cmd, pipe};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;

/// A connection, and the server's end of it.
fn connect(timeout: Option<Duration>) -> (Wire, DuplexStream) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    (Wire::new(Box::new(near), timeout), far)
}

/// The text of a command without arguments.
fn sent(name: &str) -> String {
    format!("*1\r\n${}\r\n{name}\r\n", name.len())
}

/// Waits for these bytes.
async fn expect(far: &mut DuplexStream, text: &str) {
    let mut read = vec![0; text.len()];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&read), text);
}

/// Waits for a command without arguments and answers.
async fn answer(far: &mut DuplexStream, name: &str, reply: &[u8]) {
    expect(far, &sent(name)).await;
    far.write_all(reply).await.unwrap();
}

#[tokio::test]
async fn commands_go_out_together_and_replies_come_in_their_order() {
    let (wire, mut far) = connect(None);
    let mut pipeline = pipe();
    pipeline.cmd("B").cmd("C");
    let server = async {
        expect(&mut far, &["A", "B", "C", "D"].map(sent).concat()).await;
        for piece in b"+PONG\r\n*2\r\n$2\r\n\r\n\r\n:7\r\n-ERR no\r\n-ERR denied\r\n".chunks(3) {
            far.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let (a, d) = (cmd("A"), cmd("D"));
    let (one, all, refused, ()) =
        tokio::join!(wire.ask(&a), wire.ask_all(&pipeline), wire.ask(&d), server);
    assert_eq!(one.unwrap(), Value::SimpleString("PONG".into()));
    let all = all.unwrap();
    let list = Value::Array(vec![Value::BulkString(b"\r\n".to_vec()), Value::Int(7)]);
    assert_eq!(all[0], list);
    assert!(matches!(&all[1], Value::ServerError(_)) && all.len() == 2);
    assert_eq!(refused.unwrap_err().detail(), Some("denied"));
}

#[tokio::test]
async fn the_reply_to_a_command_that_was_given_up_is_left_out() {
    let (wire, mut far) = connect(Some(Duration::from_millis(20)));
    let slow = wire.ask(&cmd("A")).await.unwrap_err();
    assert!(slow.is_timeout());
    let late = async {
        expect(&mut far, &sent("A")).await;
        far.write_all(b":1\r\n").await.unwrap();
        answer(&mut far, "B", b":2\r\n").await;
    };
    let b = cmd("B");
    assert_eq!(tokio::join!(wire.ask(&b), late).0.unwrap(), Value::Int(2));
}

#[tokio::test]
async fn a_connection_that_ends_ends_for_all() {
    let (wire, far) = connect(None);
    let (a, b) = (wire.send(&cmd("A")), wire.send(&cmd("B")));
    drop(far);
    for error in [a.reply().await, b.reply().await, wire.ask(&cmd("C")).await] {
        assert_eq!(error.unwrap_err().to_string(), "broken pipe");
    }
}

#[tokio::test]
async fn the_connection_is_closed_with_its_last_handle() {
    let (wire, mut far) = connect(None);
    let other = wire.clone();
    drop(wire);
    let ping = cmd("A");
    assert!(tokio::join!(other.ask(&ping), answer(&mut far, "A", b":1\r\n")).0.is_ok());
    drop(other);
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_no_reply_ends_the_connection_with_the_reason() {
    for (reply, reason) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            "the server does not speak the Redis protocol, but HTTP",
        ),
        (b"*1\r\n?\r\n", "malformed reply"),
        (b"$1\r\nabc\r\n", "malformed reply"),
    ] {
        let (wire, mut far) = connect(None);
        let first = wire.send(&cmd("A"));
        let second = wire.send(&cmd("B"));
        expect(&mut far, &["A", "B"].map(sent).concat()).await;
        far.write_all(reply).await.unwrap();
        let error = first.reply().await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.kind() == ErrorKind::Parse, reason == "malformed reply");
        assert_eq!(second.reply().await.unwrap_err().to_string(), "broken pipe");
    }
}

/// The answer to a command whose reply this is.
async fn ask(reply: &[u8], times: usize) -> RedisResult<Value> {
    let (wire, mut far) = connect(None);
    let command = cmd("A");
    let mut last = Ok(Value::Nil);
    for _ in 0..times {
        let server = async {
            expect(&mut far, &sent("A")).await;
            // The other end hangs up on one that is too long.
            let _ = far.write_all(reply).await;
        };
        last = tokio::join!(wire.ask(&command), server).0;
    }
    last
}

fn text(length: usize) -> Vec<u8> {
    [format!("${length}\r\n").as_bytes(), &vec![b'x'; length], b"\r\n"].concat()
}

#[tokio::test]
async fn a_reply_has_a_bound_and_each_command_a_new_one() {
    let most = MAX_REPLY_BYTES - 2 * ITEM_BYTES;
    assert!(matches!(ask(&text(most), 3).await, Ok(Value::BulkString(text)) if text.len() == most));
    for reply in [text(MAX_REPLY_BYTES), b"+".repeat(MAX_REPLY_BYTES + 1)] {
        let error = ask(&reply, 1).await.unwrap_err();
        assert!(error.to_string().contains("the reply is larger than 6 MiB"), "{error}");
    }
}

#[tokio::test]
async fn many_small_items_count_for_what_they_take() {
    let list = |count| [format!("*{count}\r\n"), ":1\r\n".repeat(count)].concat();
    let most = MAX_REPLY_BYTES / (ITEM_BYTES + 4) - 2;
    assert!(
        matches!(ask(list(most).as_bytes(), 2).await, Ok(Value::Array(items)) if items.len() == most)
    );
    let error = ask(list(most + 4).as_bytes(), 1).await.unwrap_err();
    assert!(error.to_string().contains("the reply is larger than 6 MiB"), "{error}");
    let error = ask(":1\r\n".repeat(most + 4).as_bytes(), 1).await;
    assert_eq!(error.unwrap(), Value::Int(1), "what follows was not asked for");
}
