//! One HTTP request to a server on this machine.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longer than a first write takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The status of the answer to a request without a body.
///
/// # Errors
///
/// Where nobody listens, or no HTTP comes back in time.
pub(super) fn request(port: u16, method: &str, target: &str, headers: &[(&str, String)]) -> io::Result<u16> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n"
    );
    connection.write_all(head.as_bytes())?;
    let mut start = [0; "HTTP/1.1 200".len()];
    connection.read_exact(&mut start)?;
    // The rest of the answer, so that the server does not see a reset.
    let _ = io::copy(&mut connection.take(1 << 20), &mut io::sink());
    let status = start.strip_prefix(b"HTTP/1.1 ").or_else(|| start.strip_prefix(b"HTTP/1.0 "));
    status
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    fn asked(answer: &'static str) -> (io::Result<u16>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(head).unwrap()
        });
        let status = request(port, "PUT", "/a?b=c", &[("x-a", "1".to_owned())]);
        (status, server.join().unwrap())
    }

    #[test]
    fn a_status_is_read_and_nothing_else_is_one() {
        let (status, head) = asked("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(status.unwrap(), 201);
        assert!(head.starts_with("PUT /a?b=c HTTP/1.1\r\n") && head.contains("\r\nx-a: 1\r\n"), "{head}");
        for nonsense in ["", "HTTP/1.1", "SSH-2.0-Open 200", "HTTP/1.1 abc Text\r\n\r\n"] {
            assert!(asked(nonsense).0.is_err(), "{nonsense:?}");
        }
    }
}
