//! What is wrong with a trunk: requests that its peer may be asked, what its answers mean, and what else to try. The shell that sends
//! them is `api/trunk_test.rs`.
//!
//! ```text
//!  OPTIONS --nothing, refused, no address--> the way there            (any answer: the peer is there)
//!  REGISTER without Contact (a question, RFC 3261 10.2.3) ----------> user and password, where we register
//!  INVITE to a number --401, 407--> auth user
//!                     --403, 404, 484--> `+`, prefix, From user
//!                     --488--> codec, SRTP           18x --> CANCEL
//!  each answer ------------------------------------------------------> what it says of our address (NAT), and its Contact
//! ```
//!
//! [`judge`] says what an answer means, [`beside`](address::beside) what it says of addresses, [`variations`](vary::variations) what
//! else to try: trunks that differ in one thing. What [comes further](Stage) with one of them has named the mistake.

pub mod address;
mod answer;
pub mod audio;
pub mod guest;
pub mod request;
pub mod vary;

use super::route;
use crate::sdp::NoCommonCodec;
use crate::sip::event::{Flow, Transport};
use crate::sip::wire::{Message, Method};
use crate::store::rows::{TrunkMode, TrunkRow};
use serde_json::{Value, json};
use std::net::IpAddr;

/// A change of the trunk: attribute and value. What stands for a value that only the operator knows has a space in it, which the
/// attribute does not take.
pub type Change = (&'static str, Value);

/// What was learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Nothing is wrong with it.
    pub ok: bool,
    /// In a sentence that says what to do.
    pub words: String,
    /// What to PATCH.
    pub patch: Vec<Change>,
}

impl Finding {
    /// Nothing is wrong.
    pub fn good(words: impl Into<String>) -> Finding {
        Finding { ok: true, words: words.into(), patch: Vec::new() }
    }

    /// A mistake.
    pub fn bad(words: impl Into<String>) -> Finding {
        Finding { ok: false, words: words.into(), patch: Vec::new() }
    }

    fn with(self, patch: impl Into<Vec<Change>>) -> Finding {
        Finding { patch: patch.into(), ..self }
    }
}

/// What a peer is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Is it there?
    Options,
    /// Does it know our user and password?
    Register,
    /// Does it take a call to this number, from that one?
    Invite {
        /// The number, E.164 or as the trunk is asked for it.
        number: String,
        /// The caller.
        from: String,
    },
}

impl Probe {
    /// Its method.
    pub fn method(&self) -> Method {
        match self {
            Probe::Options => Method::Options,
            Probe::Register => Method::Register,
            Probe::Invite { .. } => Method::Invite,
        }
    }
}

/// A final answer, or the ringing of a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it was asked.
    pub flow: Flow,
    /// The answer.
    pub message: Message,
    /// Our user and password were shown.
    pub authorized: bool,
    /// The 200 came again and again behind our ACK.
    pub unacknowledged: bool,
    /// What the trunk cannot agree to of its audio.
    pub unfit: Option<NoCommonCodec>,
}

/// How a probe went.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nobody listens there.
    Refused(Flow),
    /// A connection was taken and ended without an answer.
    Closed(Flow),
    /// No TLS connection: why.
    Untrusted(Flow, String),
    /// Nothing came back.
    Silence(Flow),
    /// 100, and nothing behind it.
    Trying(Flow),
    /// See there.
    Answered(Box<Answer>),
}

impl Outcome {
    /// Calls pass over an address that does so, if the peer has another one (RFC 3263 section 4.3).
    pub fn is_passed_over(&self) -> bool {
        match self {
            Outcome::Answered(answer) => answer.message.code() == Some(503),
            Outcome::Trying(_) => false,
            Outcome::Refused(_) | Outcome::Closed(_) | Outcome::Untrusted(..) | Outcome::Silence(_) => true,
        }
    }

    /// Whoever does not take a connection or a datagram now will not take a call either.
    pub fn is_dead(&self) -> bool {
        matches!(self, Outcome::Refused(_) | Outcome::Closed(_) | Outcome::Untrusted(..))
    }
}

/// How far a request came: each step has mistakes of its own, and who mends one sees the next.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Not even that far, or it cannot be said.
    Nowhere,
    /// Who we are: user and password.
    Known,
    /// Who calls whom.
    Called,
    /// Audio.
    Spoken,
    /// All is well.
    Through,
}

