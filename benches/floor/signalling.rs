//! Floor of INVITE to BYE without a webhook and without a store: a stateful responder that hangs up, and nothing else.
//! `floor-signalling`
//!
//! An INVITE is answered 100, 180 and 200, its ACK by a BYE. What RFC 3261 and 6026 want of one that keeps state is kept: server
//! transactions of INVITE (timer L) and others (J), the 200 again until the ACK (T1 to T2, 64 T1 at most), the BYE as a client
//! transaction (E, F, K), and a dialog (tags, CSeq of both, target, route set). No digest, no media, no parser beyond lines.

mod lines;

use lines::{all, branch, cseq, header, response};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// RFC 3261 17.1.1.1 and 17.1.2.2.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const T4: Duration = Duration::from_secs(5);
/// Timers F, H, J and L.
const LONG: Duration = Duration::from_secs(32);
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n";

/// Something that is sent again until it is answered, or kept to be sent again.
struct Transaction {
    to: SocketAddr,
    last: Vec<u8>,
    /// Time to the next repetition; none is due once it is answered.
    again: Option<Duration>,
    /// It is forgotten then.
    until: Instant,
}

struct Dialog {
    flow: SocketAddr,
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    local_cseq: u32,
    remote_cseq: u32,
    /// Key of the INVITE's transaction; taken by the ACK.
    invite: Option<String>,
}

struct Floor {
    socket: UdpSocket,
    own: SocketAddr,
    transactions: HashMap<String, Transaction>,
    dialogs: HashMap<String, Dialog>,
    /// What is due when: (instant, a number that makes it single) -> key of a transaction.
    timers: BTreeMap<(Instant, u64), String>,
    numbers: u64,
}

impl Floor {
    fn begin(&mut self, key: String, to: SocketAddr, last: Vec<u8>, again: Option<Duration>) {
        let now = Instant::now();
        let _ = self.socket.send_to(&last, to);
        self.arm(now + again.unwrap_or(LONG), key.clone());
        self.transactions.insert(key, Transaction { to, last, again, until: now + LONG });
    }

    fn arm(&mut self, at: Instant, key: String) {
        self.numbers += 1;
        self.timers.insert((at, self.numbers), key);
    }

    fn due(&mut self, now: Instant) {
        while let Some(first) = self.timers.first_entry().filter(|e| e.key().0 <= now) {
            let key = first.remove();
            let Some(t) = self.transactions.get_mut(&key) else { continue };
            if now >= t.until {
                self.transactions.remove(&key);
                continue;
            }
            let mut next = t.until;
            if let Some(after) = t.again {
                let _ = self.socket.send_to(&t.last, t.to);
                t.again = Some((after * 2).min(T2));
                next = next.min(now + (after * 2).min(T2));
            }
            self.arm(next, key);
        }
    }

    fn on_sip(&mut self, message: &str, from: SocketAddr) {
        let (number, method) = cseq(message);
        if message.starts_with("SIP/2.0 ") {
            return self.on_response(&format!("{} {method}", branch(message)), message);
        }
        let id = header(message, "Call-ID");
        if method == "ACK" {
            let answered = self.dialogs.get_mut(id).and_then(|d| d.invite.take());
            if let Some(t) = answered.and_then(|key| self.transactions.get_mut(&key)) {
                t.again = None;
                self.bye(id);
            }
            return;
        }
        let key = format!("{} {method}", branch(message));
        if let Some(t) = self.transactions.get(&key) {
            let _ = self.socket.send_to(&t.last, t.to);
            return;
        }
        match (method, self.dialogs.get_mut(id)) {
            ("INVITE", None) => self.invite(key, message, from),
            ("BYE", Some(d)) if number > d.remote_cseq => {
                self.dialogs.remove(id);
                self.begin(key, from, response(self.own, message, "200 OK", "", ""), None);
            }
            (_, Some(d)) if number <= d.remote_cseq => {
                self.begin(key, from, response(self.own, message, "500 Out of order", "", ""), None);
            }
            _ => self.begin(key, from, response(self.own, message, "481 No such call", "floor", ""), None),
        }
    }

    fn invite(&mut self, key: String, message: &str, from: SocketAddr) {
        self.numbers += 1;
        let (id, tag) = (header(message, "Call-ID").to_owned(), format!("f{}", self.numbers));
        for (status, tag) in [("100 Trying", ""), ("180 Ringing", &*tag)] {
            let _ = self.socket.send_to(&response(self.own, message, status, tag, ""), from);
        }
        let contact = header(message, "Contact");
        let dialog = Dialog {
            flow: from,
            local: format!("{};tag={tag}", header(message, "To")),
            remote: header(message, "From").to_owned(),
            target: contact.split(['<', '>']).nth(1).unwrap_or(contact).to_owned(),
            routes: all(message, "Record-Route").map(str::to_owned).collect(),
            local_cseq: 0,
            remote_cseq: cseq(message).0,
            invite: Some(key.clone()),
        };
        self.dialogs.insert(id, dialog);
        self.begin(key, from, response(self.own, message, "200 OK", &tag, SDP), Some(T1));
    }

    fn bye(&mut self, id: &str) {
        let Some(d) = self.dialogs.get_mut(id) else { return };
        d.local_cseq += 1;
        self.numbers += 1;
        let branch = format!("z9hG4bKf{}", self.numbers);
        let mut out =
            format!("BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={branch};rport\r\n", d.target, self.own);
        for r in &d.routes {
            let _ = write!(out, "Route: {r}\r\n");
        }
        let (local, remote, n) = (&d.local, &d.remote, d.local_cseq);
        let _ = write!(
            out,
            "Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {id}\r\nCSeq: {n} BYE\r\nContent-Length: 0\r\n\r\n"
        );
        let flow = d.flow;
        self.begin(format!("{branch} BYE"), flow, out.into_bytes(), Some(T1));
    }

    /// A final answer ends the BYE's repetitions and the dialog; further ones are absorbed for T4.
    fn on_response(&mut self, key: &str, message: &str) {
        let last = message.get(8..9).unwrap_or("1");
        let Some(t) = self.transactions.get_mut(key).filter(|t| t.again.is_some() && last != "1") else {
            return;
        };
        (t.again, t.until) = (None, Instant::now() + T4);
        let (at, key) = (t.until, key.to_owned());
        self.arm(at, key);
        self.dialogs.remove(header(message, "Call-ID"));
    }
}

fn main() -> Result<()> {
    let mut socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let (own, mut poll) = (socket.local_addr()?, Poll::new()?);
    println!("sip {}", own.port());
    poll.registry().register(&mut socket, Token(0), Interest::READABLE)?;
    let (transactions, dialogs, timers) = Default::default();
    let mut f = Floor { socket, own, transactions, dialogs, timers, numbers: 0 };
    let (mut events, mut datagram) = (Events::with_capacity(8), [0; 4096]);
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    loop {
        let next =
            f.timers.first_key_value().map(|((at, _), _)| at.saturating_duration_since(Instant::now()));
        let _ = poll.poll(&mut events, next);
        while let Ok((n, from)) = f.socket.recv_from(&mut datagram) {
            f.on_sip(&String::from_utf8_lossy(datagram.get(..n).unwrap_or_default()), from);
        }
        f.due(Instant::now());
    }
}
