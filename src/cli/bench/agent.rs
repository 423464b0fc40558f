//! (s) The streaming agents of the generator: one thread that accepts WebSockets and sends every media payload back.

use base64_simd::STANDARD;
use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use ring::digest;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::thread;

const LISTENER: Token = Token(0);
/// RFC 6455 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const READ: usize = 16 * 1024;
/// Octets of a StreamSid.
const SID: usize = 34;

struct Line {
    tcp: TcpStream,
    open: bool,
    sid: Vec<u8>,
    read: Vec<u8>,
    write: Vec<u8>,
}

/// Listens; the thread lives as long as the process.
///
/// # Errors
/// The kernel's word.
pub fn start() -> Result<SocketAddr, String> {
    let failed = |e: io::Error| format!("the sample agent: {e}");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut listener = TcpListener::bind(any).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let poll = Poll::new().map_err(failed)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).map_err(failed)?;
    thread::Builder::new().name("agents".to_owned()).spawn(move || run(poll, &listener)).map_err(failed)?;
    Ok(address)
}

fn run(mut poll: Poll, listener: &TcpListener) {
    let mut lines: HashMap<Token, Line> = HashMap::new();
    let (mut events, mut scratch, mut next) = (Events::with_capacity(1_024), vec![0; READ], 1);
    loop {
        if poll.poll(&mut events, None).is_err() {
            continue;
        }
        for e in &events {
            if e.token() == LISTENER {
                while let Ok((mut tcp, _)) = listener.accept() {
                    let token = Token(next);
                    next = next.saturating_add(1);
                    let _ = tcp.set_nodelay(true);
                    if poll
                        .registry()
                        .register(&mut tcp, token, Interest::READABLE | Interest::WRITABLE)
                        .is_ok()
                    {
                        lines.insert(
                            token,
                            Line { tcp, open: false, sid: vec![], read: vec![], write: vec![] },
                        );
                    }
                }
            } else if let Some(line) = lines.get_mut(&e.token())
                && line.work(&mut scratch).is_none()
            {
                lines.remove(&e.token());
            }
        }
    }
}

impl Line {
    /// Reads all, answers all. None: it is over.
    fn work(&mut self, scratch: &mut [u8]) -> Option<()> {
        loop {
            match self.tcp.read(scratch) {
                Ok(0) => return None,
                Ok(n) => self.read.extend_from_slice(scratch.get(..n)?),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        let mut at = 0;
        if !self.open {
            at = self.upgrade()?;
        }
        while self.open
            && let Some(used) = self.frame(at)?
        {
            at = at.saturating_add(used);
        }
        self.read.drain(..at.min(self.read.len()));
        while !self.write.is_empty() {
            match self.tcp.write(&self.write) {
                Ok(n) => drop(self.write.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        Some(())
    }

    /// Octets of the head, once it is whole.
    fn upgrade(&mut self) -> Option<usize> {
        let Some(end) = memmem::find(&self.read, b"\r\n\r\n") else { return Some(0) };
        let head = String::from_utf8_lossy(self.read.get(..end)?).into_owned();
        let mut headers = head.lines().filter_map(|l| l.split_once(':'));
        let (_, key) = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))?;
        let hash =
            digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{}{GUID}", key.trim()).as_bytes());
        let accept = STANDARD.encode_to_string(hash.as_ref());
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        self.write.extend_from_slice(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
        self.open = true;
        end.checked_add(4)
    }

    /// Takes one frame of the client; Some(None): it is not whole yet. None: the end.
    fn frame(&mut self, at: usize) -> Option<Option<usize>> {
        let Some(rest) = self.read.get_mut(at..) else { return Some(None) };
        let [Some(first), Some(second)] = [rest.first().copied(), rest.get(1).copied()] else {
            return Some(None);
        };
        let (length, head) = match usize::from(second & 0x7F) {
            126 => match rest.get(2..4) {
                Some(&[a, b]) => (usize::from(u16::from_be_bytes([a, b])), 4),
                _ => return Some(None),
            },
            127 => return None,
            short => (short, 2),
        };
        let Some((whole, _)) = rest.split_at_mut_checked(head + 4 + length) else { return Some(None) };
        let (mask, text) = whole.get_mut(head..)?.split_first_chunk_mut::<4>()?;
        let mask = *mask;
        for word in text.chunks_mut(4) {
            word.iter_mut().zip(mask).for_each(|(o, m)| *o ^= m);
        }
        if first & 0x0F == 8 {
            return None;
        }
        echo(text, &mut self.sid, &mut self.write);
        Some(Some(head + 4 + length))
    }
}

/// The value of a key that comes once in a message.
fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let from = memmem::find(text, key)?.checked_add(key.len())?;
    let rest = text.get(from..)?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

fn echo(text: &[u8], sid: &mut Vec<u8>, out: &mut Vec<u8>) {
    if sid.is_empty()
        && let Some(found) = value(text, b"\"streamSid\":\"").filter(|s| s.len() == SID)
    {
        sid.extend_from_slice(found);
    }
    let Some(payload) = value(text, b"\"payload\":\"") else { return };
    let (a, b) = (&br#"{"event":"media","streamSid":""#[..], &br#"","media":{"payload":""#[..]);
    let length = a.len() + sid.len() + b.len() + payload.len() + 3;
    out.extend_from_slice(&[0x81, 126]);
    out.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
    for part in [a, sid, b, payload, b"\"}}"] {
        out.extend_from_slice(part);
    }
}
