//! Peers that say what a script has for each request, over UDP, TCP and TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// RFC 3261 T1: when a 200 is said again that nobody has acknowledged.
const T1: Duration = Duration::from_millis(500);
/// How long a peer stays.
const LIFE: Duration = Duration::from_secs(60);

/// One answer.
#[derive(Clone, Default)]
pub struct Say {
    status: String,
    fields: Vec<String>,
    contact: Option<String>,
    seen: Option<String>,
    body: String,
    of: Option<&'static str>,
    repeats: bool,
}

pub fn say(status: &str) -> Say {
    Say { status: status.to_owned(), ..Say::default() }
}

/// The called party is busy: the trunk is well.
pub fn busy() -> Say {
    say("486 Busy Here")
}

impl Say {
    /// One more field, `Name: value`.
    pub fn with(mut self, field: &str) -> Say {
        self.fields.push(field.to_owned());
        self
    }

    /// Not the peer's own address. Empty: no Contact at all.
    pub fn contact(self, uri: &str) -> Say {
        Say { contact: Some(uri.to_owned()), ..self }
    }

    /// The address that the request came from, as a NAT shows it.
    pub fn seen(self, ip: &str) -> Say {
        Say { seen: Some(ip.to_owned()), ..self }
    }

    /// Audio at this address: `RTP/AVP 8`.
    pub fn audio(self, ip: &str, what: &str) -> Say {
        let body =
            format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 {what}\r\n");
        Say { body, ..self }.with("Content-Type: application/sdp")
    }

    /// Of another request with the same number.
    pub fn of(self, method: &'static str) -> Say {
        Say { of: Some(method), ..self }
    }

    /// As a peer does that has not heard the ACK (RFC 3261 section 13.3.1.4).
    pub fn until_acknowledged(self) -> Say {
        Say { repeats: true, ..self }
    }

    fn written(&self, request: &str, address: SocketAddr) -> String {
        let [via, caller, to, call, cseq] =
            ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| field(request, name));
        let via = match &self.seen {
            Some(ip) => via.replace("rport", &format!("rport=7;received={ip}")),
            None => via.to_owned(),
        };
        let own = format!("sip:{address}");
        let contact = match self.contact.as_deref().unwrap_or(&own) {
            "" => String::new(),
            uri => format!("Contact: <{uri}>\r\n"),
        };
        let cseq = match self.of {
            Some(method) => format!("{} {method}", cseq.split(' ').next().unwrap()),
            None => cseq.to_owned(),
        };
        let more: String = self.fields.iter().map(|field| format!("{field}\r\n")).collect();
        format!(
            "SIP/2.0 {}\r\nVia: {via}\r\nFrom: {caller}\r\nTo: {to};tag=p\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n\
             {contact}{more}Content-Length: {}\r\n\r\n{}",
            self.status,
            self.body.len(),
            self.body
        )
    }
}

/// The value of a field of a request; empty if it has none.
pub fn field<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap_or_default();
    line.split_once(':').map_or("", |(_, value)| value.trim())
}

/// What a peer answers to each request but ACK.
pub type Script = Arc<dyn Fn(&str) -> Vec<Say> + Send + Sync>;

/// A peer that takes every request but calls, of which it says this.
pub fn calls(say_of: impl Fn(&str) -> Say + Send + Sync + 'static) -> Script {
    script(move |request| match request.starts_with("INVITE ") {
        true => say_of(request),
        false => say("200 OK"),
    })
}

/// A peer that says this of every request; of one that it is to forget, that it is forgotten.
pub fn script(say_of: impl Fn(&str) -> Say + Send + Sync + 'static) -> Script {
    Arc::new(move |request| match request.split(' ').next().unwrap() {
        "ACK" => vec![],
        "CANCEL" => vec![say("200 OK"), say("487 Request Terminated").of("INVITE")],
        _ => vec![say_of(request)],
    })
}

/// Says nothing.
pub fn mute() -> Script {
    Arc::new(|_| vec![])
}

/// A peer on this socket, until its life ends.
pub fn on(socket: UdpSocket, script: Script) -> SocketAddr {
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let end = Instant::now() + LIFE;
        // What is said until it is acknowledged: Call-ID, text, to whom, when next, how long after that.
        let mut open: Vec<(String, String, SocketAddr, Instant, Duration)> = vec![];
        let mut octets = [0; 4096];
        while Instant::now() < end {
            let next = open.iter().map(|o| o.3).min().unwrap_or(end);
            let wait = next.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            socket.set_read_timeout(Some(wait)).unwrap();
            let Ok((length, from)) = socket.recv_from(&mut octets) else {
                for (_, text, to, at, pause) in open.iter_mut().filter(|o| o.3 <= Instant::now()) {
                    socket.send_to(text.as_bytes(), *to).unwrap();
                    *pause *= 2;
                    *at = Instant::now() + *pause;
                }
                continue;
            };
            let request = String::from_utf8_lossy(&octets[..length]).into_owned();
            let call = field(&request, "Call-ID").to_owned();
            if request.starts_with("ACK ") {
                open.retain(|o| o.0 != call);
            }
            for answer in script(&request) {
                let text = answer.written(&request, address);
                socket.send_to(text.as_bytes(), from).unwrap();
                if answer.repeats {
                    open.push((call.clone(), text, from, Instant::now() + T1, T1));
                }
            }
        }
    });
    address
}

/// A peer over UDP.
pub fn peer(script: Script) -> String {
    on(UdpSocket::bind("127.0.0.1:0").unwrap(), script).to_string()
}

/// A peer over a stream: what is made of its connections is what it speaks.
pub fn streams<S: Read + Write + 'static>(
    listener: TcpListener,
    script: Script,
    made: impl Fn(TcpStream) -> S + Send + Sync + 'static,
) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    let made = Arc::new(made);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (script, made) = (script.clone(), made.clone());
            std::thread::spawn(move || serve(&script, address, stream.try_clone().unwrap(), made(stream)));
        }
    });
    address
}

/// Answers on one connection until it ends.
fn serve(script: &Script, address: SocketAddr, raw: TcpStream, mut stream: impl Read + Write) {
    let (mut got, mut octets) = (String::new(), [0; 4096]);
    loop {
        let length = match stream.read(&mut octets) {
            Ok(0) => return,
            Ok(length) => length,
            Err(_) => return listen_to_the_end(raw),
        };
        got.push_str(&String::from_utf8_lossy(&octets[..length]));
        while let Some(end) = got.find("\r\n\r\n") {
            let end = end + 4 + field(&got[..end], "Content-Length").parse::<usize>().unwrap_or(0);
            if got.len() < end {
                break;
            }
            let request: String = got.drain(..end).collect();
            for answer in script(&request) {
                stream.write_all(answer.written(&request, address).as_bytes()).unwrap();
            }
        }
    }
}

/// A socket that is closed over octets which nobody has read takes back what it said last, which was why.
fn listen_to_the_end(mut raw: TcpStream) {
    let _ = raw.shutdown(std::net::Shutdown::Write);
    let mut octets = [0; 4096];
    while raw.read(&mut octets).is_ok_and(|length| length > 0) {}
}
