//! (s) The signalling of all phones of the generator, by hand and on one UDP socket: not our own stack, so that a fault of ours
//! is not met by its twin. It knows the little that a well-behaved peer on loopback needs.

use super::app::{caller, index_of};
use super::server::NUMBER;
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// RFC 3261 17.1.1.1.
const T1: Duration = Duration::from_millis(500);
/// An INVITE is sent so often.
const SENDS_MAX: u32 = 7;

/// What happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// 100 came.
    Trying(usize),
    /// 200 came; the far end hears at this address.
    Answered(usize, SocketAddr),
    /// Our callee was rung and has answered; the caller's side of the server hears at this address.
    Called(usize, SocketAddr),
    /// Our BYE was answered, or theirs came.
    Ended(usize),
    /// A final answer other than 200, or none.
    Failed(usize, String),
}

struct Call {
    call_id: String,
    invite: Vec<u8>,
    sends: u32,
    next: Option<Instant>,
    to_tag: String,
    contact: String,
    answered: bool,
    bye: Option<Vec<u8>>,
}

/// See the module.
pub struct Sip {
    socket: UdpSocket,
    /// Ours.
    pub address: SocketAddr,
    server: SocketAddr,
    calls: HashMap<usize, Call>,
    by_call_id: HashMap<String, usize>,
    /// RTP of the callees, by call.
    callees: HashMap<usize, SocketAddr>,
    generation: u32,
    /// Of the sound that callers offer.
    direction: &'static str,
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = message.lines().skip(1).take_while(|l| !l.is_empty());
    lines.find_map(|l| {
        l.split_once(':').filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
    })
}

fn all<'a>(message: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    message
        .lines()
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter(move |l| l.split_once(':').is_some_and(|(n, _)| n.trim().eq_ignore_ascii_case(name)))
}

