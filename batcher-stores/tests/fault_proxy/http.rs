//! HTTP as it stands on the wire, one request and one answer a connection.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most headers of a message.
const HEADERS: usize = 64;

/// A request, whole.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query as they were sent.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |value| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect()
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Reads to the end of a head, and what has come after it.
async fn read_head(connection: &mut (impl AsyncRead + Unpin)) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let rest = head.split_off(end + 4);
            return Ok((head, rest));
        }
        if connection.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The path, decoded, and the query's names and values.
    pub(crate) fn path_and_query(&self) -> (String, Vec<(String, String)>) {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
        (path, url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(crate) async fn read(connection: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let (head, mut body) = read_head(connection).await?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        parsed.parse(&head).map_err(invalid)?;
        let headers = owned(parsed.headers);
        let len: usize = find(&headers, "content-length").map_or(Ok(0), str::parse).map_err(invalid)?;
        while body.len() < len {
            if connection.read_buf(&mut body).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers,
            body: body.into(),
        })
    }

    /// Sends it as it came, but in the version of HTTP whose answers end with the connection.
    pub(crate) async fn write(&self, connection: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let mut head = format!("{} {} HTTP/1.0\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("connection") {
                head += &format!("{name}: {value}\r\n");
            }
        }
        connection.write_all((head + "\r\n").as_bytes()).await?;
        connection.write_all(&self.body).await
    }
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// An error as S3 words it.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::new(status, format!("<Error><Code>{code}</Code><Message>no</Message></Error>"))
    }

    pub(crate) async fn read(connection: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let (head, mut body) = read_head(connection).await?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        parsed.parse(&head).map_err(invalid)?;
        connection.read_to_end(&mut body).await?;
        let headers = owned(parsed.headers);
        Ok(Self { status: parsed.code.unwrap_or_default(), headers, body: body.into() })
    }

    /// The bytes of the head and, as long as the body should be, the number of its bytes.
    pub(crate) fn head(&self, body_len: usize) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Text\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            let ours = ["connection", "transfer-encoding", "content-length", "keep-alive"];
            if !ours.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                head += &format!("{name}: {value}\r\n");
            }
        }
        // The answer to HEAD has the length of a body that does not come.
        let len = match find(&self.headers, "content-length") {
            Some(len) if self.body.is_empty() => len.to_owned(),
            _ => body_len.to_string(),
        };
        (head + &format!("Content-Length: {len}\r\n\r\n")).into_bytes()
    }

    pub(crate) async fn write(&self, connection: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        connection.write_all(&self.head(self.body.len())).await?;
        connection.write_all(&self.body).await
    }
}
