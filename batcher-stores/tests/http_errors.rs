//! What a server answers, as the batcher is told it: an S3 client against canned answers on a loopback socket.
#![cfg(feature = "aws")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use batcher_core::{BlobSink, BlobSource, Outcome, Payload, PutMode, ReadRange, StoreError, StoreErrorKind};
use batcher_stores::ObjectStoreSink;
use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

/// A server on a loopback socket, and the first lines of what it is asked.
struct Server {
    address: String,
    requests: Receiver<String>,
}

/// Answers requests in turn; the last answer goes on for ever. An empty one hangs up, `wait` says nothing.
fn serve(answers: Vec<String>) -> Server {
    let (asked, requests) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut next = 0;
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let Some(request) = read_request(&connection) else { continue };
            let _ = asked.send(request);
            let answer = &answers[next.min(answers.len() - 1)];
            next += 1;
            if answer == "wait" {
                std::thread::sleep(Duration::from_secs(2));
            } else {
                let _ = connection.write_all(answer.as_bytes());
            }
        }
    });
    Server { address: format!("http://{address}"), requests }
}

fn read_request(connection: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok().map(|_| first)
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    let fixed = "Connection: close\r\nETag: \"tag\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT";
    format!("HTTP/1.1 {status} Text\r\n{fixed}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn code(status: u16, code: &str) -> String {
    answer(
        status,
        "",
        &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>"),
    )
}

fn sink(answers: Vec<String>, max_retries: usize) -> ObjectStoreSink {
    let backoff = BackoffConfig { init_backoff: Duration::from_millis(1), ..BackoffConfig::default() };
    let store = AmazonS3Builder::new()
        .with_endpoint(serve(answers).address)
        .with_bucket_name("bucket")
        .with_region("region")
        .with_access_key_id("id")
        .with_secret_access_key("secret")
        .with_client_options(
            ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_millis(500)),
        )
        .with_retry(RetryConfig { max_retries, backoff, ..RetryConfig::default() })
        .build();
    ObjectStoreSink::new(Arc::new(store.unwrap()))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn put(answers: Vec<String>, mode: PutMode) -> Result<(), StoreError> {
    let retries = answers.len() - 1;
    let payload = Payload::from(bytes::Bytes::from_static(b"state"));
    block_on(sink(answers, retries).put("a/b", payload, mode))
}

#[test]
fn answers_to_a_write_have_kinds_and_outcomes() {
    use Outcome::{NotApplied, Unknown};
    use PutMode::{Create, Replace};
    let plain = |status| vec![answer(status, "", "")];
    let after = |status| vec![answer(500, "", ""), answer(status, "", "")];
    let coded = |status, name| vec![code(status, name)];
    let cases = [
        (plain(400), Replace, StoreErrorKind::InvalidInput, NotApplied),
        (plain(401), Create, StoreErrorKind::Denied, NotApplied),
        (plain(403), Create, StoreErrorKind::Denied, NotApplied),
        // The first attempt may have landed before the credentials expired.
        (after(403), Create, StoreErrorKind::Denied, Unknown),
        (after(400), Replace, StoreErrorKind::InvalidInput, Unknown),
        (plain(404), Replace, StoreErrorKind::NotFound, NotApplied),
        (plain(405), Replace, StoreErrorKind::Unsupported, NotApplied),
        (plain(408), Replace, StoreErrorKind::Timeout, Unknown),
        (plain(409), Create, StoreErrorKind::AlreadyExists, Unknown),
        (plain(412), Create, StoreErrorKind::AlreadyExists, Unknown),
        (after(412), Create, StoreErrorKind::AlreadyExists, Unknown),
        (plain(409), Replace, StoreErrorKind::Unavailable, Unknown),
        (plain(413), Replace, StoreErrorKind::TooLarge, NotApplied),
        (plain(429), Replace, StoreErrorKind::Throttled, NotApplied),
        (after(429), Replace, StoreErrorKind::Throttled, Unknown),
        (plain(500), Replace, StoreErrorKind::Unavailable, Unknown),
        (plain(501), Replace, StoreErrorKind::Unsupported, Unknown),
        (plain(502), Create, StoreErrorKind::Unavailable, Unknown),
        (plain(503), Create, StoreErrorKind::Throttled, Unknown),
        (coded(503, "SlowDown"), Create, StoreErrorKind::Throttled, Unknown),
        (plain(504), Create, StoreErrorKind::Timeout, Unknown),
        (plain(507), Create, StoreErrorKind::NoSpace, Unknown),
        (coded(507, "XMinioStorageFull"), Create, StoreErrorKind::NoSpace, Unknown),
        (coded(400, "ExpiredToken"), Create, StoreErrorKind::Denied, NotApplied),
        (coded(400, "EntityTooLarge"), Create, StoreErrorKind::TooLarge, NotApplied),
        (coded(400, "KeyTooLongError"), Create, StoreErrorKind::TooLarge, NotApplied),
        (coded(400, "AuthorizationHeaderMalformed"), Create, StoreErrorKind::InvalidInput, NotApplied),
        (vec!["wait".into()], Create, StoreErrorKind::Timeout, Unknown),
        (vec![String::new()], Create, StoreErrorKind::Unavailable, Unknown),
        (vec![String::from("HTTP/1.1 garbage\r\n\r\n")], Create, StoreErrorKind::Unavailable, Unknown),
    ];
    for (answers, mode, kind, outcome) in cases {
        let shown = format!("{answers:?}");
        let error = put(answers, mode).expect_err(&shown);
        assert_eq!((error.kind(), error.outcome()), (kind, outcome), "{mode:?} {shown} {error:?}");
    }
    put(vec![answer(200, "", "")], Create).unwrap();
}

#[test]
fn an_upload_that_is_gone_may_have_become_the_object() {
    for gone in [code(404, "NoSuchUpload"), code(400, "InvalidBlockList")] {
        let started = answer(200, "", "<Started><UploadId>id</UploadId></Started>");
        let answers = vec![started.clone(), answer(200, "", ""), gone.clone()];
        let completed = block_on(async {
            let store = sink(answers, 0);
            let mut upload = store.start_multipart("a", PutMode::Replace).await.unwrap();
            upload.put_part(Payload::from(bytes::Bytes::from_static(b"part"))).await.unwrap();
            upload.complete().await
        });
        let error = completed.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Unavailable, Outcome::Unknown));

        let put = block_on(async {
            let store = sink(vec![started, gone], 0);
            let mut upload = store.start_multipart("a", PutMode::Replace).await.unwrap();
            upload.put_part(Payload::from(bytes::Bytes::from_static(b"part"))).await
        });
        assert_eq!(put.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    // Elsewhere, the same words are about something else.
    let error = put(vec![code(404, "NoSuchBucket")], PutMode::Replace).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::NotFound, Outcome::NotApplied));
}

