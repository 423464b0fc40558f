//! The header mutator (issue 3, section 4.4): a listed source sends, over UDP and TCP, every header field in every bad shape, on
//! requests without and within a dialog and on responses. After each message an OPTIONS from another source is answered, the call
//! that is up goes on, and at the end nothing has grown.

use super::house::within;
use crate::fault::app::{self, App};
use crate::fault::child::{Place, Server};
use crate::fault::http;
use chorus::sip::wire::HEAD_MAX;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

#[rustfmt::skip]
const FIELDS: &[&str] = &[
    "Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact", "Content-Length", "Content-Type", "Expires", "Route",
    "Record-Route", "Require", "Proxy-Require", "Supported", "Unsupported", "Allow", "Accept", "Accept-Encoding",
    "Accept-Language", "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Content-Disposition", "Content-Encoding",
    "Content-Language", "Date", "MIME-Version", "Min-Expires", "Organization", "Priority", "Reply-To", "Retry-After", "Server",
    "Subject", "Timestamp", "User-Agent", "Warning", "Session-Expires", "Min-SE", "RSeq", "RAck", "Replaces", "Refer-To",
    "Referred-By", "Event", "Path", "Diversion", "P-Asserted-Identity", "Privacy", "Reason", "Subscription-State", "X-Mutated",
    "Alert-Info", "Call-Info", "In-Reply-To", "Proxy-Authenticate", "Refer-Sub", "Remote-Party-ID", "History-Info", "User-to-User",
    "X-Chorus-Client-Identifier",
];

/// Messages that the issue asks for at least.
const MESSAGES_MIN: usize = 5_000;
/// As large as fits into a message with its other fields: what is larger is refused before anybody looks at a field.
const LARGE: usize = HEAD_MAX - 2_048;
/// As large as a datagram holds, with the rest of the message in it.
const TOO_LARGE: usize = 60_000;
const COMMAS: usize = 1_000_000;

/// What stands behind the colon.
fn shapes(tcp: bool) -> Vec<Vec<u8>> {
    let mut nested = b"a (".repeat(2_000);
    nested.extend(b")".repeat(1_000));
    let fold = b"a\r\n ".repeat(LARGE / 4);
    vec![
        Vec::new(),
        vec![b'x'; LARGE],
        vec![b','; LARGE],
        vec![b','; if tcp { COMMAS } else { TOO_LARGE }],
        b"a\0b;c=\0".to_vec(),
        b"\xff\xfe <sip:\xc3\x28@\x80>;tag=\xed\xa0\x80".to_vec(),
        b"99999999999999999999999999999999999999999999999999 INVITE".to_vec(),
        b"\"unclosed <sip:a@b;x=\"y".to_vec(),
        nested,
        fold,
    ]
}

/// A message as fields, so that one of them can be replaced or added.
struct Message {
    start: String,
    fields: Vec<(&'static str, String)>,
    body: &'static str,
}

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

impl Message {
    fn with(&self, name: &str, value: &[u8]) -> Vec<u8> {
        let mut out = format!("{}\r\n", self.start).into_bytes();
        let mut put = |name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        };
        for (own, kept) in self.fields.iter().filter(|(own, _)| *own != name) {
            put(own, kept.as_bytes());
        }
        put(name, value);
        if name != "Content-Length" {
            put("Content-Length", self.body.len().to_string().as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body.as_bytes());
        out
    }
}

/// The value of a field of a message as text.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.split("\r\n").take_while(|l| !l.is_empty());
    lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("")
}

/// Whoever mutates: its address, its connection, the call that it has with the server and the one that the server has with it.
struct Mutator {
    socket: UdpSocket,
    stream: Option<TcpStream>,
    sip: SocketAddr,
    own: SocketAddr,
    n: usize,
    dialog: (String, String),
    /// The server's INVITE.
    ringing: String,
}

