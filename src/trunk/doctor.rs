//! What is wrong with a trunk: requests that its peer may be asked, what its answers mean, and what else to try. The shell that sends
//! them is `api/trunk_test.rs`.
//!
//! ```text
//!  OPTIONS --nothing, refused, no address--> the way there      (any answer: the peer is there; what it says of our address: NAT)
//!  REGISTER without Contact (a question, RFC 3261 10.2.3) --------> user and password, where we register
//!  INVITE to a number --404, 484, 604--> with and without `+`, 403 --> with the trunk's own user in From; 18x --> CANCEL
//! ```

use super::identity::{self, Caller};
use super::media::{SrtpPolicy, TrunkMedia};
use super::normalise;
use super::route;
use crate::sdp::{self, NoCommonCodec, Terms};
use crate::sip::dialog::{self, MAX_FORWARDS};
use crate::sip::event::Flow;
use crate::sip::wire::{Message, Method, Writer, escape_user};
use crate::store::rows::{TrunkMode, TrunkRow};
use bytes::Bytes;
use serde_json::{Value, json};

/// What a [`NoCommonCodec`] says of keys.
const SRTP: u16 = 302;

/// A change of the trunk: attribute and value.
pub type Change = (&'static str, Value);

/// What was learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Nothing is wrong with it.
    pub ok: bool,
    /// In a sentence that says what to do.
    pub words: String,
    /// What to PATCH.
    pub change: Option<Change>,
}

fn good(words: impl Into<String>) -> Finding {
    Finding { ok: true, words: words.into(), change: None }
}

fn bad(words: impl Into<String>) -> Finding {
    Finding { ok: false, words: words.into(), change: None }
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

/// What names one request.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Call-ID.
    pub call_id: String,
    /// From tag.
    pub tag: String,
    /// Branch.
    pub branch: String,
    /// CSeq.
    pub cseq: u32,
}

/// The Request-URI.
pub fn uri(probe: &Probe, trunk: &TrunkRow) -> String {
    match probe {
        Probe::Options | Probe::Register => format!("sip:{}", route::host(trunk)),
        Probe::Invite { number, .. } => route::dial_string(trunk, number),
    }
}

/// A request as the trunk's calls are written.
pub fn request(
    probe: &Probe,
    trunk: &TrunkRow,
    flow: &Flow,
    names: &Names,
    auth: &[(String, String)],
    terms: &Terms,
) -> Bytes {
    let (method, host) = (probe.method(), route::host(trunk));
    let user = trunk.username.as_deref().unwrap_or("chorus");
    let address = format!("<sip:{}@{host}>", escape_user(user));
    let (from, to, identity) = match probe {
        Probe::Options => (format!("<sip:{}@LOCAL>", escape_user(user)), format!("<sip:{host}>"), vec![]),
        Probe::Register => (address.clone(), address, vec![]),
        Probe::Invite { number, from } => {
            let shown = escape_user(trunk.from_user.as_deref().unwrap_or(from));
            let caller = Caller { shown: &shown, asserted: Some(from), ..Caller::default() };
            let (from, identity) = identity::write(trunk, &caller);
            (from, format!("<sip:{}@{host}>", escape_user(number)), identity)
        }
    };
    let mut w = Writer::request(&method, &uri(probe, trunk))
        .header("Via", &dialog::via(flow, &names.branch))
        .header("Max-Forwards", &MAX_FORWARDS.to_string())
        .header("From", &format!("{};tag={}", dialog::local_from(&from, flow), names.tag))
        .header("To", &to)
        .header("Call-ID", &names.call_id)
        .header("CSeq", &format!("{} {method}", names.cseq))
        .headers(auth);
    for (name, value) in &identity {
        w = w.header(name, &dialog::local_from(value, flow));
    }
    match probe {
        // Without a Contact it asks and changes nothing.
        Probe::Register => w.header("User-Agent", "Chorus").finish(),
        Probe::Options => w
            .header("Contact", &dialog::contact(flow, &uri(probe, trunk)))
            .header("Accept", "application/sdp")
            .finish(),
        Probe::Invite { .. } => {
            let w = w
                .header("Contact", &dialog::contact(flow, &uri(probe, trunk)))
                .header("User-Agent", "Chorus");
            w.body("application/sdp", offer(flow, terms).as_bytes())
        }
    }
}

/// G.711, to a port where nobody hears: the call is taken back before anybody speaks.
fn offer(flow: &Flow, terms: &Terms) -> String {
    let local = sdp::Local { ip: flow.local.ip(), port: 9, session_id: 1, version: 1 };
    terms.offer(&local, sdp::Direction::SendRecv)
}

/// What the trunk cannot agree to of the audio that an answer has.
pub fn unfit(terms: &Terms, answer: &Message) -> Option<NoCommonCodec> {
    let remote = sdp::read(answer.sdp()?.as_ref()).ok()?;
    terms.accept(&remote).err()
}

