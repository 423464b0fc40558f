//! What may happen next, with its weight: phones, REST, agents, faults.

mod agents;
mod faults;
mod phones;
mod rest;

use super::docs::{Switches, improvise};
use crate::kit::World;
use crate::kit::agent::Behaviour;
use crate::kit::world::{hook, spoken};
use chorus::api::command::{EndWish, RecordingChange};
use chorus::rng::Rng;
use chorus::sdp::Direction;
use chorus::sid::CallSid;
use std::sync::atomic::Ordering;
use std::time::Duration;

const PHONES: u8 = 7;

/// What is done, how often among the others, and how.
type Action = (&'static str, u64, fn(&mut Chance));

/// All of them.
const ACTIONS: [Action; 40] = [
    ("action phone dials", 30, Chance::dial),
    ("action phone dials nobody", 2, Chance::dial_nobody),
    ("action phone hangs up", 10, Chance::hang_up),
    ("action phone presses keys", 20, Chance::press),
    ("action phone sends INFO", 6, Chance::info),
    ("action phone holds", 3, |c| c.reoffer("INVITE", Direction::SendOnly)),
    ("action phone resumes", 3, |c| c.reoffer("INVITE", Direction::SendRecv)),
    ("action phone sends UPDATE", 3, |c| c.reoffer("UPDATE", Direction::SendRecv)),
    ("action phone changes its mind", 15, Chance::behave),
    ("action phone falls silent", 1, Chance::fall_silent),
    ("action rest dials", 12, Chance::rest_dial),
    ("action rest redirects by url", 8, Chance::rest_url),
    ("action rest redirects by twiml", 8, Chance::rest_twiml),
    ("action rest completes", 3, |c| c.rest_end(EndWish::Completed)),
    ("action rest cancels", 3, |c| c.rest_end(EndWish::Canceled)),
    ("action rest limits", 1, Chance::rest_limit),
    ("action rest records", 5, Chance::rest_record),
    ("action rest pauses a recording", 3, |c| c.rest_change(RecordingChange::Pause { silence: true })),
    ("action rest cuts a recording", 2, |c| c.rest_change(RecordingChange::Pause { silence: false })),
    ("action rest resumes a recording", 3, |c| c.rest_change(RecordingChange::Resume)),
    ("action rest stops a recording", 2, |c| c.rest_change(RecordingChange::Stop)),
    ("action rest streams", 4, Chance::rest_stream),
    ("action rest stops a stream", 3, Chance::rest_stop_stream),
    ("action agent sends a mark", 4, |c| c.agent("mark")),
    ("action agent clears", 3, |c| c.agent("clear")),
    ("action agent sends media", 4, |c| c.agent("media")),
    ("action agent sends garbage", 1, |c| c.agent("garbage")),
    ("action agent stops", 2, |c| c.agent("stop")),
    ("action agent closes", 4, Chance::agent_closes),
    ("action agents change", 3, Chance::agents_change),
    ("fault database", 3, Chance::database),
    ("fault disk", 3, Chance::disk),
    ("fault ports", 3, Chance::ports),
    ("fault network", 8, Chance::network),
    ("fault crash", 2, Chance::crash),
    ("fault drain", 1, Chance::drain),
    ("fault clock set", 2, Chance::clock),
    ("fault freeze", 1, Chance::freeze),
    ("fault connection", 4, Chance::connection),
    ("fault panic planted", 2, Chance::panic),
];

pub struct Chance {
    pub w: World,
    rng: Rng,
    at: Switches,
    calls: Vec<CallSid>,
    drained: bool,
    last: &'static str,
}

impl Chance {
    pub fn new(seed: u64) -> Chance {
        let mut w = World::new(seed);
        w.quiet = true;
        w.slack_us = 30_000;
        w.at_random = true;
        w.switch.place_at_random();
        w.app.forgetful = true;
        w.agent.behaviour = Behaviour::Forgetful;
        let at = Switches::default();
        w.app.improvise = Some(improvise(w.rng.fork(), at.clone()));
        w.sounds.insert("/sound.wav".to_owned(), spoken("sound"));
        w.number(|n| n.fallback = Some(hook("/fallback")));
        for host in 2..2 + PHONES {
            let phone = w
                .phone(["trunk", "anna", "bert", "cleo", "dora", "emil", "fay"][usize::from(host - 2)], host);
            w.phones[phone].light = true;
            w.phones[phone].tcp = w.rng.below(3) == 0;
        }
        // Memory is full of callbacks soon: the others wait in the store.
        if w.rng.below(4) == 0 {
            w.window = Some(4);
            w.switch.hold_callbacks(4);
        }
        if w.rng.below(4) == 0 {
            w.trunk(|t| t.transport = "tcp".to_owned());
        }
        let rng = w.rng.fork();
        Chance { w, rng, at, calls: vec![], drained: false, last: "" }
    }

    /// One action, then some time.
    pub fn step(&mut self) {
        let total: u64 = ACTIONS.iter().map(|(_, n, _)| n).sum();
        let mut at = self.rng.below(total);
        for (name, weight, act) in ACTIONS {
            if at < weight {
                self.last = name;
                act(self);
                break;
            }
            at -= weight;
        }
        self.murmur();
        let us = match self.rng.below(100) {
            0..60 => self.rng.below(50_000),
            60..92 => self.rng.below(300_000),
            92..99 => self.rng.below(1_500_000),
            _ => self.rng.below(6_000_000),
        };
        self.w.run(Duration::from_micros(us));
        self.w.check();
        let notes = std::mem::take(&mut self.at.notes.lock().unwrap().wrong);
        self.w.oracle.wrong.extend(notes);
    }

    fn count(&mut self) {
        let name = self.last;
        self.w.count(name);
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    fn one(&mut self, of: Vec<usize>) -> Option<usize> {
        let n = self.rng.below(of.len() as u64) as usize;
        of.get(n).copied()
    }

    /// Everything heals, everybody hangs up, hours pass: was every promise kept?
    pub fn end(&mut self) {
        self.at.tame.store(true, Ordering::Relaxed);
        let w = &mut self.w;
        w.dies = None;
        (w.database_down, w.disk_full, w.ports_gone, w.agents_down) = (false, false, false, false);
        w.net = crate::kit::net::Net::default();
        for i in 0..w.phones.len() {
            w.hang_up(i);
        }
        w.run(Duration::from_secs(60));
        for i in 0..w.phones.len() {
            w.hang_up(i);
        }
        w.run(Duration::from_secs(14 * 3_600));
        w.reckon();
        let mut notes = self.at.notes.lock().unwrap();
        w.oracle.wrong.append(&mut notes.wrong);
        for (name, n) in &notes.counted {
            *w.counted.entry(name).or_default() += n;
        }
    }
}
