//! One registration of ours at a PBX or carrier (RFC 3261 section 10.2), and whether that peer still answers. Pure.
//!
//! ```text
//!             a new or changed row, from every state
//!                           |
//!                           v        no address            +---------+
//!  refresh, retry     +-----------+----------------------->|         |
//!      +------------->| LookingUp |                        |         |
//!      |              +-----------+                        |         |  its time, or OPTIONS
//!      |                    | addresses                    | Waiting |  answered again, or the
//!      |  401, 407, 423:    v                              |         |  third not answered
//!      |  again       +-----------+  refused, or no        |         |------+
//!      |     +--------|  Asking   |  address left          |         |      |
//!      |     +------->|           |----------------------->|         |      |
//!      |              +-----------+                        +---------+      |
//!      |                    | 2xx                                           |
//!      |  half of the       v                                               |
//!      |  granted    +------------+                                         |
//!      +<------------| Registered |   beside it: OPTIONS every 25 s         |
//!      |             +------------+                                         |
//!      +<------------------+ its connection broke                           |
//!      +--------------------------------------------------------------------+
//!
//!            the row is gone, or the house drains: from every state
//!                           |
//!                           v
//!                     +-----------+  whatever is answered, or nothing     +------+
//!                     |  Leaving  |-------------------------------------->| Gone |
//!                     +-----------+  (a challenge is answered, once)      +------+
//! ```
//!
//! Leaving is a REGISTER with Expires 0; a peer that was never asked hears nothing.

mod ping;
mod state;
mod steps;
mod wanted;
mod wire;

pub use ping::{MISSES_MAX, PING_EVERY};
pub use state::{RegistrationState, Standing};
pub use wanted::{Change, Wanted, reconcile};

use crate::clock::{Mono, Now};
use crate::rng::Rng;
use crate::sip::digest;
use crate::sip::event::{Flow, Lookup};
use crate::sip::transaction::Failure;
use crate::sip::wire::{Message, Uri};
use ping::Pings;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// Seconds that a registration is asked for, until the peer says that this is too short (423).
pub const ASKED_S: u32 = 120;
/// Longest that a registration is taken or asked for, seconds.
pub const GRANTED_MAX_S: u32 = 86_400;
/// A peer that grants a few seconds is not asked more often than this.
pub const REFRESH_MIN: Duration = Duration::from_secs(5);
/// The first wait after a peer that does not answer or is overloaded; it doubles each time.
pub const BACK_OFF_FIRST: Duration = Duration::from_secs(30);
/// Where the doubling ends.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(600);
/// The wait after a refusal: another try will hardly be answered otherwise, and must not look like guessing of passwords.
pub const REFUSED_WAIT: Duration = Duration::from_secs(300);
/// Longest Retry-After that is obeyed.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Most REGISTERs to one address in a row: the first, two realms, a stale nonce, a 423 and its challenge.
pub const TRIES_MAX: u8 = 6;
/// A lookup that does not come back counts as one without an address.
pub const LOOKUP_PATIENCE: Duration = Duration::from_secs(10);
/// The parameter of our Contact by which an INVITE shows that it comes from the peer that we registered with (ruling 2.5).
pub const TOKEN: &str = "gw";

/// The states of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Where the peer is; until then at the latest.
    LookingUp(Mono),
    /// A REGISTER is out on this flow.
    Asking(Flow),
    /// Until the refresh.
    Registered(Mono),
    /// Until the next try. `refused`: the peer answered, and said no.
    Waiting { until: Mono, refused: bool },
    /// A REGISTER with Expires 0 is out.
    Leaving(Flow),
    /// Nothing more will come of it.
    Gone,
}

/// What can happen. Numbers are the CSeq of the request that is meant; one that is not the latest is passed over.
pub enum Event<'a> {
    /// A new row, or a changed one.
    Begin(Box<Wanted>),
    /// The lookup came back: flows to try in order.
    Found(Vec<Flow>),
    /// A response to a REGISTER.
    Answer(u32, &'a Message),
    /// A REGISTER failed without answer.
    Failed(u32, Failure),
    /// The connection for it could not be made, in these words.
    Unreachable(u32, &'a str),
    /// A connection broke.
    Lost(Flow),
    /// A final response to an OPTIONS, whatever it says.
    Pong(u32),
    /// An OPTIONS failed without answer.
    Missed(u32),
    /// A deadline may have come.
    Time,
    /// The row is gone, or the house drains.
    Leave,
}

/// What it wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Find the peer; a lookup under way is not waited for any more.
    LookUp(Lookup),
    /// Send REGISTER; one under way is not waited for any more.
    Register {
        /// Where.
        flow: Flow,
        /// CSeq.
        number: u32,
        /// 0: leave.
        expires_s: u32,
    },
    /// Send OPTIONS.
    Ping {
        /// Where.
        flow: Flow,
        /// CSeq.
        number: u32,
    },
    /// Tell what it shows now.
    Show,
    /// Forget it.
    Gone,
}