/// How a probe went.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The host has no address.
    NoAddress,
    /// Nobody listens there.
    Refused(Flow),
    /// No TLS connection: why.
    Untrusted(String),
    /// Nothing came back.
    Silence(Flow),
    /// A final answer, or the ringing of a call.
    Answered {
        /// Where it was asked.
        flow: Flow,
        /// The answer.
        message: Box<Message>,
        /// Our user and password were shown.
        authorized: bool,
        /// The 200 came again behind our ACK.
        unacknowledged: bool,
        /// What the trunk cannot agree to of its audio.
        unfit: Option<NoCommonCodec>,
    },
}

/// What it means.
pub fn judge(probe: &Probe, trunk: &TrunkRow, outcome: &Outcome) -> Vec<Finding> {
    let host = trunk.outbound_proxy.as_deref().unwrap_or(route::host(trunk));
    let way = |flow: &Flow| format!("{} over {}", flow.remote, trunk.transport);
    let method = probe.method();
    match outcome {
        Outcome::NoAddress => vec![bad(format!(
            "{host} has no address (DNS): look for a mistake in outbound_host or outbound_proxy."
        ))],
        Outcome::Refused(flow) if trunk.transport == "tls" => vec![bad(format!(
            "{method}: nobody takes a TLS connection at {}: look at the port (5061 unless outbound_host says another).",
            way(flow)
        ))],
        Outcome::Refused(flow) => vec![Finding {
            change: Some(("transport", json!(if trunk.transport == "udp" { "tcp" } else { "udp" }))),
            ..bad(format!(
                "{method}: nobody listens on {}: look at the port (5060 unless outbound_host says another), or take the other transport.",
                way(flow)
            ))
        }],
        Outcome::Untrusted(words) => vec![bad(format!(
            "{method}: {words}. tls_ca takes another authority, tls_peer_names another name, tls_peer_fingerprints this certificate alone; \
             tls_certificate is what we show."
        ))],
        Outcome::Silence(flow) => vec![bad(format!(
            "{method}: no answer from {}. Either nothing arrives there (host, port, firewall), or the peer does not know {}: \
             it has to allow our address, as it sees it.",
            way(flow),
            flow.local
        ))],
        Outcome::Answered { flow, message, authorized, unacknowledged, unfit } => {
            let mut found = answered(probe, trunk, message, *authorized);
            found.extend(unfit.as_ref().map(|e| in_clear(trunk, e)));
            found.extend(seen_as(flow, message));
            if *unacknowledged {
                found.push(bad(format!(
                    "Our ACK does not arrive: the answer's Contact ({}) cannot be reached from here. The peer has to write its public address there.",
                    message.contact().map(|c| c.uri.to_string()).unwrap_or_default()
                )));
            }
            found
        }
    }
}

/// The peer takes the call, but its audio is not what the trunk wants.
fn in_clear(trunk: &TrunkRow, e: &NoCommonCodec) -> Finding {
    let words = format!("The peer's audio does not do: {}.", e.words());
    let clear = e.code == SRTP && trunk.media.srtp == SrtpPolicy::Required;
    Finding { change: clear.then(|| ("srtp", json!("optional"))), ..bad(words) }
}

/// What the peer says of our address (RFC 3581): another one than we write stands for a NAT.
fn seen_as(flow: &Flow, message: &Message) -> Option<Finding> {
    let seen = message.via()?.received()?;
    let ours = flow.local.ip();
    (seen.to_canonical() != ours.to_canonical()).then(|| {
        bad(format!(
            "The peer sees us as {seen}, but our Contact and SDP say {ours}: a NAT stands between. Set CHORUS_EXTERNAL_IP={seen} and forward the SIP and RTP ports."
        ))
    })
}

fn answered(probe: &Probe, trunk: &TrunkRow, message: &Message, authorized: bool) -> Vec<Finding> {
    let code = message.code().unwrap_or(0);
    let method = probe.method();
    let said = said(message);
    match (probe, code) {
        (_, 401 | 407) if authorized => vec![bad(format!(
            "{method}: {said}: user or password is wrong. The digest's user is '{}': set auth_user if it is another one, and password.",
            trunk.auth_user.as_ref().or(trunk.username.as_ref()).map_or("", String::as_str)
        ))],
        (Probe::Options, 401 | 407) => vec![good(format!("OPTIONS: {said}: the peer is there."))],
        (_, 401 | 407) => vec![Finding {
            change: Some(("username", json!("the user"))),
            ..bad(format!(
                "{method}: {said}: the peer wants user and password: give the trunk username and password."
            ))
        }],
        (Probe::Options, _) => vec![good(format!("OPTIONS: {said}: the peer is there."))],
        (Probe::Register, 200..300) => vec![good("REGISTER: 200: the peer knows user and password.")],
        (Probe::Register, 403 | 404) => {
            vec![bad(format!(
                "REGISTER: {said}: the peer does not know this user there: look at username and outbound_host."
            ))]
        }
        (Probe::Register, 405 | 501) => {
            vec![bad(format!(
                "REGISTER: {said}: nobody can register there: take authentication_mode ip_address."
            ))]
        }
        (Probe::Register, _) => vec![bad(format!("REGISTER: {said}."))],
        (Probe::Invite { number, from }, _) => vec![called(trunk, number, from, message, code, &said)],
    }
}

