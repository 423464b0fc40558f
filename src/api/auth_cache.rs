//! What was found out about API keys lately: argon2 costs 20 ms and 19 MiB, so a secret that was right is remembered for
//! five minutes by a keyed hash of it, and a source that guesses is stopped before it costs anything.

use crate::clock::Mono;
use std::{collections::HashMap, net::IpAddr, time::Duration};

/// How long a right secret is remembered.
pub const REMEMBER: Duration = Duration::from_secs(300);
/// Secrets remembered by one worker.
pub const REMEMBERED_MAX: usize = 10_000;
/// Wrong secrets of one source within [`WINDOW`] before it is told to wait.
pub const GUESSES_MAX: u32 = 20;
/// Length of the window.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Sources watched by one worker.
pub const SOURCES_MAX: usize = 10_000;

/// A keyed hash of key SID, stored hash and secret; a changed or deleted key never matches.
pub type Print = [u8; 32];

/// Remembers.
#[derive(Default)]
pub struct Cache {
    known: HashMap<Print, Mono>,
    guesses: HashMap<IpAddr, (Mono, u32)>,
}

impl Cache {
    /// Was this secret right within the last five minutes?
    pub fn knows(&self, now: Mono, print: &Print) -> bool {
        self.known.get(print).is_some_and(|until| now < *until)
    }

    /// It was right.
    pub fn remember(&mut self, now: Mono, print: Print) {
        if self.known.len() >= REMEMBERED_MAX {
            self.known.retain(|_, until| now < *until);
        }
        // Still full of living entries: starting anew costs each key one slow check.
        if self.known.len() >= REMEMBERED_MAX {
            self.known.clear();
        }
        self.known.insert(print, now + REMEMBER);
    }

    /// May this source have a secret checked?
    pub fn may_guess(&self, now: Mono, source: IpAddr) -> bool {
        self.guesses.get(&source).is_none_or(|(since, n)| now.since(*since) >= WINDOW || *n < GUESSES_MAX)
    }

    /// It guessed wrong.
    pub fn wrong(&mut self, now: Mono, source: IpAddr) {
        if self.guesses.len() >= SOURCES_MAX {
            self.guesses.retain(|_, (since, _)| now.since(*since) < WINDOW);
        }
        if self.guesses.len() >= SOURCES_MAX {
            self.guesses.clear();
        }
        let (since, n) = self.guesses.entry(source).or_insert((now, 0));
        if now.since(*since) >= WINDOW {
            (*since, *n) = (now, 0);
        }
        *n = n.saturating_add(1);
    }
}
