//! What the phones saw, kept outside the server's process.

use chorus::sip::event::{LegId, Side};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// A leg as its phone knows it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The unique number of this call: From of a call to the server, To of a call from it.
    pub key: String,
    /// What was asked of the server.
    pub verb: String,
    /// The phone called.
    pub caller: bool,
    pub ringing: bool,
    /// 200 received, or ACK to ours received.
    pub answered: Option<Instant>,
    /// As callee: our 200 left.
    pub accepted: Option<Instant>,
    /// RTP packets sent and received.
    pub sent: u64,
    pub received: u64,
    /// The phone sent BYE. A killed server answers it after its start, if the phone was first.
    pub hung_up: bool,
    pub ended: Option<(Instant, Side, u16)>,
    /// When the server died while this leg was going on.
    pub cut: Option<Instant>,
    /// The server died before this leg was accepted: nothing is owed.
    pub given_up: bool,
}

impl Seen {
    /// INVITE was sent or received, and nothing more.
    pub fn new(key: &str, verb: &str, caller: bool) -> Seen {
        Seen {
            key: key.to_owned(),
            verb: verb.to_owned(),
            caller,
            ringing: false,
            answered: None,
            accepted: None,
            sent: 0,
            received: 0,
            ended: None,
            hung_up: false,
            cut: None,
            given_up: false,
        }
    }

    /// Up, as far as the phone knows.
    pub fn is_up(&self) -> bool {
        (self.answered.is_some() || self.accepted.is_some()) && self.ended.is_none()
    }

    /// For the count at the kill.
    pub fn state(&self) -> &'static str {
        match self {
            Seen { ended: Some(_), .. } => "over",
            Seen { answered: Some(_), .. } => "in-progress",
            Seen { accepted: Some(_), .. } => "200 not ACKed",
            Seen { ringing: true, .. } => "ringing",
            _ => "INVITE sent",
        }
    }
}

/// A call that POST Calls answered with 201.
#[derive(Clone, Debug)]
pub struct Created {
    pub sid: String,
    pub key: String,
    /// A kill is behind it.
    pub done: bool,
}

#[derive(Default)]
pub struct Book {
    pub legs: BTreeMap<LegId, Seen>,
    /// Dialogs (Call-IDs) by the number that the server called.
    pub invites: HashMap<String, Vec<String>>,
    pub created: Vec<Created>,
    /// 201s, 200s, ACKs, seconds of RTP: the totals.
    pub refused: usize,
    /// Phones do not hang up by themselves: the server owes BYEs.
    pub frozen: bool,
}

impl Book {
    /// The server died.
    pub fn killed(&mut self, at: Instant) {
        self.frozen = true;
        let going_on = self.legs.values_mut().filter(|l| l.ended.is_none() && !l.given_up);
        going_on.for_each(|l| l.cut = Some(at));
        self.created.iter_mut().for_each(|c| c.done = true);
    }

    /// The legs that were going on when the server died, and that it still owes something.
    pub fn cut(&self, at: Instant) -> impl Iterator<Item = &Seen> {
        self.legs.values().filter(move |l| l.cut == Some(at) && !l.given_up)
    }

    /// "in-progress record" and so on, counted.
    pub fn states(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for leg in self.legs.values().filter(|l| l.ended.is_none() && !l.given_up) {
            *counts.entry(format!("{} {}", leg.verb, leg.state())).or_default() += 1;
        }
        let queued = self.created.iter().filter(|c| !c.done && !self.invites.contains_key(&c.key)).count();
        if queued > 0 {
            counts.insert("api queued".to_owned(), queued);
        }
        counts
    }
}