fn sound_of(message: &str) -> Option<SocketAddr> {
    let ip = message.lines().find_map(|l| l.strip_prefix("c=IN IP4 "))?.trim();
    let port = message.lines().find_map(|l| l.strip_prefix("m=audio "))?.split(' ').next()?;
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

fn sdp(at: SocketAddr, direction: &str) -> String {
    let (ip, port) = (at.ip(), at.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na={direction}\r\n"
    )
}

fn tag_of(value: &str) -> &str {
    value.split(";tag=").nth(1).map_or("", |t| t.split(';').next().unwrap_or(t))
}

impl Sip {
    /// Towards a server.
    ///
    /// # Errors
    /// The kernel's word.
    pub fn new(server: SocketAddr) -> Result<Sip, String> {
        let made = || {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
            Ok((socket.local_addr()?, socket))
        };
        let (address, socket) = made().map_err(|e: std::io::Error| format!("the generator's SIP: {e}"))?;
        let (calls, by_call_id, callees) = Default::default();
        let direction = "sendrecv";
        Ok(Sip { socket, address, server, calls, by_call_id, callees, generation: 0, direction })
    }

    /// Calls from now on are without sound, both ways.
    pub fn hush(&mut self) {
        self.direction = "inactive";
    }

    /// Where the phone that call `index` dials hears.
    pub fn callee(&mut self, index: usize, rtp: SocketAddr) {
        self.callees.insert(index, rtp);
    }

    /// Calls the server.
    pub fn invite(&mut self, index: usize, rtp: SocketAddr) {
        self.generation += 1;
        let (own, server, from, n) = (self.address, self.server, caller(index), self.generation);
        let call_id = format!("{index}-{n}-{}@bench", own.port());
        let body = sdp(rtp, self.direction);
        let invite = format!(
            "INVITE sip:{NUMBER}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKi{index}-{n};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}@{own}>;tag=f{index}\r\nTo: <sip:{NUMBER}@{server}>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:{from}@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes();
        let _ = self.socket.send_to(&invite, server);
        self.by_call_id.insert(call_id.clone(), index);
        let call = Call {
            call_id,
            invite,
            sends: 1,
            next: Some(Instant::now() + T1),
            to_tag: String::new(),
            contact: String::new(),
            answered: false,
            bye: None,
        };
        self.calls.insert(index, call);
    }

    /// Hangs up.
    pub fn bye(&mut self, index: usize) {
        let (own, from) = (self.address, caller(index));
        let Some(c) = self.calls.get_mut(&index).filter(|c| c.answered && c.bye.is_none()) else { return };
        let bye = format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKb{};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}@{own}>;tag=f{index}\r\nTo: <sip:{NUMBER}@{}>;tag={}\r\nCall-ID: {}\r\nCSeq: 2 BYE\r\n\
             Content-Length: 0\r\n\r\n",
            c.contact, c.call_id, self.server, c.to_tag, c.call_id
        )
        .into_bytes();
        let _ = self.socket.send_to(&bye, self.server);
        (c.sends, c.next) = (1, Some(Instant::now() + T1));
        c.bye = Some(bye);
    }

    /// Reads and sends again what was not answered, until `until`; what happened.
    pub fn pump(&mut self, until: Instant, news: &mut Vec<News>) {
        let mut datagram = [0; 4_096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // A read timeout of zero would mean for ever.
            let wait = left.clamp(Duration::from_micros(500), Duration::from_millis(20));
            let _ = self.socket.set_read_timeout(Some(wait));
            match self.socket.recv_from(&mut datagram) {
                Ok((n, from)) => {
                    let message = String::from_utf8_lossy(datagram.get(..n).unwrap_or_default()).into_owned();
                    self.on_message(&message, from, news);
                }
                Err(_) => self.send_again(news),
            }
            if Instant::now() >= until || !news.is_empty() {
                return;
            }
        }
    }

    fn send_again(&mut self, news: &mut Vec<News>) {
        let now = Instant::now();
        let mut failed = Vec::new();
        for (index, c) in self.calls.iter_mut().filter(|(_, c)| c.next.is_some_and(|n| n <= now)) {
            if c.sends >= SENDS_MAX {
                failed.push(*index);
                continue;
            }
            let _ = self.socket.send_to(c.bye.as_ref().unwrap_or(&c.invite), self.server);
            c.next = Some(now + T1 * (1 << c.sends));
            c.sends += 1;
        }
        for index in failed {
            self.calls.remove(&index);
            news.push(News::Failed(index, "no answer".to_owned()));
        }
    }

    fn on_message(&mut self, message: &str, from: SocketAddr, news: &mut Vec<News>) {
        let line = message.lines().next().unwrap_or("");
        match line.strip_prefix("SIP/2.0 ") {
            Some(rest) => {
                let code = rest.get(..3).and_then(|c| c.parse().ok()).unwrap_or(0);
                news.extend(self.on_response(message, code, rest));
            }
            None => news.extend(self.on_request(message, line, from)),
        }
    }

    fn on_response(&mut self, message: &str, code: u16, line: &str) -> Option<News> {
        let index = *self.by_call_id.get(header(message, "Call-ID")?)?;
        let is_invite = header(message, "CSeq")?.ends_with("INVITE");
        let call = self.calls.get_mut(&index)?;
        match (is_invite, code) {
            (true, 100) => {
                call.next = None;
                Some(News::Trying(index))
            }
            (true, 101..=199) => {
                call.next = None;
                None
            }
            (true, 200) => {
                call.next = None;
                call.to_tag = tag_of(header(message, "To")?).to_owned();
                call.contact = header(message, "Contact")?.trim_matches(['<', '>']).to_owned();
                let first = !std::mem::replace(&mut call.answered, true);
                self.ack(message, index, false)?;
                first.then_some(News::Answered(index, sound_of(message)?))
            }
            (true, _) => {
                self.ack(message, index, true)?;
                self.calls.remove(&index);
                Some(News::Failed(index, line.to_owned()))
            }
            (false, _) => {
                self.calls.remove(&index);
                Some(News::Ended(index))
            }
        }
    }

    fn ack(&self, message: &str, index: usize, refused: bool) -> Option<()> {
        let call = self.calls.get(&index)?;
        let (own, server) = (self.address, self.server);
        let via = if refused {
            header(message, "Via")?.to_owned()
        } else {
            format!("SIP/2.0/UDP {own};branch=z9hG4bKa{};rport", call.call_id)
        };
        let target = if refused { format!("sip:{NUMBER}@{server}") } else { call.contact.clone() };
        let ack = format!(
            "ACK {target} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            header(message, "From")?,
            header(message, "To")?,
            call.call_id
        );
        self.socket.send_to(ack.as_bytes(), server).ok().map(|_| ())
    }

    fn on_request(&mut self, message: &str, line: &str, from: SocketAddr) -> Option<News> {
        let method = line.split(' ').next()?;
        match method {
            "ACK" => None,
            "INVITE" => {
                let number = line.split(' ').nth(1)?.strip_prefix("sip:")?.split('@').next()?;
                let index = index_of(number)?;
                let rtp = *self.callees.get(&index)?;
                self.respond(message, from, &format!(";tag=c{index}"), Some(&sdp(rtp, "sendrecv")))?;
                Some(News::Called(index, sound_of(message)?))
            }
            "BYE" => {
                self.respond(message, from, "", None)?;
                let index = *self.by_call_id.get(header(message, "Call-ID")?)?;
                self.calls.remove(&index)?;
                Some(News::Ended(index))
            }
            _ => {
                self.respond(message, from, "", None);
                None
            }
        }
    }

    fn respond(&self, message: &str, to: SocketAddr, tag: &str, body: Option<&str>) -> Option<()> {
        let mut out = String::from("SIP/2.0 200 OK\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for whole in all(message, name) {
                out.push_str(whole);
                if name == "To" && !whole.contains(";tag=") {
                    out.push_str(tag);
                }
                out.push_str("\r\n");
            }
        }
        let body = body.unwrap_or("");
        out.push_str(&format!("Contact: <sip:callee@{}>\r\n", self.address));
        if !body.is_empty() {
            out.push_str("Content-Type: application/sdp\r\n");
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.socket.send_to(out.as_bytes(), to).ok().map(|_| ())
    }
}
