//! (s) `POST /carrier/v1/sip_trunks/{Sid}/test`: asks the trunk's peer, from sockets of its own, and says what is wrong. A call that
//! rings is taken back at once.

use super::carrier_body::{Given, unprocessable};
use super::operation::{Ctx, Outcome, unavailable};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Schema, Type, always};
use crate::rng::Rng;
use crate::sip::dialog::Dialog;
use crate::sip::digest::{self, Protected};
use crate::sip::event::{Credentials, Flow, Lookup, ResolveId, Transport as Kind_};
use crate::sip::transport::{Config, Inbound, Transport};
use crate::sip::wire::{Message, Method, Uri, Verdict, Writer, read_datagram};
use crate::store::rows::TrunkRow;
use crate::trunk::doctor::{self, Change, Finding, Names, Probe};
use crate::trunk::{media, route};
use bytes::Bytes;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// First retransmission of a datagram (RFC 3261 T1).
const T1: Duration = Duration::from_millis(500);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long it may take until a call rings: carriers say 100 and search.
const RINGING: Duration = Duration::from_secs(12);
/// How long a 200 may come again behind our ACK.
const AGAIN: Duration = Duration::from_millis(1_200);
/// Caller of the probes, where none is given.
const NOBODY: &str = "anonymous";

/// What the test takes.
pub const TEST: &[Param] = &[
    param(
        "number",
        Kind::Text(64),
        "Calls this number until it rings; without it only the way there is looked at.",
    ),
    param("from", Kind::Text(64), "The caller; the trunk's from_user or default_sender by default."),
];

/// What it says.
pub const RESULT: Schema = Schema {
    name: "carrier.v1.sip_trunk.test",
    element: "Test",
    props: &[
        always("ok", Type::Bool),
        always("findings", Type::Records(&super::sip_trunks::STEP)),
        always("ladder", Type::Texts),
        always("patch", Type::Any),
    ],
};

/// POST /carrier/v1/sip_trunks/{Sid}/test.
pub async fn test(ctx: Ctx) -> Result<Outcome, Refusal> {
    let trunk = super::sip_trunks::find(&ctx).await?;
    let given = Given::of(&ctx, &super::trunk_fields::TRUNK)?;
    let number = given.text("number").flatten();
    let from = given.text("from").flatten().or_else(|| trunk.default_sender.clone());
    if trunk.outbound_host.is_none() && trunk.outbound_proxy.is_none() {
        return Err(
            unprocessable("The trunk has no outbound_host: there is nobody to ask.").about("outbound_host")
        );
    }
    let (inbox, arrivals) = mpsc::channel(64);
    let reach = ctx.api.config.reach.clone();
    let listen = Config {
        external: reach.external_ip,
        roots: reach.roots,
        dns: reach.dns,
        ..Config::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    };
    let transport = Transport::start(listen, super::rng(), inbox).await;
    let transport =
        transport.map_err(|e| unavailable(&crate::store::tx::StoreError::Unavailable(e.to_string())))?;
    let _ = transport.set_trunks(std::slice::from_ref(&trunk));
    let mut prober =
        Prober { transport, arrivals, rng: super::rng(), began: Instant::now(), ladder: Vec::new() };
    let (findings, patch) = prober.examine(&trunk, number, from.unwrap_or_else(|| NOBODY.to_owned())).await;
    let ok = findings.last().is_some_and(|f| f.ok) && patch.is_empty();
    let steps: Vec<Value> = findings.iter().map(|f| json!({ "ok": f.ok, "words": f.words })).collect();
    let patch: Value = patch
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<serde_json::Map<_, _>>()
        .into();
    Ok(Outcome::Record(json!({ "data": {
        "id": trunk.sid, "type": "sip_trunk_test",
        "attributes": { "ok": ok, "findings": steps, "ladder": prober.ladder, "patch": patch },
    }})))
}

struct Prober {
    transport: Transport,
    arrivals: mpsc::Receiver<Inbound>,
    rng: Rng,
    began: Instant,
    ladder: Vec<String>,
}

/// How one request went.
struct Reply {
    ringing: bool,
    last: Option<Message>,
    lost: bool,
    /// Why there is no TLS.
    untrusted: Option<String>,
}

impl Prober {
    /// All that is asked, in the order in which it makes sense.
    async fn examine(
        &mut self,
        trunk: &TrunkRow,
        number: Option<String>,
        from: String,
    ) -> (Vec<Finding>, Vec<Change>) {
        let Some(flow) = self.find(trunk).await else {
            return (doctor::judge(&Probe::Options, trunk, &doctor::Outcome::NoAddress), Vec::new());
        };
        let mut findings = Vec::new();
        let mut patch = Vec::new();
        let mut probes = vec![Probe::Options];
        probes.extend(doctor::registers(trunk).then_some(Probe::Register));
        for probe in probes {
            let outcome = self.ask(&probe, trunk, flow).await;
            let found = doctor::judge(&probe, trunk, &outcome);
            // A port where nobody listens will not take a call either.
            let dead = matches!(outcome, doctor::Outcome::Refused(_) | doctor::Outcome::Untrusted(_));
            patch.extend(found.iter().filter_map(|f| f.change.clone()));
            findings.extend(found);
            if dead {
                return (findings, patch);
            }
        }
        if let Some(number) = number {
            self.call(trunk, flow, Probe::Invite { number, from }, &mut findings, &mut patch).await;
        }
        (findings, patch)
    }