impl Mutator {
    fn message(&mut self, kind: usize, tcp: bool) -> Message {
        self.n += 1;
        let (n, own, sip) = (self.n, self.own, self.sip);
        if kind == 4 {
            let of = |name: &'static str| (name, field(&self.ringing, name).to_owned());
            let mut fields: Vec<_> = ["Via", "From", "To", "Call-ID", "CSeq"].map(of).into();
            fields[2].1 += ";tag=mutator";
            fields.push(("Contact", format!("<sip:m@{own}>")));
            return Message { start: "SIP/2.0 180 Ringing".to_owned(), fields, body: "" };
        }
        let method = ["INVITE", "REGISTER", "OPTIONS", "INFO"][kind];
        let transport = if tcp { "TCP" } else { "UDP" };
        let (to, call_id) = match kind {
            3 => (self.dialog.0.clone(), self.dialog.1.clone()),
            _ => (format!("<sip:nobody@{sip}>"), format!("m{n}@{own}")),
        };
        let fields = vec![
            ("Via", format!("SIP/2.0/{transport} {own};rport;branch=z9hG4bKm{n}")),
            ("Max-Forwards", "70".to_owned()),
            ("From", format!("<sip:m@{own}>;tag=m")),
            ("To", to),
            ("Call-ID", call_id),
            ("CSeq", format!("{} {method}", n + 10)),
            ("Contact", format!("<sip:m@{own}>")),
        ];
        let body = if kind == 0 { SDP } else { "" };
        let fields = match kind {
            0 => [fields, vec![("Content-Type", "application/sdp".to_owned())]].concat(),
            _ => fields,
        };
        Message { start: format!("{method} sip:nobody@{sip} SIP/2.0"), fields, body }
    }

