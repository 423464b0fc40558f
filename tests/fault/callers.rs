//! A crowd that calls: many callers behind one UDP socket, text of their own. They send again, lose patience, and write down what
//! became of each call; beside them whoever asks the server whether it is there, and calls that are up and go on talking.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// Whoever is not answered by then has hung up.
pub const PATIENCE: Duration = Duration::from_secs(4);
/// RFC 3261 17.1.1.2: T1, and how long it goes on.
const T1: Duration = Duration::from_millis(500);
const GIVE_UP: Duration = Duration::from_secs(32);
/// Between two looks at what is due.
const TICK: Duration = Duration::from_millis(5);
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

/// What became of calls.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub dialled: u64,
    /// Answered while the caller was there, and ended by the server's BYE.
    pub served: u64,
    pub refused: u64,
    pub retry_after: BTreeSet<String>,
    /// Nobody answered in time.
    pub impatient: u64,
    pub other: BTreeMap<u16, u64>,
}

/// A request that wants a 200: an OPTIONS, or one within a call.
struct Ask {
    begun: Instant,
    again: (Instant, Duration),
    text: String,
}

enum Stage {
    /// Nothing heard yet.
    Asking {
        again: (Instant, Duration),
        text: String,
    },
    Ringing,
    Up,
    /// It gave up; the answer to its CANCEL is on its way.
    Gone,
}

struct Line {
    begun: Instant,
    stage: Stage,
}

/// A call that stays up.
struct Dialog {
    to: String,
    cseq: u32,
}

pub struct Crowd {
    socket: UdpSocket,
    /// The same one, for sending without a look at what tokio knows of it.
    sender: std::net::UdpSocket,
    own: SocketAddr,
    sip: SocketAddr,
    lines: HashMap<String, Line>,
    asks: HashMap<String, Ask>,
    dialogs: HashMap<String, Option<Dialog>>,
    next: u64,
    pub seen: Seen,
    /// How long each OPTIONS, and each request within a call, waited for its 200.
    pub answered: Vec<Duration>,
    pub asked: u64,
    pub refused_asks: Vec<String>,
}

/// The value of a field.
pub fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.split("\r\n").take_while(|l| !l.is_empty());
    lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("")
}

impl Crowd {
    pub fn new(sip: SocketAddr) -> Crowd {
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.set_nonblocking(true).unwrap();
        let socket = UdpSocket::from_std(sender.try_clone().unwrap()).unwrap();
        let own = socket.local_addr().unwrap();
        let (lines, asks, dialogs) = Default::default();
        let (seen, answered, refused_asks) = Default::default();
        Crowd {
            socket,
            sender,
            own,
            sip,
            lines,
            asks,
            dialogs,
            next: 0,
            seen,
            answered,
            asked: 0,
            refused_asks,
        }
    }

    pub fn in_flight(&self) -> usize {
        self.lines.len()
    }

    /// Nothing is open: no call on its way, no question without its answer.
    pub fn is_quiet(&self) -> bool {
        self.lines.is_empty() && self.asks.is_empty()
    }

    /// Calls that are up and stay.
    pub fn held(&self) -> usize {
        self.dialogs.values().flatten().count()
    }

    fn send(&self, text: &str) {
        // A full buffer loses it, as a network would.
        let _ = self.sender.send_to(text.as_bytes(), self.sip);
    }

