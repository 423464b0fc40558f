//! The real server on loopback, a web application that does what a test says, and a phone made of two sockets and text: it shares
//! no code with the server, so that it can say what no phone would say.

use super::secrets;
use crate::webhooks::server::{Seen, Server as App, Step};
use chorus::config::Config;
use chorus::server::{self, Server};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// Everything here is on one machine: what is not there after this long never comes.
const PATIENCE: Duration = Duration::from_secs(60);

pub const NUMBER: &str = "+15558675309";
pub const CALLER: &str = "+15557654321";

pub struct House {
    pub server: Server,
    pub app: App,
    pub dir: std::path::PathBuf,
    pub auth_token: String,
    pub carrier_token: String,
}

pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

pub async fn within<T>(what: &str, f: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, f).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

fn hex(n: usize) -> String {
    chorus::api::rng().hex(n)
}

impl House {
    pub async fn start(app: impl Fn(usize, &Seen) -> Vec<Step> + Send + Sync + 'static) -> House {
        let app = App::start(app).await;
        let dir = std::env::temp_dir().join(format!("chorus-security-{}", hex(12)));
        let (auth_token, carrier_token) = (hex(32), hex(32));
        let settings = [
            ("CHORUS_HTTP_LISTEN", "127.0.0.1:0".to_owned()),
            ("CHORUS_SIP_LISTEN", "127.0.0.1:0".to_owned()),
            ("CHORUS_DATA_DIR", dir.display().to_string()),
            ("CHORUS_ACCOUNT_SID", format!("AC{}", hex(32))),
            ("CHORUS_AUTH_TOKEN", auth_token.clone()),
            ("CHORUS_CARRIER_TOKEN", carrier_token.clone()),
            ("CHORUS_MEDIA_WORKERS", "1".to_owned()),
        ];
        let env = |name: &str| settings.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        let server = server::start(Config::load(&env, None).unwrap(), None).await.unwrap();
        House { server, app, dir, auth_token, carrier_token }
    }

    pub fn account(&self) -> String {
        self.server.credentials.account.to_string()
    }

