//! Floor of a bidirectional Stream over ws: each packet leaves at once as one masked text frame with the JSON of Media
//! Streams; what the agent sends goes through a ring of mu-law and leaves by the tick.
//! `floor-stream CALLS HOST:PORT`
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod rig;

use base64_simd::STANDARD;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rig::{FRAME, Floor, Leg};
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
    fn connect(i: usize, to: &str, registry: &Registry) -> Line {
        let mut tcp = std::net::TcpStream::connect(to).unwrap();
        let head = format!(
            "GET /{i} HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        tcp.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            tcp.read_exact(&mut octet).unwrap();
            answer.push(octet[0]);
        }
        tcp.set_nodelay(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let mut tcp = TcpStream::from_std(tcp);
        registry.register(&mut tcp, Token(i), Interest::READABLE).unwrap();
        let (read, ring) = (Vec::with_capacity(8192), Vec::with_capacity(RING));
        Line { tcp, sequence: 1, read, ring, head: 0 }
    }

    fn frame(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.sequence += 1;
        let n = self.sequence;
        out.clear();
        out.extend_from_slice(&[0x81, 0xFE, 0, 0]);
        out.extend_from_slice(&MASK);
        write!(
            out,
            r#"{{"event":"media","sequenceNumber":"{n}","streamSid":"{SID}","media":{{"track":"inbound","chunk":"{n}","timestamp":"{}","payload":""#,
            n * 20
        )
        .unwrap();
        STANDARD.encode_append(payload, out);
        out.extend_from_slice(b"\"}}");
        let len = u16::try_from(out.len() - 8).unwrap();
        out[2..4].copy_from_slice(&len.to_be_bytes());
        for word in out[8..].chunks_mut(4) {
            word.iter_mut().zip(MASK).for_each(|(o, m)| *o ^= m);
        }
    }

    /// What the agent has sent: whole frames go into the ring.
    fn receive(&mut self) {
        let mut octets = [0; 4096];
        loop {
            match self.tcp.read(&mut octets) {
                Ok(0) => return,
                Ok(n) => self.read.extend_from_slice(&octets[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return,
            }
        }
        let mut at = 0;
        while self.read.len() - at >= 4 {
            let len = usize::from(u16::from_be_bytes([self.read[at + 2], self.read[at + 3]]));
            let Some(text) = self.read.get(at + 4..at + 4 + len) else { break };
            let start = memchr::memmem::find(text, b"\"payload\":\"").unwrap() + 11;
            let end = start + memchr::memchr(b'"', &text[start..]).unwrap();
            STANDARD.decode_append(&text[start..end], &mut self.ring).unwrap();
            at += 4 + len;
        }
        self.read.drain(..at);
        if self.head > RING / 2 {
            self.ring.drain(..self.head);
            self.head = 0;
        }
    }
}

impl Floor for Streams {
    fn on_rtp(&mut self, _: &mut [Leg], i: usize, payload: &[u8]) -> u64 {
        self.lines[i].frame(payload, &mut self.text);
        assert_eq!(self.lines[i].tcp.write(&self.text).unwrap(), self.text.len(), "the agent reads");
        0
    }

    fn on_tick(&mut self, legs: &mut [Leg], phase: usize) -> u64 {
        let mut sent = 0;
        for i in rig::of_phase(self.legs, phase) {
            let line = &mut self.lines[i];
            let silence = [0xFF; FRAME];
            let frame = line.ring.get(line.head..line.head + FRAME);
            line.head += frame.map_or(0, <[u8]>::len);
            sent += u64::from(legs[i].send(frame.unwrap_or(&silence)));
        }
        sent
    }

    fn on_other(&mut self, _: &mut [Leg], token: usize) -> u64 {
        self.lines[token - self.legs].receive();
        0
    }
}

fn main() {
    let n: usize = rig::argument(1).parse().unwrap();
    let to = rig::argument(2);
    rig::run(n, |registry, legs| {
        let lines = (0..n).map(|i| Line::connect(legs + i, &to, registry)).collect();
        Streams { lines, legs, text: Vec::with_capacity(1024) }
    });
}