/// A refused connection: nothing listens there any more.
#[test]
fn no_server_is_unavailable() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = [
        ("endpoint", format!("http://{unused}")),
        ("allow_http", "true".into()),
        ("region", "region".into()),
        ("access_key_id", "id".into()),
        ("secret_access_key", "secret".into()),
    ];
    let store =
        batcher_stores::open_url("s3://bucket/a", options.map(|(key, value)| (key.into(), value))).unwrap();
    let put = store.put("b", Payload::new(), PutMode::Create);
    // Its retries take longer than this test has.
    let slept = block_on(async { tokio::time::timeout(Duration::from_millis(300), put).await });
    assert!(slept.is_err());

    let store = AmazonS3Builder::new()
        .with_endpoint(format!("http://{unused}"))
        .with_allow_http(true)
        .with_bucket_name("bucket")
        .with_skip_signature(true)
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() });
    let store = ObjectStoreSink::new(Arc::new(store.build().unwrap()));
    let error = block_on(store.size("a")).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Unavailable, Outcome::NotApplied));
}

#[test]
fn a_url_with_a_path_is_a_prefix_of_names() {
    let server = serve(vec![answer(200, "", "")]);
    let options = [
        ("endpoint", server.address.as_str()),
        ("allow_http", "true"),
        ("skip_signature", "true"),
        ("region", "region"),
    ];
    let options = options.map(|(key, value)| (key.into(), value.into()));
    let store = batcher_stores::open_url("s3://bucket/a%20b/c", options).unwrap();
    block_on(store.put("50%", Payload::new(), PutMode::Replace)).unwrap();
    assert_eq!(server.requests.recv().unwrap(), "PUT /bucket/a%20b/c/50%25 HTTP/1.1\r\n");
}