    fn request(&self, method: &str, (id, branch, cseq): (&str, &str, u32), to: &str, body: &str) -> String {
        let (own, sip) = (self.own, self.sip);
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:+15550000001@{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:+15557654321@{own}>;tag=f{id}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:crowd@{own}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// One more caller.
    pub fn dial(&mut self) {
        self.next += 1;
        self.seen.dialled += 1;
        let id = format!("c{}", self.next);
        self.invite(id, "+15550000001");
    }

    /// A call that the application keeps up.
    pub fn hold(&mut self, number: &str) {
        self.next += 1;
        let id = format!("h{}", self.next);
        self.dialogs.insert(id.clone(), None);
        self.invite(id, number);
    }

    fn invite(&mut self, id: String, number: &str) {
        let to = format!("<sip:{number}@{}>", self.sip);
        let text = self.request("INVITE", (&id, &id, 1), &to, SDP).replacen("+15550000001", number, 1);
        self.send(&text);
        let begun = Instant::now();
        let stage = Stage::Asking { again: (begun + T1, T1), text };
        self.lines.insert(id, Line { begun, stage });
    }

    /// Is the server there? And, in each call that is up: are you?
    pub fn ask(&mut self) {
        self.next += 1;
        let id = format!("o{}", self.next);
        let to = format!("<sip:{}>", self.sip);
        let text = self.request("OPTIONS", (&id, &id, 1), &to, "");
        self.begin(id, text);
        // One at a time in each call: a second offer before the answer would get a 491 by right (RFC 3261 14.2).
        let ids: Vec<String> = self.dialogs.keys().cloned().collect();
        for id in ids {
            let waits = self.asks.keys().any(|branch| branch.starts_with(&format!("{id}-")));
            let Some(Some(dialog)) = self.dialogs.get_mut(&id).filter(|_| !waits) else { continue };
            dialog.cseq += 1;
            let (to, cseq) = (dialog.to.clone(), dialog.cseq);
            let branch = format!("{id}-{cseq}");
            // Every other one changes the session: an INVITE, but of a call that is there.
            let text = match cseq % 2 {
                0 => self.request("OPTIONS", (&id, &branch, cseq), &to, ""),
                _ => self.request("INVITE", (&id, &branch, cseq), &to, SDP),
            };
            self.begin(branch, text);
        }
    }

    fn begin(&mut self, branch: String, text: String) {
        self.asked += 1;
        self.send(&text);
        let begun = Instant::now();
        self.asks.insert(branch, Ask { begun, again: (begun + T1, T1), text });
    }

    /// Hears, and does what is due, for one tick.
    pub async fn go_on(&mut self) {
        let mut buffer = [0; 4_096];
        let end = Instant::now() + TICK;
        while let Ok(Ok((n, _))) =
            tokio::time::timeout_at(end.into(), self.socket.recv_from(&mut buffer)).await
        {
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            self.hears(&text);
        }
        self.due(Instant::now());
    }

    fn due(&mut self, now: Instant) {
        let (mut again, mut gone) = (vec![], vec![]);
        let mut due = |(at, step): &mut (Instant, Duration), text: &str| {
            if *at <= now {
                *step *= 2;
                *at = now + *step;
                again.push(text.to_owned());
            }
        };
        for (id, line) in &mut self.lines {
            let waited = now - line.begun;
            match &mut line.stage {
                Stage::Asking { .. } | Stage::Ringing if waited > PATIENCE && id.starts_with('c') => {
                    gone.push(id.clone());
                }
                Stage::Asking { again, text } => due(again, text),
                _ => {}
            }
        }
        self.asks.values_mut().for_each(|ask| due(&mut ask.again, &ask.text));
        again.iter().for_each(|text| self.send(text));
        for id in gone {
            self.seen.impatient += 1;
            let to = format!("<sip:+15550000001@{}>", self.sip);
            let text = self.request("CANCEL", (&id, &id, 1), &to, "");
            self.send(&text);
            self.lines.entry(id).and_modify(|line| line.stage = Stage::Gone);
        }
        let before = self.lines.len();
        self.lines.retain(|_, line| now - line.begun < GIVE_UP);
        // Calls that nobody ended.
        *self.seen.other.entry(0).or_default() += (before - self.lines.len()) as u64;
        self.seen.other.retain(|_, n| *n > 0);
    }

    fn hears(&mut self, text: &str) {
        let id = field(text, "Call-ID").to_owned();
        if text.starts_with("BYE ") {
            let copied =
                ["Via", "From", "To", "Call-ID", "CSeq"].map(|n| format!("{n}: {}\r\n", field(text, n)));
            self.send(&format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", copied.concat()));
            if let Some(line) = self.lines.remove(&id) {
                assert!(matches!(line.stage, Stage::Up), "BYE before the answer: {text}");
                self.seen.served += 1;
            }
            return;
        }
        let code: u16 = text.split(' ').nth(1).and_then(|c| c.parse().ok()).unwrap_or(0);
        let (cseq, method) = field(text, "CSeq").split_once(' ').unwrap();
        let branch = field(text, "Via").split("branch=z9hG4bK").nth(1).unwrap().split(';').next().unwrap();
        if method == "INVITE" && code >= 200 {
            let own = if code < 300 { format!("{branch}a") } else { branch.to_owned() };
            let ack = self.request("ACK", (&id, &own, cseq.parse().unwrap()), field(text, "To"), "");
            self.send(&ack);
        }
        if code < 200 && self.asks.contains_key(branch) {
            return;
        }
        if let Some(ask) = self.asks.remove(branch) {
            self.answered.push(ask.begun.elapsed());
            if code != 200 {
                self.refused_asks.push(text.lines().next().unwrap_or("").to_owned());
            }
        } else if method == "INVITE" {
            self.moves(&id, code, text);
        }
    }

    /// An answer to the INVITE of a call.
    fn moves(&mut self, id: &str, code: u16, text: &str) {
        let Some(line) = self.lines.get_mut(id) else { return };
        match (&line.stage, code) {
            (Stage::Asking { .. }, ..200) => line.stage = Stage::Ringing,
            (_, ..200) => {}
            (Stage::Asking { .. } | Stage::Ringing, 200) => match self.dialogs.get_mut(id) {
                Some(dialog) => {
                    *dialog = Some(Dialog { to: field(text, "To").to_owned(), cseq: 1 });
                    self.lines.remove(id);
                }
                None => line.stage = Stage::Up,
            },
            (Stage::Up, 200) => {}
            (stage, code) => {
                if code == 503 {
                    self.seen.refused += 1;
                    self.seen.retry_after.insert(field(text, "Retry-After").to_owned());
                } else if !matches!(stage, Stage::Gone) {
                    *self.seen.other.entry(code).or_default() += 1;
                }
                self.lines.remove(id);
            }
        }
    }
}