    /// Calls; if that fails in a way that another spelling may mend, tries the spellings.
    async fn call(
        &mut self,
        trunk: &TrunkRow,
        flow: Flow,
        probe: Probe,
        findings: &mut Vec<Finding>,
        patch: &mut Vec<Change>,
    ) {
        let outcome = self.ask(&probe, trunk, flow).await;
        let found = doctor::judge(&probe, trunk, &outcome);
        patch.extend(found.iter().filter_map(|f| f.change.clone()));
        findings.extend(found);
        let code = |outcome: &doctor::Outcome| match outcome {
            doctor::Outcome::Answered { message, .. } => message.code().unwrap_or(0),
            _ => 0,
        };
        for ((name, value), row) in doctor::variations(trunk, code(&outcome)) {
            let outcome = self.ask(&probe, &row, flow).await;
            if doctor::reached(code(&outcome)) {
                let words = format!("With {name}: {value} the call gets through ({}).", code(&outcome));
                findings.push(Finding { ok: true, words, change: None });
                return patch.push((name, value));
            }
        }
    }

    /// Where the trunk's requests go.
    async fn find(&mut self, trunk: &TrunkRow) -> Option<Flow> {
        let hop = trunk.outbound_proxy.as_deref().unwrap_or(route::host(trunk));
        let uri = Uri::parse(&format!("sip:{hop}")).ok()?;
        let kind = Kind_::named(&trunk.transport);
        let host = uri.next_host().to_owned();
        let hop = Lookup { host, port: uri.port, transport: kind, trunk: Some(trunk.sid) };
        self.transport.resolve(ResolveId(1), hop);
        let until = Instant::now() + PATIENCE + PATIENCE;
        while let Ok(Some(arrival)) = timeout_at(until, self.arrivals.recv()).await {
            if let Inbound::Resolved(_, flows) = arrival {
                return flows.into_iter().next();
            }
        }
        None
    }

    /// One probe, with user and password where they are asked for.
    async fn ask(&mut self, probe: &Probe, trunk: &TrunkRow, flow: Flow) -> doctor::Outcome {
        let mut names = Names {
            call_id: format!("{}@chorus", self.rng.hex(24)),
            tag: self.rng.hex(12),
            branch: String::new(),
            cseq: 0,
        };
        let (mut client, mut auth) = (digest::Client::default(), Vec::new());
        let terms = media::terms(Some(trunk), false, &mut self.rng);
        loop {
            names.cseq += 1;
            names.branch = format!("z9hG4bK{}", self.rng.hex(16));
            let bytes = doctor::request(probe, trunk, &flow, &names, &auth, &terms);
            let shown = format!("{} {}", probe.method(), doctor::uri(probe, trunk));
            let reply = self.exchange(flow, &bytes, &names.branch, &shown).await;
            if let Some(words) = reply.untrusted {
                return doctor::Outcome::Untrusted(words);
            }
            if reply.lost {
                return doctor::Outcome::Refused(flow);
            }
            let Some(message) = reply.last else { return doctor::Outcome::Silence(flow) };
            let code = message.code().unwrap_or(0);
            if matches!(code, 401 | 407)
                && let Some(fields) = self.credentials(probe, trunk, &message, &mut client, &auth)
            {
                auth = fields;
                continue;
            }
            let unacknowledged = match code {
                200..300 if *probe != Probe::Options && *probe != Probe::Register => {
                    self.leave(flow, &message).await
                }
                _ => false,
            };
            let authorized = !auth.is_empty();
            let unfit = doctor::unfit(&terms, &message);
            return doctor::Outcome::Answered {
                flow,
                message: Box::new(message),
                authorized,
                unacknowledged,
                unfit,
            };
        }
    }

    fn credentials(
        &mut self,
        probe: &Probe,
        trunk: &TrunkRow,
        message: &Message,
        client: &mut digest::Client,
        shown: &[(String, String)],
    ) -> Option<Vec<(String, String)>> {
        let user = trunk.auth_user.clone().or_else(|| trunk.username.clone())?;
        let credentials = Credentials { username: user, password: trunk.password.clone()? };
        let (method, uri) = (probe.method(), doctor::uri(probe, trunk));
        let request = Protected { method: &method, uri: &uri, body: &[] };
        client.answer(message, &request, shown, &credentials, &self.rng.hex(16)).ok()
    }