#[test]
fn deletions_tell_their_errors() {
    let result = |inner: &str| vec![answer(200, "", &format!("<DeleteResult>{inner}</DeleteResult>"))];
    let failed = |code| {
        result(&format!("<Error><Key>a/b</Key><Code>{code}</Code><Message>(code: Fake)</Message></Error>"))
    };
    let cases = [
        (failed("AccessDenied"), StoreErrorKind::Denied),
        (failed("SlowDown"), StoreErrorKind::Throttled),
        (failed("InternalError"), StoreErrorKind::Unavailable),
        (vec![answer(403, "", "")], StoreErrorKind::Denied),
    ];
    for (answers, kind) in cases {
        let error = block_on(sink(answers, 0).delete("a/b")).unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
    block_on(sink(result("<Deleted><Key>a/b</Key></Deleted>"), 0).delete("a/b")).unwrap();
}

#[test]
fn answers_to_a_read_have_kinds() {
    let cases = [
        (answer(404, "", ""), StoreErrorKind::NotFound),
        (answer(403, "", ""), StoreErrorKind::Denied),
        (answer(503, "", ""), StoreErrorKind::Throttled),
        (answer(500, "", ""), StoreErrorKind::Unavailable),
        ("wait".into(), StoreErrorKind::Timeout),
        // Another range than was asked for.
        (answer(206, "Content-Range: bytes 3-5/10\r\n", "345"), StoreErrorKind::Other),
    ];
    for (answer, kind) in cases {
        let error = block_on(sink(vec![answer], 0).read("a", ReadRange::Bounded(0..4))).unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, Outcome::NotApplied), "{error:?}");
    }
    // A body that breaks off.
    let broken = answer(206, "Content-Range: bytes 0-3/10\r\n", "0123").replace("0123", "01");
    let error = block_on(sink(vec![broken], 0).read("a", ReadRange::Bounded(0..4))).unwrap_err();
    assert!(error.kind().is_retryable(), "{error:?}");
    // A body shorter than the range that it says it is.
    let short = answer(206, "Content-Range: bytes 0-3/10\r\n", "01");
    let error = block_on(sink(vec![short], 0).read("a", ReadRange::Bounded(0..4))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[test]
fn ranges_past_the_end_read_nothing() {
    let length =
        |len: u64| answer(200, "", "").replace("Content-Length: 0", &format!("Content-Length: {len}"));
    let reads = [
        (vec![code(416, "InvalidRange"), length(10)], ReadRange::Bounded(10..12), 10),
        (vec![code(416, "InvalidRange"), length(0)], ReadRange::Suffix(5), 0),
        // Some servers answer a range of an empty object with all of it.
        (vec![length(0), length(0)], ReadRange::Suffix(5), 0),
        (vec![length(10)], ReadRange::Bounded(4..4), 10),
        (vec![length(10)], ReadRange::Suffix(0), 10),
    ];
    for (answers, range, object_len) in reads {
        let reply =
            block_on(sink(answers, 0).read("a", range.clone())).unwrap_or_else(|e| panic!("{range:?} {e:?}"));
        assert_eq!((reply.bytes.len(), reply.object_len), (0, object_len), "{range:?}");
        assert_eq!(reply.version.as_deref(), Some("\"tag\""));
    }
    // A 416 that the length does not bear out stays an error.
    let error =
        block_on(sink(vec![code(416, "x"), length(10)], 0).read("a", ReadRange::Bounded(0..4))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::InvalidInput);
}

#[test]
fn a_lying_length_takes_no_memory() {
    let lie = answer(206, "Content-Range: bytes 0-99999999999999/100000000000000\r\n", "");
    let lie = lie.replace("Content-Length: 0", "Content-Length: 100000000000000") + "some";
    let error = block_on(sink(vec![lie], 0).read("a", ReadRange::Bounded(0..u64::MAX >> 2))).unwrap_err();
    assert_ne!(error.kind(), StoreErrorKind::NotFound);
}

#[test]
fn no_credentials_are_shown() {
    let shown = format!("{:?}", sink(vec![String::new()], 0));
    assert!(!shown.contains("secret"), "{shown}");
}
