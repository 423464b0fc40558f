//! What will happen, in the order of its time: the events of the world and its clock.

use super::words::body_line;
use super::{CHORUS, WALL0, World};
use crate::kit::phone::{Later, is_loud};
use bytes::Bytes;
use chorus::clock::{Mono, Wall};
use chorus::media::engine::DiskReport;
use chorus::sid::StreamSid;
use chorus::sip::event::{Flow, LegId, Transport};
use chorus::store::tx::{StoreError, Tx, TxId};
use chorus::switch::Input;
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;

pub(super) enum Ev {
    Switch(Box<Input>),
    SipToPhone(usize, Bytes),
    /// A segment of a connection.
    TcpToPhone(u64, Bytes),
    TcpToChorus(u64, Bytes),
    /// The keep-alive of a connection that Chorus made.
    KeepAlive(u64),
    RtpToPhone(usize, bool, SocketAddr, Bytes),
    RtpToChorus(LegId, bool, SocketAddr, Bytes),
    Later(usize, Later),
    /// A phone that the test plays says this.
    ByHand(usize, Bytes),
    Commit(TxId, Tx),
    Synced(u64, TxId, Result<(), StoreError>),
    Disk(usize, DiskReport),
    ToEngine(usize, StreamSid, StreamIn),
    ToAgent(StreamSid, Vec<u8>),
    Wake,
    Tick,
}

pub(super) enum StreamIn {
    Opened,
    Failed(u32),
    Bytes(Vec<u8>),
    Eof,
}

pub(super) struct Entry {
    pub(super) at: u64,
    seq: u64,
    pub(super) ev: Ev,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.seq).cmp(&(other.at, other.seq))
    }
}

impl World {
    pub(super) fn at(&mut self, delay_us: u64, ev: Ev) {
        self.seq += 1;
        self.queue.push(Reverse(Entry { at: self.now.mono.0 + delay_us, seq: self.seq, ev }));
    }

    pub(super) fn rearm(&mut self) {
        if let Some(at) = self.switch.poll_timeout() {
            let at = at.0.max(self.now.mono.0);
            if self.wake_at.is_none_or(|w| w > at) {
                self.wake_at = Some(at);
                self.at(at - self.now.mono.0, Ev::Wake);
            }
        }
        let legs = self.engines.iter().any(|e| e.counts().legs > 0)
            || self.phones.iter().any(|p| p.engine.counts().legs > 0);
        if legs && !self.ticking {
            self.ticking = true;
            let next = 5_000 - self.now.mono.0 % 5_000;
            self.at(next, Ev::Tick);
        }
    }

    /// One event; false if nothing is left.
    pub fn step(&mut self) -> bool {
        let Some(Reverse(Entry { at, ev, .. })) = self.queue.pop() else { return false };
        self.advance_to(at);
        self.on(ev);
        true
    }

    pub(super) fn advance_to(&mut self, at: u64) {
        self.now.mono = Mono(at.max(self.now.mono.0));
        self.now.wall = Wall(WALL0 + self.skew_ms + (self.now.mono.0 / 1_000) as i64);
    }