/// The answer in words: `404 Not Found (Warning: ...)`.
fn said(message: &Message) -> String {
    let phrase = match &message.start {
        crate::sip::wire::Start::Response { code, reason } => format!("{code} {reason}"),
        crate::sip::wire::Start::Request { .. } => String::new(),
    };
    let more = message.headers.text("Warning").map(|w| w.into_owned()).or_else(|| message.reason_text());
    more.map_or(phrase.clone(), |more| format!("{phrase} ({more})"))
}

fn called(trunk: &TrunkRow, number: &str, from: &str, message: &Message, code: u16, said: &str) -> Finding {
    let written = normalise::outbound(number, trunk);
    let shown = trunk.from_user.as_deref().unwrap_or(from);
    let body = String::from_utf8_lossy(&message.body).to_ascii_lowercase();
    let wants_srtp =
        said.to_ascii_lowercase().contains("srtp") || body.contains("rtp/savp") || body.contains("crypto");
    match code {
        101..300 | 480 | 486 | 487 | 600 | 603 => {
            good(format!("INVITE: {said}: the call reaches {written}."))
        }
        404 | 410 | 484 | 604 => bad(format!(
            "INVITE: {said}: the peer knows no '{written}': it wants the number written otherwise."
        )),
        403 => bad(format!(
            "INVITE: {said}: the peer does not let '{shown}' call (From), or not to '{written}'. Numbers that it gave you belong into from_user or default_sender."
        )),
        488 | 606 if wants_srtp => bad(format!("INVITE: {said}: the peer wants encrypted audio (SRTP).")),
        415 | 488 | 606 => bad(format!(
            "INVITE: {said}: the peer takes none of our codecs: allow PCMU or PCMA (G.711) there, or it wants SRTP."
        )),
        421 => bad(format!(
            "INVITE: {said}: the peer requires {}.",
            message.headers.text("Require").unwrap_or_default()
        )),
        420 => bad(format!(
            "INVITE: {said}: the peer does not know {}.",
            message.headers.text("Unsupported").unwrap_or_default()
        )),
        416 => {
            bad(format!("INVITE: {said}: the peer does not take this address: look at outbound_dial_string."))
        }
        482 | 483 => bad(format!(
            "INVITE: {said}: the call comes back to where it was: a loop between the peer and us."
        )),
        300..400 => good(format!("INVITE: {said}: the peer sends the call elsewhere.")),
        402 => bad(format!("INVITE: {said}: the account there has no credit.")),
        500..600 => bad(format!(
            "INVITE: {said}: the peer cannot carry the call; it is not a matter of how it is written."
        )),
        _ => bad(format!("INVITE: {said}.")),
    }
}

/// What else to try with this answer to an INVITE: at most two trunks that differ in one attribute.
pub fn variations(trunk: &TrunkRow, code: u16) -> Vec<(Change, TrunkRow)> {
    let plus = !normalise::plus(trunk);
    let other_plus = || {
        let row = TrunkRow { outbound_plus_prefix: Some(plus), ..trunk.clone() };
        (("outbound_plus_prefix", json!(plus)), row)
    };
    let own_user = || {
        let user = trunk.username.clone().filter(|_| trunk.from_user.is_none())?;
        Some((("from_user", json!(user)), TrunkRow { from_user: Some(user), ..trunk.clone() }))
    };
    let national = || {
        let row =
            TrunkRow { outbound_national_dialing: true, outbound_plus_prefix: Some(false), ..trunk.clone() };
        let dials = trunk.country.is_some() && !trunk.outbound_national_dialing;
        dials.then_some((("outbound_national_dialing", json!(true)), row))
    };
    let srtp = || {
        let other = match trunk.media.srtp {
            SrtpPolicy::Off => SrtpPolicy::Required,
            SrtpPolicy::Required => SrtpPolicy::Off,
            // Both are in its offer.
            SrtpPolicy::Optional => return None,
        };
        let media = TrunkMedia { srtp: other, ..trunk.media.clone() };
        Some((("srtp", json!(other.as_str())), TrunkRow { media, ..trunk.clone() }))
    };
    match code {
        415 | 488 | 606 => srtp().into_iter().collect(),
        404 | 410 | 484 | 604 => std::iter::once(other_plus()).chain(national()).collect(),
        403 => own_user().into_iter().chain([other_plus()]).collect(),
        _ => Vec::new(),
    }
}

/// Did the call get through?
pub fn reached(code: u16) -> bool {
    matches!(code, 101..300 | 480 | 486 | 487 | 600 | 603)
}

/// Does the trunk register at its peer?
pub fn registers(trunk: &TrunkRow) -> bool {
    trunk.authentication_mode == TrunkMode::OutboundRegistration
}
