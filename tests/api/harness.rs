//! The real server on loopback ports with a database of its own. What it dials is a telephone of this host (`callee`); rows
//! that no call of a moment can make (an old call, another account) are written into its store.

pub use super::callee::*;
pub use super::http::*;
pub use super::rows::*;
use chorus::api::{Api, ApiConfig, configure};
use chorus::clock::{Mono, Now, Wall};
use chorus::config::Config;
use chorus::rng::Rng;
use chorus::server;
use chorus::sid::*;
use chorus::store::query::Scope;
use chorus::store::rows::*;
use chorus::store::tx::{Op, Tx};
use chorus::store::{Store, calls, recordings};
use chorus::trunk::names::Names;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

pub const CARRIER_TOKEN: &str = "carrier0token0of0the0tests";
pub const FROM: &str = "+15005550001";

/// A running server with one main account.
pub struct Server {
    pub address: SocketAddr,
    pub account: AccountRow,
    pub store: Store,
    pub dir: PathBuf,
    /// Who signed its certificate, if it speaks HTTPS: beside the certificate, as `chorus tls init` leaves it.
    authority: Option<PathBuf>,
    callee: OnceLock<Callee>,
    database: String,
    running: Option<server::Server>,
    runtime: Option<tokio::runtime::Runtime>,
}

pub fn now() -> Now {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    Now { mono: Mono(wall as u64 * 1_000), wall: Wall(wall as i64) }
}

fn rng() -> Rng {
    chorus::api::rng()
}

/// A database of its own: SQLite in the data directory, or one in PostgreSQL if the suite is run on it.
fn database() -> String {
    match std::env::var("CHORUS_TEST_POSTGRES") {
        Ok(base) => crate::api::postgres::fresh(&base),
        Err(_) => String::new(),
    }
}

pub struct Setup {
    pub numbers_open: bool,
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Further variables, or others.
    pub more: Vec<(&'static str, String)>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup { numbers_open: true, tls: None, more: vec![] }
    }
}

fn config(dir: &std::path::Path, setup: &Setup, database: &str) -> Config {
    let mut env: std::collections::HashMap<&str, String> = [
        ("CHORUS_HTTP_LISTEN", "127.0.0.1:0".to_owned()),
        ("CHORUS_SIP_LISTEN", "127.0.0.1:0".to_owned()),
        ("CHORUS_DATA_DIR", dir.display().to_string()),
        ("CHORUS_DATABASE_URL", database.to_owned()),
        ("CHORUS_CARRIER_TOKEN", CARRIER_TOKEN.to_owned()),
        ("CHORUS_MEDIA_WORKERS", "1".to_owned()),
        ("CHORUS_NUMBERS", if setup.numbers_open { "open" } else { "carrier" }.to_owned()),
    ]
    .into();
    if let Some((cert, key)) = &setup.tls {
        env.insert("CHORUS_TLS_CERT", cert.display().to_string());
        env.insert("CHORUS_TLS_KEY", key.display().to_string());
    }
    env.extend(setup.more.iter().cloned());
    Config::load(&|name| env.get(name).cloned(), None).unwrap()
}

impl Server {
    pub fn start() -> Server {
        Server::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Server {
        let dir = std::env::temp_dir().join(format!("chorus-api-{}", rng().hex(12)));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let database = database();
        let running = runtime.block_on(server::start(config(&dir, &setup, &database), None)).unwrap();
        let known = running.credentials.clone();
        let mut server = Server {
            address: running.http,
            account: account(known.account, None),
            store: running.store.clone(),
            dir,
            authority: setup.tls.as_ref().map(|(cert, _)| cert.with_file_name("ca.pem")),
            callee: OnceLock::new(),
            database,
            running: Some(running),
            runtime: Some(runtime),
        };
        server.account.auth_token = known.auth_token;
        server
    }

    /// The telephone that this server's calls reach: by `sip:` address, and by number over a trunk.
    pub fn callee(&self) -> &Callee {
        self.callee.get_or_init(|| {
            let callee = Callee::start();
            let body = serde_json::json!({
                "authentication_mode": "ip_address",
                "inbound_source_ips": ["192.0.2.1"],
                "outbound_host": callee.address.to_string(),
            });
            self.carrier("POST", "/carrier/v1/sip_trunks", &body.to_string()).good(201);
            callee
        })
    }

    /// POST Calls to this address or number.
    pub fn call(&self, to: &str, fields: &[(&str, &str)]) -> Value {
        let who = [("To", to), ("From", if to.starts_with("sip:") { "alice" } else { FROM })];
        self.post("/Calls.json", &[&who, fields].concat()).good(201)
    }

    /// A call that was answered and waits.
    pub fn live_call(&self) -> CallRow {
        let twiml = "<Response><Pause length=\"600\"/></Response>";
        let made = self.call(&self.callee().uri("answer"), &[("Twiml", twiml)]);
        self.in_status(made["sid"].as_str().unwrap(), "in-progress");
        let sid = CallSid::parse(made["sid"].as_str().unwrap()).unwrap();
        self.wait(self.store.read(move |r| calls::get(r, Scope::Operator, sid))).unwrap().unwrap()
    }

    /// What a path shows once it is so.
    #[track_caller]
    pub fn until(&self, rest: &str, so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.get(rest).good(200);
            if so(&shown) {
                return shown;
            }
            assert!(Instant::now() < until, "{rest} is still {shown}");
        }
    }

