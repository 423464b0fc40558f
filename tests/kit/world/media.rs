//! The engines: ports, plans, moves, ticks, and what they want sent.

use super::World;
use super::faults::disk;
use super::queue::Ev;
use crate::kit::phone::is_loud;
use bytes::Bytes;
use chorus::call::event::PortError;
use chorus::media::engine::Item;
use chorus::media::event::EngineCommand;
use chorus::media::plan::Clip;
use chorus::sip::event::LegId;
use chorus::switch::{Input, WorkerId};
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) struct Home {
    pub(super) worker: usize,
    pub(super) local: SocketAddr,
}

/// What a clip of speech sounds like: a tone whose length follows the text.
pub fn spoken(text: &str) -> Arc<Clip> {
    let samples = text.len() * 60 * 8;
    let ulaw = (0..samples).map(|i| if (i / 10) % 2 == 0 { 0x90 } else { 0x10 }).collect();
    Arc::new(Clip { ulaw })
}

impl World {
    pub(super) fn open_port(&mut self, leg: LegId, worker: WorkerId, ssrc: u32) {
        if self.ports_gone {
            let input = Input::Port(leg, Err(PortError::Exhausted));
            return self.at(50, Ev::Switch(Box::new(input)));
        }
        let local = SocketAddr::new("10.0.0.1".parse().unwrap(), self.next_port);
        self.next_port = if self.next_port > 60_000 { 20_000 } else { self.next_port + 2 };
        self.homes.insert(leg, Home { worker: worker.0, local });
        self.command(worker, EngineCommand::Open { leg, ssrc });
        self.at(50, Ev::Switch(Box::new(Input::Port(leg, Ok(local)))));
    }

    pub(super) fn command(&mut self, worker: WorkerId, command: EngineCommand) {
        let closes = match &command {
            EngineCommand::Close(leg) => Some(*leg),
            _ => None,
        };
        let mut out = std::mem::take(&mut self.out);
        self.engines[worker.0].on_command(self.now, command, &mut out);
        self.out = out;
        self.drain_engine(worker.0);
        if let Some(home) = closes.and_then(|leg| self.homes.remove(&leg).map(|h| (leg, h))) {
            self.draining.insert(home.0, home.1);
        }
    }

    pub(super) fn move_leg(&mut self, leg: LegId, from: WorkerId, to: WorkerId) {
        if let Some(state) = self.engines[from.0].detach(leg) {
            let mut out = std::mem::take(&mut self.out);
            self.engines[to.0].attach(self.now, leg, state, &mut out);
            self.out = out;
            self.drain_engine(to.0);
            if let Some(home) = self.homes.get_mut(&leg) {
                home.worker = to.0;
            }
        }
    }

    /// What an engine wants: packets to phones, bytes to agents, work for the disk, events for the switch.
    pub(super) fn drain_engine(&mut self, worker: usize) {
        let mut out = std::mem::take(&mut self.out);
        let mut events = vec![];
        let mut sends = vec![];
        out.drain(|item, bytes| match item {
            Item::SendRtp(leg, to) => sends.push((leg, false, to, Bytes::copy_from_slice(bytes))),
            Item::SendRtcp(leg, to) => sends.push((leg, true, to, Bytes::copy_from_slice(bytes))),
            Item::SendStream { stream, .. } => events.push(Ev::ToAgent(stream, bytes.to_vec())),
            Item::EndStream(stream) => events.push(Ev::ToAgent(stream, vec![])),
            Item::Disk(op) => events.extend(disk(&mut self.files, self.disk_full, worker, op)),
            Item::Event(e) => events.push(Ev::Switch(Box::new(Input::Media(e)))),
        });
        self.out = out;
        for (leg, rtcp, to, bytes) in sends {
            let Some(local) = self.homes.get(&leg).or(self.draining.get(&leg)).map(|h| h.local) else {
                continue;
            };
            if let Some(phone) = self.phones.iter().position(|p| p.rtp.ip() == to.ip()) {
                if self.phones[phone].light {
                    self.phones[phone].rtp_loud += u64::from(!rtcp && is_loud(&bytes));
                    continue;
                }
                for after in self.net.deliveries(&mut self.rng) {
                    self.at(after, Ev::RtpToPhone(phone, rtcp, local, bytes.clone()));
                }
            }
        }
        for ev in events {
            let delay = match &ev {
                Ev::Disk(..) => self.disk_us,
                Ev::ToAgent(..) => 1_000,
                _ => 20 + self.rng.below(self.slack_us.max(1)),
            };
            self.at(delay, ev);
        }
    }

    /// Ports that are open and not draining.
    pub fn ports(&self) -> usize {
        self.homes.len()
    }

    pub(super) fn tick(&mut self) {
        self.ticking = false;
        self.phase = (self.phase + 1) % 4;
        let now = self.now;
        for e in 0..self.engines.len() {
            let mut out = std::mem::take(&mut self.out);
            self.engines[e].on_tick(now, self.phase, &mut out);
            self.out = out;
            self.drain_engine(e);
        }
        for i in 0..self.phones.len() {
            let p = &mut self.phones[i];
            if p.light {
                continue;
            }
            p.engine.on_tick(now, self.phase, &mut p.out);
            self.settle_phone(i);
        }
        self.rearm();
    }
}
