//! Keys that we press, by INFO (application/dtmf-relay, or application/dtmf for a peer that knows only that), one after the other: over
//! UDP a second one could overtake the first.
//!
//! ```text
//!  key --INFO--> waits --2xx, 4xx ...--> the next key
//!                  |----415------------> the same key as application/dtmf, and so from then on
//!                  |----408, 481, broken--> the leg is told so by whatever else it says: the keys are forgotten
//! ```

use super::engine::summary;
use super::leg::Phase;
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sip::event::LegId;
use crate::sip::wire::Method;
use std::collections::VecDeque;

/// Keys that may wait; more are dropped.
pub const KEYS_MAX: usize = 64;
/// Milliseconds that a key is said to be down.
const DURATION_MS: u32 = 100;

/// The keys of one leg.
#[derive(Debug, Default)]
pub struct KeysOut {
    waiting: VecDeque<char>,
    /// The one that has no answer yet.
    sent: Option<char>,
    /// The peer does not know application/dtmf-relay.
    bare: bool,
}

impl Endpoint {
    /// Presses a key.
    pub(super) fn press(&mut self, now: Mono, id: LegId, digit: char) {
        let Some(leg) = self.leg_mut(id).filter(|l| matches!(l.phase, Phase::Up)) else { return };
        if leg.keys_out.waiting.len() < KEYS_MAX {
            leg.keys_out.waiting.push_back(digit);
        }
        if leg.keys_out.sent.is_none() {
            self.next_key(now, id);
        }
    }

    fn next_key(&mut self, now: Mono, id: LegId) {
        let branch = self.new_branch();
        let agent = self.config.user_agent.clone();
        let Some(leg) = self.leg_mut(id).filter(|l| matches!(l.phase, Phase::Up)) else { return };
        let Some(digit) = leg.keys_out.waiting.pop_front() else { return };
        leg.keys_out.sent = Some(digit);
        let cseq = leg.dialog.next_cseq();
        let flow = leg.dialog.destination();
        let w = leg.dialog.request(&Method::Info, cseq, &branch).header("User-Agent", &agent);
        let bytes = match leg.keys_out.bare {
            false => {
                let body = format!("Signal={digit}\r\nDuration={DURATION_MS}\r\n");
                w.body("application/dtmf-relay", body.as_bytes())
            }
            true => w.body("application/dtmf", digit.to_string().as_bytes()),
        };
        self.seen(id, true, "INFO".to_owned());
        self.start_client(now, (&branch, &Method::Info), bytes, flow, User::Info(id));
    }

    /// An answer to the key that was sent.
    pub(super) fn on_info_response(&mut self, now: Mono, id: LegId, code: u16) {
        self.seen(id, false, summary(code, "INFO"));
        if code < 200 {
            return;
        }
        let Some(leg) = self.leg_mut(id) else { return };
        let sent = leg.keys_out.sent.take();
        if code == 415 && !leg.keys_out.bare {
            leg.keys_out.bare = true;
            leg.keys_out.waiting.extend(sent);
            leg.keys_out.waiting.rotate_right(1);
        }
        self.next_key(now, id);
    }

    /// No answer: what it was is not known, and what waits behind it would not fare better.
    pub(super) fn on_info_failure(&mut self, id: LegId) {
        if let Some(leg) = self.leg_mut(id) {
            leg.keys_out.sent = None;
            leg.keys_out.waiting.clear();
        }
    }
}
