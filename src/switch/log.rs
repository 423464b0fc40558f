//! The door to the log: everything the switch says there is redacted, and what strangers cause is limited, because otherwise
//! whoever sends junk fills the disk.

use super::{Output, Switch};
use crate::clock::{Mono, Now};
use crate::sid::AccountSid;
use crate::sip::event::{Flow, SipEvent};
use crate::telemetry::redact;
use std::collections::HashMap;
use std::time::Duration;

/// Lines about refused packets and requests in one window; the others are counted and told at its end.
pub const LINES_MAX: u64 = 20;
/// The window.
pub const WINDOW: Duration = Duration::from_secs(10);
/// Accounts and codes that have a limit of their own; the others share one.
pub const KINDS_MAX: usize = 1_024;

/// What was refused, for metrics; only ever added to.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// SIP that could not be read, or of no known source: dropped without an answer (ruling 2.7).
    pub dropped: u64,
    /// SIP answered with a refusal before a call came of it.
    pub answered: u64,
    /// INVITEs of known sources without a number, a handler, a place.
    pub calls: u64,
    /// Identifiers of senders that may not name others (ruling 2.5).
    pub identifiers: u64,
}

/// How much was said in this window.
#[derive(Debug, Default)]
pub(super) struct Limit {
    since: Mono,
    said: u64,
    unsaid: u64,
}

impl Limit {
    /// None: say nothing. Otherwise how many were passed over before this one.
    fn take(&mut self, now: Mono) -> Option<u64> {
        if now.since(self.since) >= WINDOW {
            self.since = now;
            self.said = 0;
        }
        self.said = self.said.saturating_add(1);
        if self.said > LINES_MAX {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// A limit for each account and code of its debugger: what one peer does a thousand times hides nothing else.
#[derive(Debug, Default)]
pub(super) struct Limits {
    of: HashMap<(AccountSid, u32), Limit>,
    others: Limit,
}

impl Limits {
    fn take(&mut self, now: Mono, account: AccountSid, code: u32) -> Option<u64> {
        let key = (account, code);
        if self.of.len() >= KINDS_MAX && !self.of.contains_key(&key) {
            self.of.retain(|_, limit| now.since(limit.since) < WINDOW);
        }
        match self.of.len() < KINDS_MAX || self.of.contains_key(&key) {
            true => self.of.entry(key).or_default().take(now),
            false => self.others.take(now),
        }
    }
}

/// A limit of lines for strangers, one for whom we know, and those of the debuggers: what strangers send takes nothing from the others.
#[derive(Debug, Default)]
pub(super) struct Said {
    strangers: Limit,
    known: Limit,
    notes: Limits,
}

fn with_unsaid(words: String, unsaid: u64) -> String {
    match unsaid {
        0 => words,
        n => format!("{words} ({n} more like it were not logged)"),
    }
}

impl Switch {
    /// A line of the log.
    pub(super) fn log(&mut self, words: &str) {
        self.out.push_back(Output::Log(redact::line(words).into_owned()));
    }

    /// A line that strangers can cause as often as they like.
    fn log_limited(&mut self, now: Now, words: impl FnOnce(&Switch) -> String) {
        if let Some(unsaid) = self.said.strangers.take(now.mono) {
            self.log(&with_unsaid(words(self), unsaid));
        }
    }

    /// A line that a known peer can cause as often as it likes.
    fn log_of_known(&mut self, now: Now, words: String) {
        if let Some(unsaid) = self.said.known.take(now.mono) {
            self.log(&with_unsaid(words, unsaid));
        }
    }

    /// The same in an account's debugger.
    pub(super) fn note_limited(&mut self, now: Now, account: AccountSid, code: u32, words: String) {
        if let Some(unsaid) = self.said.notes.take(now.mono, account, code) {
            self.note(now, account, code, with_unsaid(words, unsaid));
        }
    }

    /// SIP that came to nothing. Code 0: it was dropped.
    pub(super) fn on_refused(&mut self, now: Now, flow: &Flow, code: u16, words: &str) {
        let counter = if code == 0 { &mut self.refusals.dropped } else { &mut self.refusals.answered };
        *counter = counter.saturating_add(1);
        let remote = flow.remote;
        self.log_limited(now, |switch| {
            if code > 0 {
                return format!("refused {remote} with {code}: {words}");
            }
            let trunks = &switch.tables.trunks;
            // A trunk that asks for a certificate does not know an address alone.
            let known = trunks.identify(remote.ip()).iter().any(|sid| !trunks.asks_for_certificate(*sid));
            let why = if known { String::new() } else { trunks.stranger(remote.ip()) };
            format!("dropped from {remote}: {words}. {why}")
        });
    }

    /// A header that names somebody, from an address that may not: it changed nothing. Or a call or a registration that was turned
    /// away at the door.
    pub(super) fn on_turned_away(&mut self, now: Now, event: &SipEvent) {
        let (flow, what, why) = match event {
            SipEvent::TurnedAway { flow, what, why } => (flow, what, why),
            SipEvent::Ignored(flow) => {
                self.refusals.identifiers = self.refusals.identifiers.saturating_add(1);
                let words = "ignored X-Chorus-Client-Identifier: not in CHORUS_TRUSTED_PROXIES";
                return self.log_limited(now, |_| format!("{words}: {}", flow.remote));
            }
            _ => return,
        };
        self.visits.turned_away(now, what, flow, why);
        self.refusals.calls = self.refusals.calls.saturating_add(1);
        let words = format!("{what} from {} was refused with {}: {}", flow.remote, why.code, why.words);
        match why.account {
            Some(account) => {
                self.note_limited(now, account, why.error, why.stored(what, flow.remote.ip()));
                self.log_of_known(now, words);
            }
            None => self.log_limited(now, |_| words),
        }
    }

    /// A call that was refused, with the reason.
    pub(super) fn on_refused_call(&mut self, now: Now, flow: &Flow, code: u16, words: &str) {
        self.refusals.calls = self.refusals.calls.saturating_add(1);
        self.log_of_known(now, format!("refused a call from {} with {code}: {words}", flow.remote));
    }
}
