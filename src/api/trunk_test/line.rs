//! (s) The sockets of a test: where the trunk's peer is, and one question to it, asked anew with user and password where they are asked
//! for.

use crate::rng::Rng;
use crate::sip::digest::{self, Protected};
use crate::sip::event::{Flow, Lookup, ResolveId, Transport as Kind};
use crate::sip::session;
use crate::sip::transport::{Config, Inbound, Transport};
use crate::sip::wire::{Message, Uri, Verdict, read_datagram};
use crate::store::rows::TrunkRow;
use crate::trunk::doctor::request::{self, Names, Standing};
use crate::trunk::doctor::{self, Answer, Outcome, Probe, audio};
use crate::trunk::manners::Manners;
use crate::trunk::{media, route};
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// How long an answer is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);
/// Most times that a request is sent anew with what its answer asked for.
const ROUNDS_MAX: usize = 4;
/// What waits to be read.
const INBOX: usize = 64;

/// Sockets of one test.
pub struct Line {
    transport: Transport,
    pub(super) arrivals: mpsc::Receiver<Inbound>,
    rng: Rng,
    began: Instant,
    ladder: Vec<String>,
}

/// How one request went.
pub(super) enum Reply {
    /// A final answer, or ringing.
    Last(Message),
    /// 100 and nothing more.
    Trying,
    /// Nothing.
    Silence,
    /// A datagram came back, or a connection broke.
    Lost,
    /// No connection: why.
    Unreachable(String),
}

impl Line {
    /// Binds. Errors: the address is not ours, no socket is left, or TLS cannot be set up.
    pub async fn open(config: Config, trunk: &TrunkRow) -> io::Result<Line> {
        let (inbox, arrivals) = mpsc::channel(INBOX);
        let transport = Transport::start(config, crate::api::rng(), inbox).await?;
        let _ = transport.set_trunks(std::slice::from_ref(trunk));
        Ok(Line { transport, arrivals, rng: crate::api::rng(), began: Instant::now(), ladder: Vec::new() })
    }

    /// What was sent and came back, with seconds.
    pub fn into_ladder(self) -> Vec<String> {
        self.ladder
    }

    /// Where the trunk's requests go, found as its calls find it (RFC 3263), in the order in which they try.
    pub async fn find(&mut self, trunk: &TrunkRow) -> Vec<Flow> {
        let hop = trunk.outbound_proxy.as_deref().unwrap_or(route::host(trunk));
        let Ok(uri) = Uri::parse(&format!("sip:{hop}")) else { return Vec::new() };
        let named = Kind::named(&trunk.transport).filter(|kind| *kind != Kind::Udp);
        let host = uri.next_host().to_owned();
        let hop = Lookup { host, port: uri.port, transport: named, trunk: Some(trunk.sid) };
        self.transport.resolve(ResolveId(1), hop);
        let until = Instant::now() + PATIENCE + PATIENCE;
        while let Ok(Some(arrival)) = timeout_at(until, self.arrivals.recv()).await {
            if let Inbound::Resolved(_, flows) = arrival {
                return flows;
            }
        }
        Vec::new()
    }

    /// One probe, sent anew where it is challenged or its session timer is too short for somebody.
    pub async fn ask(&mut self, probe: &Probe, trunk: &TrunkRow, flow: Flow) -> Outcome {
        let mut names = Names {
            call_id: format!("{}@chorus", self.rng.hex(24)),
            tag: self.rng.hex(12),
            ..Names::default()
        };
        let terms = media::terms(Some(trunk), false, &mut self.rng);
        let mut known =
            Standing { terms, manners: Manners::of(trunk), min_se: None, authorization: Vec::new() };
        let mut digest = digest::Client::default();
        loop {
            names.cseq += 1;
            names.branch = self.branch();
            let bytes = request::request(probe, trunk, &flow, &names, &known);
            let shown =
                format!("{} {} to {}", probe.method(), request::uri(probe, trunk), doctor::way(&flow));
            let message = match self.exchange(flow, &bytes, &names.branch, &shown).await {
                Reply::Last(message) => message,
                Reply::Trying => return Outcome::Trying(flow),
                Reply::Silence => return Outcome::Silence(flow),
                Reply::Lost if flow.transport == Kind::Udp => return Outcome::Refused(flow),
                Reply::Lost => return Outcome::Closed(flow),
                Reply::Unreachable(words) => return untaken(flow, words).await,
            };
            let last = names.cseq as usize >= ROUNDS_MAX;
            if !last && self.take_in(probe, trunk, &message, &mut digest, &mut known) {
                continue;
            }
            let code = message.code().unwrap_or(0);
            let answered = matches!(probe, Probe::Invite { .. }) && (200..300).contains(&code);
            let unacknowledged = answered && self.leave(flow, &message).await;
            return Outcome::Answered(Box::new(Answer {
                flow,
                authorized: !known.authorization.is_empty(),
                unacknowledged,
                unfit: audio::unfit(&known.terms, &message),
                message,
            }));
        }
    }

    /// Is there something in the answer that mends the request?
    fn take_in(
        &mut self,
        probe: &Probe,
        trunk: &TrunkRow,
        message: &Message,
        digest: &mut digest::Client,
        known: &mut Standing,
    ) -> bool {
        match message.code() {
            Some(401 | 407) => {
                let Some(credentials) = route::credentials(trunk) else { return false };
                let (method, uri) = (probe.method(), request::uri(probe, trunk));
                let request = Protected { method: &method, uri: &uri, body: &[] };
                let fields =
                    digest.answer(message, &request, &known.authorization, &credentials, &self.rng.hex(16));
                fields.map(|fields| known.authorization = fields).is_ok()
            }
            Some(422) => {
                let longer = session::wanted(message, known.manners.session_expires);
                known.min_se = longer.or(known.min_se);
                longer.map(|seconds| known.manners.session_expires = seconds).is_some()
            }
            _ => false,
        }
    }

    pub(super) fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.rng.hex(16))
    }

    pub(super) fn send(&mut self, flow: Flow, bytes: Bytes, shown: &str) {
        self.note("->", shown);
        self.transport.send(flow, bytes);
    }

    /// A response to what was sent under this branch.
    pub(super) fn heard(&mut self, octets: &Bytes, branch: &str) -> Option<Message> {
        let Verdict::Message(message) = read_datagram(octets) else { return None };
        let code = message.code()?;
        if message.via()?.branch() != Some(branch) {
            return None;
        }
        let first = octets.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
        let phrase = String::from_utf8_lossy(first);
        self.note("<-", phrase.strip_prefix("SIP/2.0 ").unwrap_or(&code.to_string()));
        Some(message)
    }

    pub(super) fn note(&mut self, arrow: &str, what: &str) {
        let at = self.began.elapsed().as_secs_f64();
        self.ladder.push(format!("{at:8.3} {arrow} {what}"));
    }
}

/// Whose fault is it that there is no connection: of TLS a second one in clear tells a port that is closed from a peer that is not believed.
async fn untaken(flow: Flow, words: String) -> Outcome {
    let plain = || timeout(PATIENCE, tokio::net::TcpStream::connect(flow.remote));
    match flow.transport {
        Kind::Tls if matches!(plain().await, Ok(Ok(_))) => Outcome::Untrusted(flow, words),
        _ => Outcome::Refused(flow),
    }
}
