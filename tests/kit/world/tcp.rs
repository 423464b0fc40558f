//! TCP between phones and Chorus, also as TLS would carry it (whose certificates all are believed here): nothing is lost and nothing overtakes, but segments are cut anywhere, and connections break.

use super::queue::Ev;
use super::{CHORUS, World};
use crate::kit::phone::Phone;
use bytes::Bytes;
use chorus::sip::event::{Flow, Transport};
use chorus::sip::transport::keepalive::{KeepAlive, PING_EVERY, Step};
use chorus::sip::wire::{Frame, Framer};
use chorus::switch::Input;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// All connections, by numbers that are never used again.
#[derive(Default)]
pub(super) struct Tcp {
    open: BTreeMap<u64, Connection>,
    last: u64,
}

struct Connection {
    phone: usize,
    /// As Chorus sees the phone: its own port if Chorus connected, one of the kernel's if the phone did.
    remote: SocketAddr,
    kind: Transport,
    to_phone: Way,
    to_chorus: Way,
    alive: KeepAlive,
    /// Nothing reaches either end any more, and neither is told.
    dead: bool,
}

#[derive(Default)]
struct Way {
    framer: Framer,
    /// When the last segment on the way arrives.
    until: u64,
}

impl Tcp {
    /// Nothing reaches Chorus before that: what phones send from now on must not overtake what waits.
    pub(super) fn wait(&mut self, until: u64) {
        for c in self.open.values_mut() {
            c.to_chorus.until = c.to_chorus.until.max(until);
        }
    }
}

impl Connection {
    fn way(&mut self, to_chorus: bool) -> &mut Way {
        if to_chorus { &mut self.to_chorus } else { &mut self.to_phone }
    }
}

/// Whole messages, and the keep-alives between them.
fn frames(way: &mut Way, segment: &[u8]) -> Vec<Frame> {
    way.framer.push(segment);
    std::iter::from_fn(|| way.framer.next()).collect()
}

impl World {
    fn connect_phone(&mut self, phone: usize, remote: SocketAddr) -> u64 {
        self.tcp.last += 1;
        let kind = if self.phones[phone].tls { Transport::Tls } else { Transport::Tcp };
        self.tcp.open.insert(
            self.tcp.last,
            Connection {
                phone,
                remote,
                kind,
                to_phone: Way::default(),
                to_chorus: Way::default(),
                alive: KeepAlive::default(),
                dead: false,
            },
        );
        self.tcp.last
    }

    fn flow_of_phone(&self, phone: usize, conn: u64) -> Flow {
        let local = self.phones[phone].addr;
        let transport = if self.phones[phone].tls { Transport::Tls } else { Transport::Tcp };
        Flow { transport, remote: CHORUS.parse().unwrap(), local, conn }
    }

    /// 0, or the name of a TLS peer: the latest connection, or a new one. What belongs to one that is gone is reported as lost.
    pub(super) fn tcp_from_phone(&mut self, phone: usize, conn: u64, bytes: &[u8]) {
        let named = Flow { conn, ..self.flow_of_phone(phone, conn) }.is_named();
        let conn = match conn {
            _ if conn == 0 || named => {
                self.tcp.open.iter().rev().find(|(_, c)| c.phone == phone).map(|(id, _)| *id)
            }
            id if self.tcp.open.contains_key(&id) => Some(id),
            id => {
                let flow = self.flow_of_phone(phone, id);
                return self.phones[phone].endpoint.on_flow_lost(self.now, flow);
            }
        };
        let conn = conn.unwrap_or_else(|| {
            let port = 40_000 + (self.tcp.last % 20_000) as u16;
            self.connect_phone(phone, SocketAddr::new(self.phones[phone].addr.ip(), port))
        });
        self.count("tcp from phone");
        self.segments(conn, true, bytes);
    }

    /// As the transport does it: a flow without a number means the latest connection to that address, or a new one.
    pub(super) fn tcp_from_chorus(&mut self, flow: Flow, bytes: &[u8]) {
        let connects = flow.conn == 0 || flow.is_named();
        let conn = match flow.conn {
            _ if connects => {
                self.tcp.open.iter().rev().find(|(_, c)| c.remote == flow.remote).map(|(id, _)| *id)
            }
            id => self.tcp.open.contains_key(&id).then_some(id),
        };
        let takes = |p: &Phone| p.addr == flow.remote && connects && !p.takes_no_connection;
        let listens = || self.phones.iter().position(takes);
        let conn = match (conn, listens()) {
            (Some(conn), _) => conn,
            (None, Some(phone)) => {
                self.count("tcp connection of Chorus");
                let conn = self.connect_phone(phone, flow.remote);
                if self.pings {
                    self.at(PING_EVERY.as_micros() as u64, Ev::KeepAlive(conn));
                }
                conn
            }
            (None, None) => return self.at(200, Ev::Switch(Box::new(Input::FlowLost(flow)))),
        };
        self.count("tcp from Chorus");
        self.segments(conn, false, bytes);
    }

