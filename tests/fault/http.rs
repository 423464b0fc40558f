//! HTTP/1.1 by hand, so that the oracle shares no code with the server: one request a connection.

use crate::security::secrets;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }
}

pub fn basic(user: &str, password: &str) -> String {
    let both = base64_simd::STANDARD.encode_to_string(format!("{user}:{password}"));
    format!("Authorization: Basic {both}\r\n")
}

/// A message up to the end of its body: head, body.
pub async fn read(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut all = vec![];
    let mut buffer = [0; 16_384];
    let end = loop {
        if let Some(at) = all.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut buffer).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => all.extend_from_slice(&buffer[..n]),
        }
    };
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    assert!(header(&head, "transfer-encoding").is_none(), "a body in chunks is not expected: {head}");
    let length: usize = header(&head, "content-length").map_or(0, |v| v.parse().unwrap());
    let mut body = all.split_off(end);
    while body.len() < length {
        match stream.read(&mut buffer).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => body.extend_from_slice(&buffer[..n]),
        }
    }
    Ok((head, body))
}

pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .skip(1)
        .find_map(|l| l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)))
        .map(|(_, v)| v.trim())
}

/// Asks; an error is a connection that broke before the whole answer.
pub async fn ask(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: Option<String>,
) -> io::Result<Answer> {
    let body = body.unwrap_or_default();
    secrets::plant_request(header(&format!("\r\n{headers}"), "authorization"), body.as_bytes());
    let mut stream = TcpStream::connect(to).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    let (head, body) = read(&mut stream).await?;
    let status = head.split(' ').nth(1).and_then(|c| c.parse().ok()).unwrap_or(0);
    Ok(Answer { status, body })
}
