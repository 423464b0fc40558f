//! A network in virtual time between Endpoints: it loses, doubles and delays by seed.

use crate::kit::rows::known;
pub use crate::kit::rows::trunk;
use bytes::Bytes;
use chorus::clock::{Mono, Now, Wall};
use chorus::rng::Rng;
use chorus::sip::event::{Flow, Transport};
use chorus::trunk::Snapshot;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub fn at(mono: Mono) -> Now {
    Now { mono, wall: Wall(1_700_000_000_000 + (mono.0 / 1_000) as i64) }
}

pub fn udp(local: &str, remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: local.parse().unwrap(),
        remote: remote.parse().unwrap(),
        conn: 0,
    }
}

/// Everybody in 10.0.0.0/8 is a trunk.
pub fn open_house() -> Arc<Snapshot> {
    known("10.0.0.0/8")
}

/// How bad it is, in per cent and microseconds.
#[derive(Copy, Clone, Debug, Default)]
pub struct Weather {
    pub loss: u64,
    pub duplicate: u64,
    pub reorder: u64,
}

pub struct Net {
    pub rng: Rng,
    pub weather: Weather,
    queue: BTreeMap<(Mono, u64), (SocketAddr, SocketAddr, Bytes)>,
    counter: u64,
    pub lost: u64,
    pub doubled: u64,
    pub late: u64,
}

impl Net {
    pub fn new(rng: Rng, weather: Weather) -> Net {
        Net { rng, weather, queue: BTreeMap::new(), counter: 0, lost: 0, doubled: 0, late: 0 }
    }

    pub fn send(&mut self, now: Mono, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        if self.rng.below(100) < self.weather.loss {
            self.lost += 1;
            return;
        }
        let copies = if self.rng.below(100) < self.weather.duplicate { 2 } else { 1 };
        self.doubled += copies - 1;
        for _ in 0..copies {
            let mut delay = 5_000 + self.rng.below(20_000);
            if self.rng.below(100) < self.weather.reorder {
                self.late += 1;
                delay += self.rng.below(600_000);
            }
            self.counter += 1;
            self.queue.insert((Mono(now.0 + delay), self.counter), (from, to, bytes.clone()));
        }
    }

    pub fn next(&self) -> Option<Mono> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    /// What arrives by `now`: from, to, bytes.
    pub fn arrive(&mut self, now: Mono) -> Option<(SocketAddr, SocketAddr, Bytes)> {
        let key = *self.queue.keys().next().filter(|(at, _)| *at <= now)?;
        self.queue.remove(&key)
    }
}