    async fn send(&mut self, bytes: &[u8], tcp: bool) {
        if !tcp {
            self.socket.send_to(&bytes[..bytes.len().min(65_000)], self.sip).await.unwrap();
            return self.hear();
        }
        // One that the server has closed shows it when it is written to, or when it is read.
        if let Some(stream) = self.stream.take() {
            let mut octets = [0; 65_536];
            match stream.try_read(&mut octets) {
                Ok(0) => {}
                Ok(n) => {
                    self.acknowledge(&octets[..n]);
                    self.stream = Some(stream);
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => self.stream = Some(stream),
                Err(_) => {}
            }
        }
        if self.stream.is_none() {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind((self.own.ip(), 0).into()).unwrap();
            self.stream = Some(within("a connection", socket.connect(self.sip)).await.unwrap());
        }
        let Some(stream) = &mut self.stream else { return };
        let mut octets = vec![0; 65_536];
        let (mut reader, mut writer) = stream.split();
        let (mut at, mut heard) = (0, Vec::new());
        while at < bytes.len() {
            tokio::select! {
                written = writer.write(&bytes[at..]) => match written {
                    Ok(n) => at += n,
                    Err(_) => break,
                },
                read = reader.read(&mut octets) => match read {
                    Ok(n) if n > 0 => heard.extend_from_slice(&octets[..n]),
                    _ => break,
                },
            }
        }
        if at < bytes.len() {
            self.stream = None;
        }
        self.acknowledge(&heard);
    }

    /// ACKs what a connection brought. They leave as datagrams: the transaction is the same.
    fn acknowledge(&self, heard: &[u8]) {
        let text = String::from_utf8_lossy(heard);
        text.split_inclusive("\r\n\r\n").for_each(|response| self.ack(response));
    }

    /// Ends the INVITEs that were answered: a refusal is ACKed, so that the server need not repeat it.
    fn hear(&self) {
        let mut datagram = [0; 65_536];
        while let Ok((n, _)) = self.socket.try_recv_from(&mut datagram) {
            self.ack(&String::from_utf8_lossy(&datagram[..n]));
        }
    }

    fn ack(&self, text: &str) {
        let code: u16 = text.get(8..11).and_then(|c| c.parse().ok()).unwrap_or(0);
        let cseq = field(text, "CSeq");
        if !text.starts_with("SIP/2.0 ") || code < 300 || !cseq.ends_with(" INVITE") {
            return;
        }
        let [via, from, to, id] = ["Via", "From", "To", "Call-ID"].map(|name| field(text, name));
        let (sip, cseq) = (self.sip, cseq.replace("INVITE", "ACK"));
        let ack = format!(
            "ACK sip:nobody@{sip} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {id}\r\n\
             CSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
        );
        let _ = self.socket.try_send_to(ack.as_bytes(), self.sip);
    }

    /// The next message of this method or code, whoever it is for.
    async fn wait(&self, start: &str) -> String {
        let mut datagram = [0; 65_536];
        within(start, async {
            loop {
                let (n, _) = self.socket.recv_from(&mut datagram).await.unwrap();
                let text = String::from_utf8_lossy(&datagram[..n]).into_owned();
                if text.starts_with(start) {
                    return text;
                }
            }
        })
        .await
    }
}

/// A peer of the same trunk that looks every time whether the server is there.
struct Watch {
    socket: UdpSocket,
    sip: SocketAddr,
    n: usize,
}

impl Watch {
    async fn is_answered(&mut self, after: &str) {
        self.n += 1;
        let (n, own, sip) = (self.n, self.socket.local_addr().unwrap(), self.sip);
        let options = format!(
            "OPTIONS sip:{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKw{n}\r\nMax-Forwards: 70\r\nFrom: <sip:w@{own}>;tag=w\r\n\
             To: <sip:{sip}>\r\nCall-ID: w{n}\r\nCSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        self.socket.send_to(options.as_bytes(), sip).await.unwrap();
        let mut datagram = [0; 4_096];
        let (length, _) = within(after, self.socket.recv_from(&mut datagram)).await.unwrap();
        let text = String::from_utf8_lossy(&datagram[..length]);
        assert!(
            text.starts_with("SIP/2.0 200") && text.contains(&format!("Call-ID: w{n}\r\n")),
            "{after}: {text}"
        );
    }
}

async fn gauge(server: &Server, name: &str) -> f64 {
    let text = http::ask(server.http, "GET", "/metrics", "", None).await.unwrap().text();
    let values = text.lines().filter(|l| !l.starts_with('#') && l.starts_with(name));
    values.filter_map(|l| l.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Resident memory of the server in kB.
pub(super) fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn settled(server: &Server, m: &Mutator, name: &str) {
    within(name, async {
        while gauge(server, name).await > 0.0 {
            m.hear();
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A call of the mutator's that is up, and a call of the server's that rings at it.
async fn calls(server: &Server, m: &mut Mutator) {
    let own = m.own;
    let invite = Message {
        start: format!("INVITE sip:+15558675309@{} SIP/2.0", m.sip),
        fields: vec![
            ("Via", format!("SIP/2.0/UDP {own};rport;branch=z9hG4bKcall")),
            ("Max-Forwards", "70".to_owned()),
            ("From", format!("<sip:m@{own}>;tag=m")),
            ("To", format!("<sip:+15558675309@{}>", m.sip)),
            ("Call-ID", "call@mutator".to_owned()),
            ("CSeq", "1 INVITE".to_owned()),
            ("Contact", format!("<sip:m@{own}>")),
            ("Content-Type", "application/sdp".to_owned()),
        ],
        body: SDP,
    };
    m.socket.send_to(&invite.with("Subject", b"up"), m.sip).await.unwrap();
    let answer = m.wait("SIP/2.0 200").await;
    m.dialog = (field(&answer, "To").to_owned(), "call@mutator".to_owned());
    let ack = format!(
        "ACK sip:{} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKack\r\nMax-Forwards: 70\r\nFrom: <sip:m@{own}>;tag=m\r\nTo: {}\r\n\
         Call-ID: call@mutator\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        m.sip, m.dialog.0
    );
    m.socket.send_to(ack.as_bytes(), m.sip).await.unwrap();
    let form = [("To", format!("sip:m@{own}")), ("From", "+15558675309".to_owned())];
    let rest = [("Twiml", "<Response><Hangup/></Response>".to_owned()), ("Timeout", "600".to_owned())];
    let form: Vec<(&str, &str)> = form.iter().chain(&rest).map(|(k, v)| (*k, v.as_str())).collect();
    let made = server.post("/Calls.json", &form).await.unwrap();
    assert_eq!(made.status, 201);
    m.ringing = m.wait("INVITE ").await;
}

/// Every field (or one in so many) in every shape, over one transport.
async fn mutate(m: &mut Mutator, watch: &mut Watch, tcp: bool, every: usize) -> usize {
    let mut sent = 0;
    for (at, value) in shapes(tcp).iter().enumerate() {
        for name in FIELDS.iter().step_by(every) {
            for kind in 0..5 {
                // A response goes the way of its request.
                let tcp = tcp && kind != 4;
                let value = if !tcp && value.len() > TOO_LARGE { &value[..TOO_LARGE] } else { value };
                let bytes = m.message(kind, tcp).with(name, value);
                m.send(&bytes, tcp).await;
                sent += 1;
                watch.is_answered(&format!("{name} in shape {at} on message {kind}, tcp {tcp}")).await;
            }
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_header_field_stops_the_server_or_makes_it_grow() {
    let place = Place::new("mutator");
    let app = App::start(|_| app::twiml("<Say>hi</Say><Pause length=\"600\"/>")).await;
    let server = place.start().await;
    server.trunk("127.0.0.3:9".parse().unwrap(), &[("inbound_source_ips", "127.0.0.0/8")]).await;
    server.number("+15558675309", &[("VoiceUrl", &app.url("/voice"))]).await;
    let socket = UdpSocket::bind("127.0.0.3:0").await.unwrap();
    let own = socket.local_addr().unwrap();
    let mut m = Mutator {
        socket,
        stream: None,
        sip: server.sip,
        own,
        n: 0,
        dialog: Default::default(),
        ringing: String::new(),
    };
    let mut watch = Watch { socket: UdpSocket::bind("127.0.0.4:0").await.unwrap(), sip: server.sip, n: 0 };
    calls(&server, &mut m).await;
    let began = std::time::Instant::now();
    let first = mutate(&mut m, &mut watch, false, 1).await + mutate(&mut m, &mut watch, true, 1).await;
    assert!(first >= MESSAGES_MIN, "{first} messages");
    println!("{first} messages in {:.1} s, {} kB", began.elapsed().as_secs_f64(), memory(&server));
    // Both calls are still what they were.
    assert_eq!(gauge(&server, "chorus_calls_live{").await, 2.0, "the calls go on");
    // What a second wave adds is what the server keeps of each.
    let before = memory(&server);
    mutate(&mut m, &mut watch, false, 5).await;
    let after = memory(&server);
    assert!(after < before + before / 10, "{before} kB, then {after} kB");
    let busy = Message { start: "SIP/2.0 486 Busy Here".to_owned(), ..m.message(4, false) };
    m.socket.send_to(&busy.with("Subject", b"over"), m.sip).await.unwrap();
    let bye = Message { start: format!("BYE sip:nobody@{} SIP/2.0", m.sip), ..m.message(3, false) };
    m.socket.send_to(&bye.with("CSeq", b"2000000 BYE"), m.sip).await.unwrap();
    drop(m.stream.take());
    for name in
        ["chorus_calls_live{", "chorus_sip_connections", "chorus_sip_transactions", "chorus_sip_dialogs"]
    {
        settled(&server, &m, name).await;
    }
    let _ = std::fs::remove_dir_all(&place.dir);
}