    /// Sends a request until it is answered. A call that rings is taken back; what it then says is passed over.
    async fn exchange(&mut self, flow: Flow, bytes: &Bytes, branch: &str, shown: &str) -> Reply {
        let mut reply = Reply { ringing: false, last: None, lost: false, untrusted: None };
        self.send(flow, bytes.clone(), shown);
        let (mut again, mut interval) = (Instant::now() + T1, T1);
        let mut until = Instant::now() + PATIENCE;
        let mut heard = false;
        while Instant::now() < until {
            let arrival = timeout_at(again.min(until), self.arrivals.recv()).await;
            match arrival {
                Err(_) if Instant::now() >= until => break,
                Err(_) => {
                    if flow.transport == Kind_::Udp && !heard {
                        self.send(flow, bytes.clone(), &format!("{shown} (again)"));
                    }
                    interval *= 2;
                    again = Instant::now() + interval;
                }
                Ok(Some(Inbound::Lost(lost))) if lost.remote == flow.remote => {
                    reply.lost = !heard;
                    return reply;
                }
                Ok(Some(Inbound::Unreachable(flow, words))) => {
                    reply.lost = true;
                    reply.untrusted = (flow.transport == Kind_::Tls).then_some(words);
                    return reply;
                }
                Ok(Some(Inbound::Bytes(from, octets, _))) => {
                    let Some(message) = self.heard(from, &octets, branch) else { continue };
                    if message.cseq().is_some_and(|c| c.method == Method::Cancel) {
                        continue;
                    }
                    heard = true;
                    match self.take(flow, bytes, message, &mut reply) {
                        Some(more) => until = until.max(Instant::now() + more),
                        None => return reply,
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return reply,
            }
        }
        reply
    }

    /// Takes in an answer; how much longer to wait, None: that was the last.
    fn take(&mut self, flow: Flow, request: &Bytes, message: Message, reply: &mut Reply) -> Option<Duration> {
        let code = message.code().unwrap_or(0);
        let invite = request.starts_with(b"INVITE ");
        if (101..200).contains(&code) && !reply.ringing {
            reply.ringing = true;
            reply.last = Some(message);
            self.send(flow, derived(request, &Method::Cancel, None), "CANCEL");
            return Some(PATIENCE);
        }
        if code < 200 {
            return Some(if invite { RINGING } else { PATIENCE });
        }
        if invite && code >= 300 {
            self.send(flow, derived(request, &Method::Ack, message.headers.get("To")), "ACK");
        }
        // It rang: 487 is the end of our own CANCEL.
        if !reply.ringing || code < 300 {
            reply.last = Some(message);
        }
        None
    }

    /// Answered: ACK and BYE at once. True: the 200 came again all the same.
    async fn leave(&mut self, flow: Flow, answer: &Message) -> bool {
        let mut dialog = Dialog::uac(answer, flow);
        let number = dialog.ids.local_cseq;
        let (ack, bye) = (format!("z9hG4bK{}", self.rng.hex(16)), format!("z9hG4bK{}", self.rng.hex(16)));
        let to = dialog.destination();
        let bytes = dialog.request(&Method::Ack, number, &ack).finish();
        self.send(to, bytes, "ACK");
        let until = Instant::now() + AGAIN;
        let mut again = false;
        while let Ok(Some(arrival)) = timeout_at(until, self.arrivals.recv()).await {
            let Inbound::Bytes(_, octets, _) = arrival else { continue };
            let Verdict::Message(message) = read_datagram(&octets) else { continue };
            again |=
                message.code() == Some(200) && message.cseq().is_some_and(|c| c.method == Method::Invite);
        }
        let cseq = dialog.next_cseq();
        let bytes = dialog.request(&Method::Bye, cseq, &bye).finish();
        self.send(to, bytes, "BYE");
        again
    }

    fn send(&mut self, flow: Flow, bytes: Bytes, shown: &str) {
        self.note("->", shown);
        self.transport.send(flow, bytes);
    }

    /// A response to what was sent under this branch.
    fn heard(&mut self, _: Flow, octets: &Bytes, branch: &str) -> Option<Message> {
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

    fn note(&mut self, arrow: &str, what: &str) {
        let at = self.began.elapsed().as_secs_f64();
        self.ladder.push(format!("{at:8.3} {arrow} {what}"));
    }
}

/// CANCEL of an INVITE, or the ACK of its refusal: the same Request-URI, Via, From, Call-ID and number (RFC 3261 9.1, 17.1.1.3).
fn derived(invite: &Bytes, method: &Method, to: Option<&[u8]>) -> Bytes {
    let Verdict::Message(invite) = read_datagram(invite) else { return Bytes::new() };
    let w = Writer::request(method, invite.uri_text())
        .copy(&invite, "Via")
        .header("Max-Forwards", "70")
        .copy(&invite, "From");
    let w = match to {
        Some(to) => w.header("To", &String::from_utf8_lossy(to)),
        None => w.copy(&invite, "To"),
    };
    let number = invite.cseq().map_or(1, |c| c.number);
    w.copy(&invite, "Call-ID").header("CSeq", &format!("{number} {method}")).finish()
}
