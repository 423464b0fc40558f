//! Floor of a bidirectional Stream over ws: each packet leaves at once as one masked text frame with the JSON of Media
//! Streams; what the agent sends goes through a ring of mu-law and leaves by the tick.
//! `floor-stream CALLS HOST:PORT`

mod rig;

use base64_simd::STANDARD;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rig::{FRAME, Floor, Leg, Result, Turn};
use std::io::{ErrorKind, Read, Write};

const SID: &str = "MZ00000000000000000000000000000000";
const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];
const RING: usize = 64 * FRAME;

struct Line {
    tcp: TcpStream,
    sequence: u64,
    read: Vec<u8>,
    ring: Vec<u8>,
    head: usize,
}

struct Streams {
    lines: Vec<Line>,
    legs: usize,
    text: Vec<u8>,
}

impl Line {
    fn connect(i: usize, to: &str, registry: &Registry) -> Result<Line> {
        let mut tcp = std::net::TcpStream::connect(to)?;
        let head = format!(
            "GET /{i} HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        tcp.write_all(head.as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            tcp.read_exact(&mut octet)?;
            answer.extend(octet);
        }
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        let mut tcp = TcpStream::from_std(tcp);
        registry.register(&mut tcp, Token(i), Interest::READABLE)?;
        let (read, ring) = (Vec::with_capacity(8192), Vec::with_capacity(RING));
        Ok(Line { tcp, sequence: 1, read, ring, head: 0 })
    }

    fn frame(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.sequence += 1;
        let n = self.sequence;
        out.clear();
        out.extend_from_slice(&[0x81, 0xFE, 0, 0]);
        out.extend_from_slice(&MASK);
        write!(
            out,
            r#"{{"event":"media","sequenceNumber":"{n}","streamSid":"{SID}","media":{{"track":"inbound","chunk":"{n}","timestamp":"{}","payload":""#,
            n * 20
        )?;
        STANDARD.encode_append(payload, out);
        out.extend_from_slice(b"\"}}");
        let (head, text) = out.split_at_mut(8);
        let len = u16::try_from(text.len())?.to_be_bytes();
        head.iter_mut().skip(2).zip(len).for_each(|(o, l)| *o = l);
        for word in text.chunks_mut(4) {
            word.iter_mut().zip(MASK).for_each(|(o, m)| *o ^= m);
        }
        Ok(())
    }

    /// What the agent has sent: whole frames go into the ring.
    fn receive(&mut self) -> Result<()> {
        let mut octets = [0; 4096];
        loop {
            match self.tcp.read(&mut octets) {
                Ok(0) => return Ok(()),
                Ok(n) => self.read.extend_from_slice(octets.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Ok(()),
            }
        }
        let mut at = 0;
        while let Some([_, _, high, low, rest @ ..]) = self.read.get(at..) {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(text) = rest.get(..len) else { break };
            STANDARD.decode_append(payload(text).ok_or("a message without payload")?, &mut self.ring)?;
            at += 4 + len;
        }
        self.read.drain(..at);
        if self.head > RING / 2 {
            self.ring.drain(..self.head);
            self.head = 0;
        }
        Ok(())
    }
}

/// The base64 in a `media` message.
fn payload(text: &[u8]) -> Option<&[u8]> {
    let start = memchr::memmem::find(text, b"\"payload\":\"")? + 11;
    let rest = text.get(start..)?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

impl Floor for Streams {
    fn on_rtp(&mut self, _: &mut [Leg], i: usize, payload: &[u8]) -> Result<u64> {
        let Some(line) = self.lines.get_mut(i) else { return Ok(0) };
        line.frame(payload, &mut self.text)?;
        if line.tcp.write(&self.text)? != self.text.len() {
            return Err("the agent does not read".into());
        }
        Ok(0)
    }

    fn on_tick(&mut self, legs: &mut [Leg], turn: Turn) -> u64 {
        let mut sent = 0;
        for i in turn {
            let (Some(line), Some(leg)) = (self.lines.get_mut(i), legs.get_mut(i)) else { continue };
            let silence = [0xFF; FRAME];
            let frame = line.ring.get(line.head..line.head + FRAME);
            line.head += frame.map_or(0, <[u8]>::len);
            sent += u64::from(leg.send(frame.unwrap_or(&silence)));
        }
        sent
    }

    fn on_other(&mut self, _: &mut [Leg], token: usize) -> Result<u64> {
        self.lines.get_mut(token - self.legs).map_or(Ok(()), Line::receive)?;
        Ok(0)
    }
}

fn main() -> Result<()> {
    let n: usize = rig::argument(1)?.parse()?;
    let to = rig::argument(2)?;
    rig::run(n, |registry, legs| {
        let lines = (0..n).map(|i| Line::connect(legs + i, &to, registry)).collect::<Result<_>>()?;
        Ok(Streams { lines, legs, text: Vec::with_capacity(1024) })
    })
}