    fn segments(&mut self, conn: u64, to_chorus: bool, bytes: &[u8]) {
        let cut = self.rng.below(bytes.len() as u64 * 2) as usize;
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        if self.tcp.open.get(&conn).is_none_or(|c| c.dead) {
            return;
        }
        for part in [first, second].into_iter().filter(|p| !p.is_empty()) {
            let after = self.net.latency_us + self.rng.below(self.net.jitter_us.max(1));
            let Some(c) = self.tcp.open.get_mut(&conn) else { return };
            let at = (self.now.mono.0 + after).max(c.way(to_chorus).until);
            c.way(to_chorus).until = at;
            let part = Bytes::copy_from_slice(part);
            let ev = if to_chorus { Ev::TcpToChorus(conn, part) } else { Ev::TcpToPhone(conn, part) };
            self.at(at - self.now.mono.0, ev);
        }
    }

    pub(super) fn segment_to_chorus(&mut self, conn: u64, bytes: &[u8]) {
        let Some(c) = self.tcp.open.get_mut(&conn) else { return };
        let flow = Flow { transport: c.kind, remote: c.remote, local: CHORUS.parse().unwrap(), conn };
        c.alive.heard(false);
        for frame in frames(&mut c.to_chorus, bytes) {
            match frame {
                Frame::Message(message) => {
                    self.oracle.received(&message);
                    self.input(Input::Sip(flow, message));
                }
                Frame::Pong => self.tcp.open.get_mut(&conn).into_iter().for_each(|c| c.alive.heard(true)),
                Frame::Ping => {}
                other => panic!("the house framed a message so that the house cannot read it: {other:?}"),
            }
        }
    }

    pub(super) fn segment_to_phone(&mut self, conn: u64, bytes: &[u8]) {
        let Some(c) = self.tcp.open.get_mut(&conn) else { return };
        let (phone, found) = (c.phone, frames(&mut c.to_phone, bytes));
        let flow = self.flow_of_phone(phone, conn);
        for frame in found {
            match frame {
                Frame::Message(message) => self.phone_hears(phone, flow, &message),
                Frame::Ping => {
                    self.line("phone", "chorus", "CRLF");
                    self.segments(conn, true, b"\r\n");
                }
                Frame::Pong => {}
                other => panic!("the house framed a message so that the house cannot read it: {other:?}"),
            }
        }
    }

    /// What the transport does with a connection of its own when its time has come.
    pub(super) fn keep_alive(&mut self, conn: u64) {
        let Some(c) = self.tcp.open.get_mut(&conn) else { return };
        let pause = match c.alive.tick() {
            Step::Ping(pause) => {
                self.line("chorus", "phone", "CRLF CRLF");
                self.segments(conn, false, b"\r\n\r\n");
                pause
            }
            Step::Wait(pause) => pause,
            Step::Dead => {
                self.line("chorus", "chorus", "the connection is given up");
                return self.break_connection(conn);
            }
        };
        self.at(pause.as_micros() as u64, Ev::KeepAlive(conn));
    }

    /// What is between the ends of the connections has forgotten them, and says so to neither.
    pub fn forget_connections(&mut self) {
        self.tcp.open.values_mut().for_each(|c| c.dead = true);
    }

    /// The connections that are open.
    pub fn connections(&self) -> Vec<u64> {
        self.tcp.open.keys().copied().collect()
    }

    /// Both ends learn that a connection broke; what was on its way is gone.
    pub fn break_connection(&mut self, conn: u64) {
        let Some(c) = self.tcp.open.remove(&conn) else { return };
        let flow = Flow { transport: c.kind, remote: c.remote, local: CHORUS.parse().unwrap(), conn };
        self.at(200, Ev::Switch(Box::new(Input::FlowLost(flow))));
        self.forget_connection(c.phone, conn);
    }

    /// All of them break.
    pub fn break_all(&mut self) {
        self.connections().into_iter().for_each(|conn| self.break_connection(conn));
        self.run_ms(100);
    }

    fn forget_connection(&mut self, phone: usize, conn: u64) {
        let flow = self.flow_of_phone(phone, conn);
        self.with_phone(phone, |p, now| p.endpoint.on_flow_lost(now, flow));
    }

    /// Chorus died: its connections end.
    pub(super) fn break_connections(&mut self) {
        for (conn, c) in std::mem::take(&mut self.tcp.open) {
            self.forget_connection(c.phone, conn);
        }
    }
}