    /// A call once it is in this status.
    #[track_caller]
    pub fn in_status(&self, sid: &str, status: &str) -> Value {
        self.until(&format!("/Calls/{sid}.json"), |call| call["status"] == status)
    }

    /// Asks while the server drains; this call holds it open until then.
    pub fn drain_beside<T>(&mut self, live: &CallRow, ask: impl FnOnce(&Server) -> T) -> T {
        let running = self.running.take().unwrap();
        let draining = self.runtime.as_ref().unwrap().spawn(running.drain(PATIENCE));
        let answer = ask(self);
        self.post(&format!("/Calls/{}.json", live.sid), &[("Status", "completed")]).good(200);
        self.wait(draining).unwrap();
        answer
    }

    /// The process ends, and another one begins on the same database.
    pub fn restart(&mut self) {
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(self.running.take().unwrap().stop());
        // The lock of the database is a descriptor, and a program that another test starts at this moment inherits it between its fork
        // and its exec: until then the database is still taken.
        let until = Instant::now() + PATIENCE;
        let running = loop {
            let config = config(&self.dir, &Setup::default(), &self.database);
            match runtime.block_on(server::start(config, None)) {
                Ok(running) => break running,
                Err(e) if format!("{e:?}").contains("another Chorus serves") && Instant::now() < until => {
                    std::thread::yield_now();
                }
                Err(e) => panic!("{e:?}"),
            }
        };
        (self.address, self.store) = (running.http, running.store.clone());
        self.running = Some(running);
    }

    /// As SIGHUP does.
    pub fn reload_certificate(&self) {
        self.running.as_ref().unwrap().reload_certificate();
    }

    /// Runs a future of the store to its end.
    pub fn wait<T>(&self, f: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(f)
    }