/// What a step is given.
pub struct Cx<'a> {
    /// The time.
    pub now: Now,
    /// For tokens, client nonces and the spread of retries.
    pub rng: &'a mut Rng,
    /// What is to be done, in order.
    pub out: &'a mut Vec<Do>,
}

/// The machine.
pub struct Registration {
    wanted: Wanted,
    phase: Phase,
    /// One for the life of the process, as the tag: the registrar sees one registration that is refreshed (RFC 3261 10.2).
    call_id: String,
    tag: String,
    token: String,
    cseq: u32,
    asks_s: u32,
    targets: VecDeque<Flow>,
    /// REGISTERs to the present target.
    tries: u8,
    digest: digest::Client,
    authorization: Vec<(String, String)>,
    /// Rounds without an answer, for the back-off.
    failures: u32,
    /// Where the peer took us last.
    flow: Option<Flow>,
    addresses: Vec<IpAddr>,
    /// When it last registered anew because its connection broke.
    reconnected: Option<Mono>,
    pings: Pings,
    state: RegistrationState,
}

impl Registration {
    /// One that has not begun.
    pub fn new(wanted: Wanted, now: Now, rng: &mut Rng) -> Registration {
        Registration {
            wanted,
            phase: Phase::Gone,
            call_id: rng.hex(32),
            tag: rng.hex(16),
            token: rng.hex(32),
            cseq: 0,
            asks_s: ASKED_S,
            targets: VecDeque::new(),
            tries: 0,
            digest: digest::Client::default(),
            authorization: Vec::new(),
            failures: 0,
            flow: None,
            addresses: Vec::new(),
            reconnected: None,
            pings: Pings::default(),
            state: RegistrationState::begun(now.wall),
        }
    }

    /// One transition per line.
    pub fn on(&mut self, cx: &mut Cx<'_>, event: Event<'_>) {
        let due = self.phase.deadline().is_some_and(|at| at <= cx.now.mono);
        if matches!(event, Event::Time) {
            self.ping_if_due(cx);
        }
        match (&self.phase, event) {
            (_, Event::Begin(wanted)) => self.begin(cx, *wanted),
            (Phase::LookingUp(_), Event::Found(flows)) => self.found(cx, flows),
            (Phase::LookingUp(_), Event::Time) if due => self.found(cx, Vec::new()),
            (Phase::Asking(flow), Event::Answer(n, m)) if n == self.cseq => self.answered(cx, *flow, m),
            (Phase::Asking(_), Event::Failed(n, why)) if n == self.cseq => self.unanswered(cx, why),
            (Phase::Asking(_), Event::Unreachable(n, why)) if n == self.cseq => self.unreachable(cx, why),
            (Phase::Registered(_), Event::Lost(flow)) if self.rests_on(&flow) => self.lost(cx),
            (Phase::Registered(_) | Phase::Waiting { .. }, Event::Time) if due => self.look_up(cx),
            (Phase::Leaving(flow), Event::Answer(n, m)) if n == self.cseq => self.left(cx, *flow, m),
            (Phase::Leaving(_), Event::Failed(n, _) | Event::Unreachable(n, _)) if n == self.cseq => {
                self.gone(cx)
            }
            (Phase::Leaving(_) | Phase::Gone, Event::Leave) => {}
            (_, Event::Leave) => self.leave(cx),
            (_, Event::Pong(n)) => self.pong(cx, n),
            (_, Event::Missed(n)) => self.missed(cx, n),
            _ => {}
        }
    }

    /// When it wants to be asked again.
    pub fn deadline(&self) -> Option<Mono> {
        self.phase.deadline().into_iter().chain(self.pings.deadline()).min()
    }

    /// What the row wants; None: it leaves.
    pub fn wanted(&self) -> Option<&Wanted> {
        if self.is_leaving() { None } else { Some(&self.wanted) }
    }

    /// Is it on its way out?
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving(_) | Phase::Gone)
    }

    /// What users are shown.
    pub fn state(&self) -> &RegistrationState {
        &self.state
    }

    /// Does this Request-URI carry the token of our Contact?
    pub fn is_called_by(&self, uri: &Uri) -> bool {
        uri.params.get(TOKEN) == Some(self.token.as_str())
    }

    /// Is this one of the addresses that the peer's host has?
    pub fn is_at(&self, ip: IpAddr) -> bool {
        self.addresses.contains(&ip.to_canonical())
    }
}

impl Phase {
    fn deadline(&self) -> Option<Mono> {
        match self {
            Phase::LookingUp(at) | Phase::Registered(at) | Phase::Waiting { until: at, .. } => Some(*at),
            Phase::Asking(_) | Phase::Leaving(_) | Phase::Gone => None,
        }
    }
}