    /// A request as it is; `head` has what goes between the request line and the body.
    pub async fn raw(&self, octets: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.server.http).await.unwrap();
        stream.write_all(octets).await.unwrap();
        let mut answer = Vec::new();
        within("an answer", stream.read_to_end(&mut answer)).await.unwrap();
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or(("", ""));
        let body = match head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            true => body.split("\r\n").skip(1).step_by(2).collect(),
            false => body.to_owned(),
        };
        secrets::plant_answer(body.as_bytes());
        Answer { status, body }
    }

    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        user: &str,
        password: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        let login = base64_simd::STANDARD.encode_to_string(format!("{user}:{password}"));
        let body = serde_urlencoded::to_string(form).unwrap();
        secrets::plant_request(Some(&format!("Basic {login}")), body.as_bytes());
        let octets = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {login}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.raw(octets.as_bytes()).await
    }

    /// As the account; the path is what follows the account's SID.
    pub async fn api(&self, method: &str, rest: &str, form: &[(&str, &str)]) -> Answer {
        let account = self.account();
        let path = format!("/2010-04-01/Accounts/{account}{rest}");
        self.ask(method, &path, &account, &self.auth_token, form).await
    }

    /// A trunk for loopback, with what else is given.
    pub async fn trunk(&self, more: serde_json::Value) {
        let mut body = serde_json::json!({
            "authentication_mode": "ip_address", "name": "loopback", "inbound_source_ips": ["127.0.0.1"],
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = body.to_string();
        secrets::plant_request(Some(&format!("Bearer {}", self.carrier_token)), body.as_bytes());
        let octets = format!(
            "POST /carrier/v1/sip_trunks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.carrier_token,
            body.len()
        );
        let answer = self.raw(octets.as_bytes()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    pub async fn number(&self, form: &[(&str, &str)]) {
        let mut all = vec![("PhoneNumber", NUMBER)];
        all.extend_from_slice(form);
        let answer = self.api("POST", "/IncomingPhoneNumbers.json", &all).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    pub async fn metrics(&self) -> String {
        self.raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.body
    }

    /// The same, once it counts a call that ended: gauges and counters are refreshed once a second.
    pub async fn metrics_of_an_ended_call(&self) -> String {
        let counted = async {
            loop {
                let text = self.metrics().await;
                if text.contains("chorus_calls_ended_total{") {
                    break text;
                }
            }
        };
        within("an ended call in /metrics", counted).await
    }

    /// Sum of the series of one metric. Several servers of the suite share one recorder: only growth means something.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.metrics().await;
        let lines = text.lines().filter(|l| {
            l.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
        });
        lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Until the API shows what is waited for.
    pub async fn until(
        &self,
        what: &str,
        rest: &str,
        holds: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        within(what, async {
            loop {
                let answer = self.api("GET", rest, &[]).await.json();
                if holds(&answer) {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    pub async fn end(self) {
        self.server.stop().await;
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A caller or a callee.
pub struct Phone {
    pub sip: UdpSocket,
    pub rtp: UdpSocket,
    pub server: SocketAddr,
    id: String,
    cseq: u32,
    to: String,
    sequence: u16,
}

/// The value of the first field of this name.
pub fn field(message: &str, name: &str) -> String {
    let lines = message.lines().filter_map(|l| l.split_once(':'));
    let mut found = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned());
    found.next().unwrap_or_default()
}

impl Phone {
    pub async fn new(server: SocketAddr) -> Phone {
        let sip = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Phone { sip, rtp, server, id: hex(16), cseq: 1, to: format!("<sip:{NUMBER}@127.0.0.1>"), sequence: 1 }
    }

    pub fn address(&self) -> SocketAddr {
        self.sip.local_addr().unwrap()
    }

    pub fn sdp(&self) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\n"
        )
    }

    pub async fn send(&mut self, method: &str, branch: &str, body: &str) {
        let here = self.address();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} sip:{NUMBER}@{} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{CALLER}@{here}>;tag=p\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n\
             Contact: <sip:{here}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            self.server,
            self.to,
            self.id,
            self.cseq,
            body.len()
        );
        self.sip.send_to(text.as_bytes(), self.server).await.unwrap();
    }

    pub async fn receive(&self) -> String {
        let mut buffer = vec![0; 65_535];
        let (n, _) = within("a SIP message", self.sip.recv_from(&mut buffer)).await.unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    }

    /// Until a message begins so.
    pub async fn expect(&self, start: &str) -> String {
        loop {
            let message = self.receive().await;
            if message.starts_with(start) {
                return message;
            }
        }
    }

    /// Dials and answers the 200 with ACK. Where the server wants RTP.
    pub async fn dial(&mut self) -> SocketAddr {
        let sdp = self.sdp();
        self.send("INVITE", "i1", &sdp).await;
        let ok = self.expect("SIP/2.0 200").await;
        self.to = field(&ok, "To");
        self.send("ACK", "a1", "").await;
        let port = ok.lines().find_map(|l| l.strip_prefix("m=audio ")).unwrap();
        let port: u16 = port.split(' ').next().unwrap().parse().unwrap();
        SocketAddr::new(self.server.ip(), port)
    }

    /// Answers a request of the server.
    pub async fn reply(&self, request: &str, status: &str, more: &str) {
        let fields =
            ["Via", "From", "Call-ID", "CSeq"].map(|n| format!("{n}: {}\r\n", field(request, n))).concat();
        let to = field(request, "To");
        let tag = if to.contains("tag=") { "" } else { ";tag=callee" };
        let text = format!("SIP/2.0 {status}\r\n{fields}To: {to}{tag}\r\n{more}Content-Length: 0\r\n\r\n");
        self.sip.send_to(text.as_bytes(), self.server).await.unwrap();
    }

    /// Waits for the server's BYE.
    pub async fn ended(&self) {
        let bye = self.expect("BYE ").await;
        self.reply(&bye, "200 OK", "").await;
    }

    /// Waits for audio: from then on the server listens for keys.
    pub async fn hears(&self) {
        let mut buffer = [0; 2_048];
        within("audio", self.rtp.recv_from(&mut buffer)).await.unwrap();
    }

    fn packet(&mut self, pt: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut p = vec![0x80, pt];
        p.extend(self.sequence.to_be_bytes());
        p.extend(timestamp.to_be_bytes());
        p.extend(0x1234_5678_u32.to_be_bytes());
        p.extend(payload);
        self.sequence += 1;
        p
    }

    /// So many packets of silence, well made; how many they are.
    pub async fn talk(&mut self, to: SocketAddr, packets: usize) -> usize {
        for i in 0..packets {
            let p = self.packet(0, i as u32 * 160, &[0xff; 160]);
            self.rtp.send_to(&p, to).await.unwrap();
        }
        packets
    }

    /// Presses keys: each its first packet and three ends; how many packets they are.
    pub async fn press(&mut self, to: SocketAddr, keys: &str) -> usize {
        for (i, key) in keys.bytes().enumerate() {
            let event = key - b'0';
            let at = 8_000 + i as u32 * 1_600;
            for (end, duration) in [(0x0a, 160_u16), (0x8a, 800), (0x8a, 800), (0x8a, 800)] {
                let [high, low] = duration.to_be_bytes();
                let p = self.packet(101, at, &[event, end, high, low]);
                self.rtp.send_to(&p, to).await.unwrap();
            }
        }
        4 * keys.len()
    }
}

/// A TwiML document as an answer.
pub fn twiml(body: &str) -> Vec<Step> {
    crate::webhooks::server::ok(&format!("<Response>{body}</Response>"))
}