    pub fn put(&self, op: Op) {
        self.wait(self.store.commit(Tx::one(op))).unwrap();
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `Basic` for this account.
    pub fn auth(&self) -> String {
        basic(&self.account.sid.to_string(), &self.account.auth_token)
    }

    /// Path below the account.
    pub fn path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.account.sid)
    }

    pub fn get(&self, rest: &str) -> Reply {
        self.send("GET", &self.path(rest), &[("Authorization", &self.auth())], b"")
    }

    /// A request below `/v1`, as the account.
    pub fn v1(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        self.send(method, path, &[("Authorization", &self.auth()), kind], form(fields).as_bytes())
    }

    pub fn delete(&self, rest: &str) -> Reply {
        self.send("DELETE", &self.path(rest), &[("Authorization", &self.auth())], b"")
    }

    pub fn post(&self, rest: &str, fields: &[(&str, &str)]) -> Reply {
        self.post_raw(rest, form(fields).as_bytes())
    }

    pub fn post_raw(&self, rest: &str, body: &[u8]) -> Reply {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        self.send("POST", &self.path(rest), &[("Authorization", &self.auth()), form], body)
    }

    pub fn carrier(&self, method: &str, path: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {CARRIER_TOKEN}");
        let head = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        self.send(method, path, &head, body.as_bytes())
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let Some(authority) = &self.authority else {
            return ask(self.address, method, path, headers, body);
        };
        let mut stream =
            super::tls::connect(authority, "localhost", TcpStream::connect(self.address).unwrap());
        stream.write_all(&request(method, path, headers, body)).unwrap();
        let mut octets = Vec::new();
        let _ = stream.read_to_end(&mut octets);
        Reply::parse(&octets)
    }

    /// Everything that the API could have changed, as text to compare.
    pub fn dump(&self) -> String {
        use chorus::store::{
            Page, accounts, applications, inventory, keys, notifications, numbers, sip_lists, trunks,
        };
        let all = self.wait(self.store.read(|r| {
            let (s, p) = (Scope::Operator, Page::first(1_000));
            let mut out = String::new();
            out += &format!("{:?}\n", accounts::list(r, s, &Default::default(), &p)?.rows);
            out += &format!("{:?}\n", keys::list(r, s, &p)?.rows);
            out += &format!("{:?}\n", calls::list(r, s, &Default::default(), &p)?.rows);
            out += &format!("{:?}\n", recordings::list(r, s, &Default::default(), &p)?.rows);
            out += &format!("{:?}\n", numbers::list(r, s, &Default::default(), &p)?.rows);
            out += &format!("{:?}\n", applications::list(r, s, None, &p)?.rows);
            out += &format!("{:?}\n", notifications::list(r, s, &Default::default(), &p)?.rows);
            out += &format!("{:?}\n", trunks::list(r, s, &p)?.rows);
            out += &format!("{:?}\n", inventory::list(r, &Default::default(), &p)?.rows);
            out += &format!("{:?}\n", sip_lists::credential_lists(r, s, &p)?.rows);
            out += &format!("{:?}\n", sip_lists::ip_acls(r, s, &p)?.rows);
            let all = chorus::store::snapshot::snapshot(r)?;
            out += &format!("{:?}\n{:?}\n", all.credentials, all.addresses);
            out += &format!("{:?}\n{:?}\n", all.domains, all.uses);
            Ok(out)
        }));
        all.unwrap()
    }

    /// A subaccount, or a stranger's main account.
    pub fn another(&self, child: bool) -> AccountRow {
        let row = account(AccountSid::new(&mut rng()), child.then_some(self.account.sid));
        self.put(Op::PutAccount(Box::new(row.clone())));
        row
    }

    pub fn seed_call(&self, account: AccountSid, status: CallStatus) -> CallRow {
        let row = call(account, status);
        self.put(Op::InsertCall(Box::new(row.clone())));
        row
    }

    /// A completed recording of a second of audio; with two channels each holds its own constant.
    pub fn seed_recording(&self, call: &CallRow, channels: u8) -> RecordingRow {
        let sid = RecordingSid::new(&mut rng());
        let row = recording(call, sid, channels, "completed");
        std::fs::write(self.dir.join("recordings").join(&row.file), wav(channels)).unwrap();
        self.put(Op::PutRecording(Box::new(row.clone())));
        row
    }

    pub fn seed_notification(
        &self,
        account: AccountSid,
        call: Option<CallSid>,
        code: u32,
    ) -> NotificationRow {
        let row = NotificationRow {
            sid: NotificationSid::new(&mut rng()),
            account,
            call,
            code,
            level: u8::from(code == 12200),
            words: "The app said nothing & left".to_string(),
            request_method: Some(chorus::webhooks::request::Method::Post),
            request_url: Some("https://example.com/voice".to_string()),
            request_variables: None,
            response_headers: None,
            response_body: None,
            created: now().wall,
        };
        self.put(Op::PutNotification(Box::new(row.clone())));
        row
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (Some(runtime), Some(running)) = (self.runtime.take(), self.running.take()) {
            runtime.block_on(running.stop());
            runtime.shutdown_background();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// An API without live calls whose readiness is what the test says, asked once at this path.
pub fn unready(path: &str, why: &'static str) -> Reply {
    let dir = std::env::temp_dir().join(format!("chorus-api-{}", rng().hex(12)));
    std::fs::create_dir_all(&dir).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = Store::memory().unwrap();
    let (live, _asked) = chorus::api::live::Live::new();
    let config = ApiConfig {
        public_url: String::new(),
        recordings_dir: dir.clone(),
        carrier_token: CARRIER_TOKEN.to_string(),
        realm: "chorus".to_string(),
        names: Names::default(),
        numbers_open: true,
        reach: Default::default(),
    };
    let ready: chorus::api::Ready = Arc::new(move || Err(why.to_owned()));
    let api = Api::new(store, live, config, now, ready, None, runtime.handle().clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let http = runtime.block_on(async move {
        let app = move || {
            let api = api.clone();
            actix_web::App::new().configure(|cfg| configure(cfg, api))
        };
        let server =
            actix_web::HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        handle
    });
    let reply = ask(address, "GET", path, &[], b"");
    runtime.block_on(http.stop(false));
    let _ = std::fs::remove_dir_all(&dir);
    reply
}

/// One request on a connection of its own.
pub fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(&request(method, path, headers, body)).unwrap();
    let mut octets = Vec::new();
    socket.read_to_end(&mut octets).unwrap();
    Reply::parse(&octets)
}