/// How far a probe came.
pub fn stage(probe: &Probe, outcome: &Outcome) -> Stage {
    let Outcome::Answered(answer) = outcome else { return Stage::Nowhere };
    match (probe, answer.message.code().unwrap_or(0)) {
        (Probe::Options, _) => Stage::Through,
        (_, 401 | 407) => Stage::Known,
        (Probe::Register, 200..300) => Stage::Through,
        (Probe::Register, 403 | 404) => Stage::Called,
        (Probe::Register, _) => Stage::Nowhere,
        (Probe::Invite { .. }, code) => match code {
            415 | 488 | 606 => Stage::Spoken,
            101..400 | 480 | 486 | 487 | 600 | 603 if answer.unfit.is_some() => Stage::Spoken,
            101..400 | 480 | 486 | 487 | 600 | 603 => Stage::Through,
            403 | 404 | 410 | 416 | 420 | 421 | 484 | 604 => Stage::Called,
            _ => Stage::Nowhere,
        },
    }
}

/// Does the trunk register at its peer?
pub fn registers(trunk: &TrunkRow) -> bool {
    trunk.authentication_mode == TrunkMode::OutboundRegistration
}

/// `192.0.2.1:5060 over udp`.
pub fn way(flow: &Flow) -> String {
    let by = match flow.transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
    };
    format!("{} over {by}", flow.remote)
}

/// The peer has no address; `listen`: where our socket is.
pub fn nowhere(trunk: &TrunkRow, listen: IpAddr) -> Finding {
    let host = trunk.outbound_proxy.as_deref().unwrap_or(route::host(trunk));
    let family = match listen {
        IpAddr::V4(_) => " If all it has is IPv6, CHORUS_SIP_LISTEN has to be of IPv6, as [::]:5060 is.",
        IpAddr::V6(ip) if !ip.is_unspecified() => {
            " If all it has is IPv4, CHORUS_SIP_LISTEN has to be of both, as [::]:5060 is."
        }
        IpAddr::V6(_) => "",
    };
    Finding::bad(format!(
        "{host} has no address (DNS) that can be reached: look for a mistake in outbound_host or outbound_proxy.{family}"
    ))
}

/// What it means.
pub fn judge(probe: &Probe, trunk: &TrunkRow, outcome: &Outcome) -> Finding {
    let method = probe.method();
    match outcome {
        Outcome::Refused(flow) if flow.transport == Transport::Tls => Finding::bad(format!(
            "{method}: nobody takes a connection at {}: look at the port (5061 unless outbound_host says another).",
            way(flow)
        )),
        Outcome::Refused(flow) => {
            let other = if flow.transport == Transport::Udp { "tcp" } else { "udp" };
            Finding::bad(format!(
                "{method}: nobody listens on {}: look at the port (5060 unless outbound_host says another), or take the other transport.",
                way(flow)
            ))
            .with([("transport", json!(other))])
        }
        Outcome::Closed(flow) => Finding::bad(format!(
            "{method}: {} takes the connection and ends it without an answer: it may not know our address ({}), or speak something else there.",
            way(flow),
            flow.local.ip()
        )),
        Outcome::Untrusted(_, words) => untrusted(&method, words),
        Outcome::Silence(flow) => Finding::bad(format!(
            "{method}: no answer from {}. Either nothing arrives there (host, port, firewall), or the peer does not know {}: \
             it has to allow our address, as it sees it.",
            way(flow),
            flow.local
        )),
        Outcome::Trying(flow) => Finding::bad(format!(
            "{method}: {} says 100 and nothing more: what it asks itself (its own carrier, a telephone) does not answer.",
            way(flow)
        )),
        Outcome::Answered(answer) => answer::means(probe, trunk, answer),
    }
}

/// No TLS connection. The words name the attribute that it hangs on.
fn untrusted(method: &Method, words: &str) -> Finding {
    let asked = words.contains("tls_certificate");
    let found = Finding::bad(format!(
        "{method}: {words}. tls_ca takes another authority, tls_peer_names another name, tls_peer_fingerprints this certificate alone; \
         tls_certificate is what we show."
    ));
    match asked {
        true => found.with([
            ("tls_certificate", json!("the certificate (PEM)")),
            ("tls_private_key", json!("its key (PEM)")),
        ]),
        false => found,
    }
}