    pub(super) fn on(&mut self, ev: Ev) {
        let now = self.now;
        match ev {
            Ev::Switch(input) => {
                if let Input::Sip(_, bytes) = &*input {
                    self.oracle.received(bytes);
                }
                if let Input::Fetched(_, r) = &*input
                    && !self.quiet
                {
                    let what = match r {
                        Ok(f) => format!("{} {}", f.status, body_line(&f.body)),
                        Err(e) => format!("error {}", e.code),
                    };
                    self.line("app", "chorus", what.trim());
                }
                self.input(*input);
            }
            Ev::SipToPhone(i, bytes) => {
                let flow = Flow {
                    transport: Transport::Udp,
                    remote: CHORUS.parse().unwrap(),
                    local: self.phones[i].addr,
                    conn: 0,
                };
                self.phone_hears(i, flow, &bytes);
            }
            Ev::TcpToPhone(conn, bytes) => self.segment_to_phone(conn, &bytes),
            Ev::TcpToChorus(conn, bytes) => self.segment_to_chorus(conn, &bytes),
            Ev::KeepAlive(conn) => self.keep_alive(conn),
            Ev::RtpToPhone(i, rtcp, from, bytes) => {
                let p = &mut self.phones[i];
                if let Some(leg) = p.leg {
                    if rtcp {
                        p.engine.on_rtcp(now, leg, from, &mut bytes.to_vec(), &mut p.out);
                    } else {
                        p.rtp_loud += u64::from(is_loud(&bytes));
                        p.engine.on_rtp(now, leg, from, &mut bytes.to_vec(), &mut p.out);
                    }
                    self.settle_phone(i);
                }
            }
            Ev::RtpToChorus(leg, rtcp, from, bytes) => {
                let Some(worker) = self.homes.get(&leg).map(|h| h.worker) else { return };
                let mut out = std::mem::take(&mut self.out);
                if rtcp {
                    self.engines[worker].on_rtcp(now, leg, from, &mut bytes.to_vec(), &mut out);
                } else {
                    self.engines[worker].on_rtp(now, leg, from, &mut bytes.to_vec(), &mut out);
                }
                self.out = out;
                self.drain_engine(worker);
            }
            Ev::Later(i, later) => {
                self.phones[i].later(now, later);
                self.settle_phone(i);
            }
            Ev::ByHand(i, bytes) => self.send_raw(i, bytes),
            Ev::Commit(id, tx) => self.write(id, &tx),
            Ev::Synced(n, id, result) => self.synced(n, id, result),
            Ev::Disk(_, report) => self.disk_reports(report),
            Ev::ToEngine(worker, stream, input) => self.feed_engine(worker, stream, input),
            Ev::ToAgent(stream, bytes) => self.feed_agent(stream, &bytes),
            // One that an earlier one has made needless: to follow it would double them for ever.
            Ev::Wake if self.wake_at.is_some_and(|at| at > now.mono.0) => {}
            Ev::Wake => {
                self.wake_at = None;
                for i in 0..self.phones.len() {
                    if self.phones[i].endpoint.poll_timeout().is_some_and(|at| at <= now.mono) {
                        self.phones[i].endpoint.on_time(now);
                        self.settle_phone(i);
                    }
                    self.arm_phone(i);
                }
                self.input(Input::Time);
            }
            Ev::Tick => self.tick(),
        }
    }

    /// The process stands still for a while: what reaches it waits, what it was going to do comes late.
    pub fn freeze(&mut self, d: Duration) {
        self.oracle.excused = true;
        let until = self.now.mono.0 + d.as_micros() as u64;
        let frozen = |ev: &Ev| {
            !matches!(
                ev,
                Ev::SipToPhone(..)
                    | Ev::TcpToPhone(..)
                    | Ev::RtpToPhone(..)
                    | Ev::ToAgent(..)
                    | Ev::Later(..)
                    | Ev::ByHand(..)
            )
        };
        let mut waiting = std::mem::take(&mut self.queue).into_vec();
        for Reverse(e) in waiting.iter_mut().filter(|Reverse(e)| frozen(&e.ev)) {
            e.at = e.at.max(until);
        }
        self.queue = waiting.into();
        self.tcp.wait(until);
        self.wake_at = self.wake_at.map(|at| at.max(until));
    }

    /// Runs for a while.
    pub fn run(&mut self, d: Duration) {
        let until = self.now.mono.0 + d.as_micros() as u64;
        while self.queue.peek().is_some_and(|Reverse(e)| e.at <= until) {
            self.step();
        }
        self.advance_to(until);
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    /// Runs until something holds; fails after two virtual minutes.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&World) -> bool) {
        let limit = self.now.mono.0 + 120_000_000;
        while !holds(self) {
            assert!(self.now.mono.0 < limit && self.step(), "never: {what}\n{}", self.picture());
        }
    }
}
