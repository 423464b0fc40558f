//! The server as a process of its own, on ports and in a folder of its own, so that it can be killed and started again.

use super::http;
use crate::security::{layer, secrets};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const TOKEN: &str = "fault-auth-token-0123456789abcdef";
pub const CARRIER: &str = "fault-carrier-token";
/// A start that takes longer has failed.
const START_MAX: Duration = Duration::from_secs(30);
/// Lines of its log that are kept.
const LOG_MAX: usize = 4_000;

/// Settings that stay the same over restarts.
pub struct Place {
    pub dir: PathBuf,
    pub http: SocketAddr,
    pub sip: SocketAddr,
    pub database: String,
    pub extra: Vec<(&'static str, String)>,
    pub log: Arc<Mutex<VecDeque<String>>>,
    /// A disk that loses what was not synced.
    pub power: Option<super::power::Power>,
    rtp: u16,
}

impl Place {
    pub fn new(name: &str) -> Place {
        let mut rng = chorus::api::rng();
        let dir = std::env::temp_dir().join(format!("chorus-{name}-{}", rng.hex(12)));
        std::fs::create_dir_all(&dir).unwrap();
        Place {
            dir,
            http: free(),
            sip: free(),
            database: String::new(),
            extra: vec![],
            log: Arc::default(),
            power: None,
            rtp: 20_000 + 1_000 * rng.below(12) as u16,
        }
    }

    /// Starts the server and waits until it serves.
    pub async fn start(&self) -> Server {
        [TOKEN, CARRIER].into_iter().for_each(secrets::plant);
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chorus"));
        for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("CHORUS_")) {
            command.env_remove(name);
        }
        command
            .current_dir(&self.dir)
            .env("CHORUS_HTTP_LISTEN", self.http.to_string())
            .env("CHORUS_SIP_LISTEN", self.sip.to_string())
            .env("CHORUS_DATA_DIR", &self.dir)
            .env("CHORUS_DATABASE_URL", &self.database)
            .env("CHORUS_RTP_PORTS", format!("{}-{}", self.rtp, self.rtp + 999))
            .env("CHORUS_ACCOUNT_SID", ACCOUNT)
            .env("CHORUS_AUTH_TOKEN", TOKEN)
            .env("CHORUS_CARRIER_TOKEN", CARRIER)
            .env("CHORUS_LOG", layer::LOG)
            .envs(self.extra.iter().map(|(n, v)| (*n, v.as_str())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let (serves, ready) = oneshot::channel();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = self.log.clone();
        tokio::spawn(async move {
            let mut serves = Some(serves);
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("HTTP on ") {
                    let _ = serves.take().map(|s| s.send(()));
                }
                layer::heard("the server's stderr", &line);
                let mut log = log.lock().unwrap();
                log.push_back(line);
                if log.len() > LOG_MAX {
                    log.pop_front();
                }
            }
        });
        if tokio::time::timeout(START_MAX, ready).await != Ok(Ok(())) {
            panic!("the server does not start:\n{}", self.log_text());
        }
        Server { process, began, ready: Instant::now(), http: self.http, sip: self.sip }
    }

    pub fn log_text(&self) -> String {
        self.log.lock().unwrap().iter().map(|l| format!("{l}\n")).collect()
    }
}

/// Ports are given out in turn, from a place of chance on: what one test was given and has not opened yet is no other's.
static TURN: LazyLock<Mutex<u64>> = LazyLock::new(|| Mutex::new(chorus::api::rng().below(PORTS)));
/// From 10,000 on, below the range from which the kernel gives ports to others and the servers' for RTP.
const PORTS: u64 = 9_000;

/// A port that nothing uses, for UDP and TCP. The one behind it is given to nobody: baresip takes TLS there.
pub fn free() -> SocketAddr {
    loop {
        let mut turn = TURN.lock().unwrap();
        *turn = (*turn + 2) % PORTS;
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + *turn as u16));
        if std::net::TcpListener::bind(address).is_ok() && std::net::UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// A running server.
pub struct Server {
    process: Child,
    /// The instant of exec.
    pub began: Instant,
    pub ready: Instant,
    pub http: SocketAddr,
    pub sip: SocketAddr,
}

impl Server {
    /// kill -9.
    pub async fn kill(&mut self) {
        self.process.start_kill().unwrap();
        self.process.wait().await.unwrap();
    }

    /// A signal to this process.
    pub fn signal(&self, signal: i32) {
        let pid = self.process.id().unwrap() as i32;
        // SAFETY: kill has no preconditions; the process is ours and was not waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    pub fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    pub async fn wait(&mut self) -> ExitStatus {
        self.process.wait().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> http::Answer {
        http::ask(self.http, "GET", &rest(path), &http::basic(ACCOUNT, TOKEN), None).await.unwrap()
    }

    /// None: the connection broke before an answer.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Option<http::Answer> {
        post(self.http, path, form).await
    }

    /// A trunk for everything on loopback, with calls out to `host`.
    pub async fn trunk(&self, host: SocketAddr, more: &[(&str, &str)]) {
        let host = host.to_string();
        let mut all = vec![("inbound_source_ips", "127.0.0.1"), ("outbound_host", &host)];
        all.extend_from_slice(more);
        self.sip_trunk("ip_address", &all).await;
    }

    /// Its id.
    pub async fn sip_trunk(&self, mode: &str, attributes: &[(&str, &str)]) -> String {
        let mut trunk = serde_json::json!({ "authentication_mode": mode, "name": "peers" });
        for (name, value) in attributes {
            trunk[*name] = (*value).into();
        }
        let headers = format!("Authorization: Bearer {CARRIER}\r\nContent-Type: application/json\r\n");
        let body = trunk.to_string();
        let made =
            http::ask(self.http, "POST", "/carrier/v1/sip_trunks", &headers, Some(body)).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// What the operator's API answers.
    pub async fn carrier(&self, path: &str) -> serde_json::Value {
        let headers = format!("Authorization: Bearer {CARRIER}\r\n");
        http::ask(self.http, "GET", path, &headers, None).await.unwrap().json()
    }

    pub async fn number(&self, number: &str, form: &[(&str, &str)]) {
        let mut all = vec![("PhoneNumber", number)];
        all.extend_from_slice(form);
        let made = self.post("/IncomingPhoneNumbers.json", &all).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
    }
}

fn rest(path: &str) -> String {
    if path.starts_with("/2010") || path.starts_with("/v1/") {
        path.to_owned()
    } else {
        format!("/2010-04-01/Accounts/{ACCOUNT}{path}")
    }
}

pub async fn post(http: SocketAddr, path: &str, form: &[(&str, &str)]) -> Option<http::Answer> {
    let body = serde_urlencoded::to_string(form).unwrap();
    let headers = http::basic(ACCOUNT, TOKEN) + "Content-Type: application/x-www-form-urlencoded\r\n";
    http::ask(http, "POST", &rest(path), &headers, Some(body)).await.ok()
}
