//! (s) A server to be measured: the same binary as `chorus serve`, its settings in the environment, a trunk and a number made
//! by its own REST API.

use super::process::Process;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const CARRIER: &str = "bench-carrier-token-0123456789abcdef";
/// The number that phones call.
pub const NUMBER: &str = "+15005550006";
/// A start that takes longer is a failure.
const START_MAX: Duration = Duration::from_secs(20);

/// Where a server lives.
pub struct Place {
    /// The binary.
    pub program: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// HTTP.
    pub http: SocketAddr,
    /// SIP.
    pub sip: SocketAddr,
}

impl Place {
    /// Two ports that are free now, and a directory.
    ///
    /// # Errors
    /// The kernel's word.
    pub fn new(program: &Path, data: PathBuf) -> Result<Place, String> {
        let free = || -> std::io::Result<(SocketAddr, SocketAddr)> {
            let http = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            // Free for UDP and for TCP.
            let sip = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            UdpSocket::bind(sip)?;
            std::fs::create_dir_all(&data)?;
            Ok((http, sip))
        };
        let (http, sip) = free().map_err(|e| format!("no place for a server: {e}"))?;
        Ok(Place { program: program.to_owned(), data, http, sip })
    }

    /// Starts the server; it may not listen yet.
    ///
    /// # Errors
    /// The kernel's word.
    pub fn spawn(&self) -> Result<Process, String> {
        let log = File::create(self.data.join("log")).map_err(|e| format!("the server's log: {e}"))?;
        let errors = log.try_clone().map_err(|e| e.to_string())?;
        let mut c = Command::new(&self.program);
        c.arg("serve").env("CHORUS_HTTP_LISTEN", self.http.to_string());
        c.env("CHORUS_SIP_LISTEN", self.sip.to_string()).env("CHORUS_DATA_DIR", &self.data);
        c.env("CHORUS_ACCOUNT_SID", ACCOUNT)
            .env("CHORUS_AUTH_TOKEN", TOKEN)
            .env("CHORUS_CARRIER_TOKEN", CARRIER);
        c.stdout(log).stderr(errors).current_dir(&self.data);
        Process::server(c)
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// It is not, after a while.
    pub fn wait(&self) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            if self.request("GET", "/readyz", "", "").is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(format!("the server is not ready after {START_MAX:?}: see {}", self.data.join("log").display()))
    }

    /// Makes the trunk of the generator and the number whose calls ask `voice_url`.
    ///
    /// # Errors
    /// What the API answered.
    pub fn provision(&self, generator: SocketAddr, voice_url: &str) -> Result<(), String> {
        let trunk = format!(
            r#"{{"name":"bench","authentication_mode":"ip_address","inbound_source_ips":["127.0.0.1"],"outbound_host":"{generator}"}}"#
        );
        self.post("/carrier/v1/sip_trunks", &format!("Bearer {CARRIER}"), "application/json", &trunk)?;
        let basic = base64_simd::STANDARD.encode_to_string(format!("{ACCOUNT}:{TOKEN}"));
        let form = [("PhoneNumber", NUMBER), ("VoiceUrl", voice_url)];
        let form = serde_urlencoded::to_string(form).map_err(|e| e.to_string())?;
        let path = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json");
        self.post(&path, &format!("Basic {basic}"), "application/x-www-form-urlencoded", &form)
    }

    fn post(&self, path: &str, authorization: &str, content_type: &str, body: &str) -> Result<(), String> {
        let headers = format!("Authorization: {authorization}\r\nContent-Type: {content_type}\r\n");
        let (status, text) = self.request("POST", path, &headers, body)?;
        if status == 201 { Ok(()) } else { Err(format!("POST {path} was answered {status}: {text}")) }
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<(u16, String), String> {
        let failed = |e: std::io::Error| format!("{method} {path}: {e}");
        let mut tcp = TcpStream::connect(self.http).map_err(failed)?;
        tcp.set_read_timeout(Some(Duration::from_secs(10))).map_err(failed)?;
        let (host, n) = (self.http, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {n}\r\n"
        );
        tcp.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).map_err(failed)?;
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).map_err(failed)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Ok((status, text))
    }
}
