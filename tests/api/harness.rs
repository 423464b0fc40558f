//! The real actix application on a loopback port, a real store, and a task that answers for the live calls until the
//! server itself takes its place: then only `Server::start` changes.

pub use super::http::*;
use super::stub::answer_all;
use chorus::api::live::Live;
use chorus::api::{Api, ApiConfig, configure};
use chorus::clock::{Mono, Now, Wall};
use chorus::rng::Rng;
use chorus::sid::*;
use chorus::store::query::Scope;
use chorus::store::rows::*;
use chorus::store::tx::{Op, Tx};
use chorus::store::{Key, Options, Store, calls, recordings};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, mpsc as std_mpsc};

pub const CARRIER_TOKEN: &str = "carrier0token0of0the0tests";
pub const FROM: &str = "+15005550001";

/// A running server with one main account.
pub struct Server {
    pub address: SocketAddr,
    pub account: AccountRow,
    pub store: Store,
    pub dir: PathBuf,
    /// Dial requests that reached the live calls.
    pub dials: Arc<AtomicU32>,
    handle: actix_web::dev::ServerHandle,
    runtime: Option<tokio::runtime::Runtime>,
}

pub fn now() -> Now {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    Now { mono: Mono(wall as u64 * 1_000), wall: Wall(wall as i64) }
}

fn rng() -> Rng {
    chorus::api::rng()
}

/// A database of its own: SQLite, or a schema in PostgreSQL if the suite is run on it.
fn database(dir: &std::path::Path) -> String {
    match std::env::var("CHORUS_TEST_POSTGRES") {
        Ok(base) => crate::api::postgres::fresh(&base),
        Err(_) => format!("sqlite:{}", dir.join("chorus.sqlite").display()),
    }
}

pub struct Setup {
    pub numbers_open: bool,
    pub ready: fn() -> Result<(), String>,
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup { numbers_open: true, ready: || Ok(()), tls: None }
    }
}

impl Server {
    pub fn start() -> Server {
        Server::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Server {
        let dir = std::env::temp_dir().join(format!("chorus-api-{}", rng().hex(12)));
        std::fs::create_dir_all(dir.join("recordings")).unwrap();
        let key = Key::new(&[7; 32]);
        let (store, _) = Store::open(&database(&dir), &key, &Options { readers: 2 }).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (live, asked) = Live::new();
        let dials = Arc::new(AtomicU32::new(0));
        runtime.spawn(answer_all(asked, store.clone(), dials.clone()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if setup.tls.is_some() { "https" } else { "http" };
        let config = ApiConfig {
            public_url: format!("{scheme}://{address}"),
            recordings_dir: dir.join("recordings"),
            carrier_token: CARRIER_TOKEN.to_string(),
            numbers_open: setup.numbers_open,
        };
        let ready = setup.ready;
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || metrics::counter!("chorus_tests_servers").increment(1));
        let api = Api::new(
            store.clone(),
            live,
            config,
            now,
            Arc::new(ready),
            Some(recorder.handle()),
            runtime.handle().clone(),
        );
        let handle = serve(listener, api, setup.tls);
        let mut server = Server {
            address,
            account: account(AccountSid::new(&mut rng()), None),
            store,
            dir,
            dials,
            handle,
            runtime: Some(runtime),
        };
        let row = server.account.clone();
        server.put(Op::PutAccount(Box::new(row)));
        server.account = server.account.clone();
        server
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

    /// One request on a connection of its own.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.write_all(&request(method, path, headers, body)).unwrap();
        let mut octets = Vec::new();
        socket.read_to_end(&mut octets).unwrap();
        Reply::parse(&octets)
    }

    /// Everything that the API could have changed, as text to compare.
    pub fn dump(&self) -> String {
        use chorus::store::{Page, accounts, applications, keys, notifications, numbers, trunks};
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
        let handle = self.handle.clone();
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(handle.stop(false));
            self.store.close();
            runtime.shutdown_background();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn serve(
    listener: std::net::TcpListener,
    api: Api,
    tls: Option<(PathBuf, PathBuf)>,
) -> actix_web::dev::ServerHandle {
    let (out, started) = std_mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let factory = move || {
                let api = api.clone();
                actix_web::App::new().configure(|cfg| configure(cfg, api))
            };
            let server = actix_web::HttpServer::new(factory).workers(2).disable_signals().shutdown_timeout(1);
            let server = match tls {
                None => server.listen(listener).unwrap().run(),
                Some((cert, key)) => {
                    let (config, _) = chorus::api::tls::rustls_config(&cert, &key).unwrap();
                    server.listen_rustls_0_23(listener, config).unwrap().run()
                }
            };
            out.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    started.recv().unwrap()
}

pub fn account(sid: AccountSid, owner: Option<AccountSid>) -> AccountRow {
    AccountRow {
        sid,
        owner: owner.unwrap_or(sid),
        friendly_name: "Main".to_string(),
        status: "active".to_string(),
        auth_token: rng().hex(32),
        created: now().wall,
        updated: now().wall,
    }
}

pub fn call(account: AccountSid, status: CallStatus) -> CallRow {
    CallRow {
        sid: CallSid::new(&mut rng()),
        account,
        parent: None,
        to: "+15005550006".to_string(),
        from: FROM.to_string(),
        number: None,
        application: None,
        trunk: None,
        status,
        direction: Direction::Inbound,
        created: now().wall,
        updated: now().wall,
        started: Some(now().wall),
        answered: Some(now().wall),
        ended: status.is_final().then(|| now().wall),
        callbacks: Vec::new(),
        voice: None,
        fallback: None,
        twiml: None,
        timeout_s: 60,
        time_limit_s: 14_400,
        send_digits: None,
        record: None,
        sip_auth: None,
        caller_id: None,
        sequence: 0,
        dialog: None,
        invited: false,
        cause: None,
        ended_by: None,
        error: None,
        stats: None,
        post_dial_delay_ms: None,
        idempotency: None,
        node: "tests".to_string(),
    }
}

pub fn recording(call: &CallRow, sid: RecordingSid, channels: u8, status: &str) -> RecordingRow {
    RecordingRow {
        sid,
        account: call.account,
        call: call.sid,
        status: status.to_string(),
        source: "RecordVerb".to_string(),
        channels,
        track: "both".to_string(),
        ms: Some(1_000),
        file: format!("{sid}.wav"),
        error: None,
        callback: None,
        events: "completed".to_string(),
        started: now().wall,
        created: now().wall,
        updated: now().wall,
    }
}

/// One second: the first channel is 1000 throughout, the second 200.
pub fn wav(channels: u8) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: channels.into(),
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut out = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
    for _ in 0..8_000 {
        writer.write_sample(1_000i16).unwrap();
        if channels == 2 {
            writer.write_sample(200i16).unwrap();
        }
    }
    writer.finalize().unwrap();
    out.into_inner()
}
