//! Databases to test on, and rows to put into them.

use chorus::clock::Wall;
use chorus::rng::Rng;
use chorus::sid::*;
use chorus::store::backend::{Database, Target};
use chorus::store::elastic::{ElasticTrunkRow, OriginationUrlRow};
use chorus::store::memory::Memory;
use chorus::store::reader::Slots;
use chorus::store::rows::*;
use chorus::store::tx::{Backend, Op, Recovered, StoreError, Tx};
use chorus::store::{Key, Options, Store};
use diesel::{Connection, PgConnection, connection::SimpleConnection};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The same contract on every backend: `contract!(a_name, another_name);` runs `async fn a_name(db: &Db)` three times.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod on_memory { $(#[tokio::test] async fn $name() { super::$name(&crate::store::kit::memory()).await })* }
        mod on_sqlite { $(#[tokio::test] async fn $name() { super::$name(&crate::store::kit::sqlite()).await })* }
        mod on_postgres {$(
            #[tokio::test]
            async fn $name() {
                if let Some(db) = crate::store::kit::postgres() { super::$name(&db).await }
            }
        )*}
    };
}
pub(crate) use contract;

/// A store on a database of its own, which goes with it.
pub struct Db {
    pub store: Store,
    pub url: String,
    pub folder: Option<Folder>,
    postgres: Option<String>,
}

impl Db {
    pub async fn put(&self, op: Op) {
        self.store.commit(Tx::one(op)).await.unwrap();
    }

    pub async fn try_put(&self, op: Op) -> Result<(), StoreError> {
        self.store.commit(Tx::one(op)).await
    }

    /// The database file.
    pub fn file(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("chorus.db")
    }

    /// Another server on the same database, after this one has let go of it.
    pub fn reopen(&self) -> (Store, Recovered) {
        Store::open(&self.url, &key(), &Options::default()).unwrap()
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        self.store.close();
        if let Some(admin) = &self.postgres {
            let name = self.url.rsplit('/').next().unwrap();
            let _ = PgConnection::establish(admin)
                .map(|mut c| c.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")));
        }
    }
}

/// A folder that is removed at the end.
pub struct Folder(PathBuf);

static NEXT: AtomicU64 = AtomicU64::new(0);

fn unique() -> String {
    format!("chorus_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Folder {
    pub fn new() -> Folder {
        let path = std::env::temp_dir().join(unique());
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn key() -> Key {
    Key::new(&[7; 32])
}

pub fn memory() -> Db {
    Db { store: Store::memory().unwrap(), url: String::new(), folder: None, postgres: None }
}

pub fn sqlite() -> Db {
    let folder = Folder::new();
    let url = format!("sqlite:{}", folder.path().join("chorus.db").display());
    let (store, _) = Store::open(&url, &key(), &Options::default()).unwrap();
    Db { store, url, folder: Some(folder), postgres: None }
}

/// A fresh database on the server of CHORUS_TEST_POSTGRES; without one the test is named as not run.
pub fn postgres() -> Option<Db> {
    let url = new_postgres()?;
    let (store, _) = Store::open(&url, &key(), &Options { readers: 2 }).unwrap();
    Some(Db { store, url, folder: None, postgres: std::env::var("CHORUS_TEST_POSTGRES").ok() })
}

/// Each backend by itself, without a writer in front, with what must live as long as it does.
pub fn backends() -> Vec<(&'static str, Box<dyn Backend>, Option<Db>)> {
    let mut all: Vec<(&'static str, Box<dyn Backend>, Option<Db>)> =
        vec![("memory", Box::new(Memory::new()), None)];
    for (name, db) in [("sqlite", Some(sqlite())), ("postgres", postgres())] {
        let Some(db) = db else { continue };
        db.store.close();
        let target = Target::parse(&db.url).unwrap();
        let backend = Database::open(target, key(), Rng::from_number(1), Slots::default()).unwrap();
        all.push((name, Box::new(backend), Some(db)));
    }
    all
}

fn new_postgres() -> Option<String> {
    let Ok(admin) = std::env::var("CHORUS_TEST_POSTGRES") else {
        assert!(std::env::var("CHORUS_CI").as_deref() != Ok("1"), "CHORUS_TEST_POSTGRES must be set in CI");
        eprintln!("not run: set CHORUS_TEST_POSTGRES (scripts/postgres start FOLDER prints a URL)");
        return None;
    };
    let name = unique();
    PgConnection::establish(&admin).unwrap().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    Some(format!("{}/{name}", admin.rsplit_once('/').unwrap().0))
}

/// Makes rows; times count up by a second.
pub struct Maker {
    pub rng: Rng,
    pub account: AccountSid,
    pub at: i64,
}

impl Maker {
    pub fn new(seed: u64) -> Maker {
        let mut rng = Rng::from_number(seed);
        let account = AccountSid::new(&mut rng);
        Maker { rng, account, at: 1_700_000_000_000 }
    }

    pub fn tick(&mut self) -> Wall {
        self.at += 1_000;
        Wall(self.at)
    }

    pub fn account(&mut self, owner: Option<AccountSid>) -> AccountRow {
        let sid = AccountSid::new(&mut self.rng);
        AccountRow {
            sid,
            owner: owner.unwrap_or(sid),
            friendly_name: "Main".to_owned(),
            status: "active".to_owned(),
            held: false,
            auth_token: self.rng.hex(32),
            rules: Default::default(),
            revision: 0,
            created: self.tick(),
            updated: Wall(self.at),
        }
    }

    pub fn call(&mut self) -> CallRow {
        let at = self.tick();
        CallRow {
            sid: CallSid::new(&mut self.rng),
            to: "+15550001".to_owned(),
            from: "+15550002".to_owned(),
            voice: Some(hook("https://app.test/voice")),
            ..CallRow::empty(self.account, at, "one", CallStatus::Ringing)
        }
    }

    /// A trunk of the account, where it rings, and a list that opens it.
    pub fn elastic(&mut self, domain: &str) -> (ElasticTrunkRow, OriginationUrlRow, ListUseRow) {
        let (account, at) = (self.account, self.tick());
        let trunk = ElasticTrunkSid::new(&mut self.rng);
        let mut row = ElasticTrunkRow::new(trunk, account, at);
        row.domain_name = Some(domain.to_owned());
        let url = OriginationUrlRow {
            sid: OriginationUrlSid::new(&mut self.rng),
            account,
            trunk,
            sip_url: "sip:pbx.example.com".to_owned(),
            friendly_name: "PBX".to_owned(),
            priority: 10,
            weight: 10,
            enabled: true,
            created: at,
            updated: at,
        };
        let list = ListSid::Credentials(CredentialListSid::new(&mut self.rng));
        let purpose = Purpose::Calls;
        (row, url, ListUseRow { account, owner: DoorSid::Trunk(trunk), purpose, list, created: at })
    }

    pub fn number(&mut self, number: &str) -> NumberRow {
        NumberRow {
            sid: NumberSid::new(&mut self.rng),
            account: self.account,
            number: number.to_owned(),
            friendly_name: "Desk".to_owned(),
            kind: "local".to_owned(),
            voice: Some(hook("https://app.test/voice")),
            fallback: None,
            status_callback: None,
            application: None,
            trunk: None,
            other: serde_json::Map::new(),
            revision: 0,
            created: self.tick(),
            updated: Wall(self.at),
        }
    }

    pub fn application(&mut self, name: &str) -> ApplicationRow {
        ApplicationRow {
            sid: ApplicationSid::new(&mut self.rng),
            account: self.account,
            friendly_name: name.to_owned(),
            voice: None,
            fallback: None,
            status_callback: None,
            other: serde_json::Map::new(),
            created: self.tick(),
            updated: Wall(self.at),
        }
    }

    pub fn key(&mut self) -> KeyRow {
        KeyRow {
            sid: KeySid::new(&mut self.rng),
            account: self.account,
            friendly_name: "CI".to_owned(),
            secret_hash: "$argon2id$v=19$x".to_owned(),
            created: self.tick(),
            updated: Wall(self.at),
        }
    }

    pub fn trunk(&mut self, account: Option<AccountSid>) -> TrunkRow {
        TrunkRow {
            sid: TrunkSid::new(&mut self.rng),
            name: "carrier".to_owned(),
            account,
            inbound_source_ips: vec!["192.0.2.0/24".to_owned()],
            transport: "udp".to_owned(),
            username: Some("user".to_owned()),
            password: Some("trunk-password".to_owned()),
            created: self.tick(),
            updated: Wall(self.at),
            ..TrunkRow::default()
        }
    }

    pub fn recording(&mut self, call: CallSid, status: &str) -> RecordingRow {
        let sid = RecordingSid::new(&mut self.rng);
        RecordingRow {
            sid,
            account: self.account,
            call,
            status: status.to_owned(),
            source: "RecordVerb".to_owned(),
            channels: 1,
            track: "both".to_owned(),
            ms: None,
            file: format!("{sid}.wav"),
            error: None,
            callback: None,
            events: "completed".to_owned(),
            started: Wall(self.at),
            created: self.tick(),
            updated: Wall(self.at),
        }
    }

    pub fn notification(&mut self, call: Option<CallSid>, level: u8) -> NotificationRow {
        NotificationRow {
            sid: NotificationSid::new(&mut self.rng),
            account: self.account,
            call,
            code: 11_200,
            level,
            words: "the webhook did not answer".to_owned(),
            request_method: None,
            request_url: None,
            request_variables: None,
            response_headers: None,
            response_body: None,
            created: self.tick(),
        }
    }

    pub fn stream(&mut self, call: CallSid, name: &str) -> StreamRow {
        StreamRow {
            sid: StreamSid::new(&mut self.rng),
            account: self.account,
            call,
            name: name.to_owned(),
            status: "in-progress".to_owned(),
            callback: None,
            created: self.tick(),
            updated: Wall(self.at),
        }
    }

    pub fn callback(&mut self, call: CallSid, position: u32) -> OutboxRow {
        OutboxRow {
            id: self.rng.next_u128(),
            account: self.account,
            call: Some(call),
            part: None,
            position,
            hook: hook("https://app.test/status"),
            params: vec![("CallStatus".to_owned(), "completed".to_owned())],
            json: None,
            state: "pending".to_owned(),
            rounds: 0,
            next: Wall(self.at),
            last: None,
            created: self.tick(),
            done: None,
        }
    }

    pub fn timeline(&mut self, call: CallSid) -> TimelineRow {
        let line = Line {
            at: Wall(self.at),
            from: "phone".to_owned(),
            to: "chorus".to_owned(),
            what: "INVITE".to_owned(),
        };
        TimelineRow { call, account: self.account, lines: vec![line], updated: self.tick() }
    }
}

pub fn hook(url: &str) -> Hook {
    Hook { url: url.to_owned(), method: Default::default() }
}

/// Rows have no equality of their own: their debug forms show every field.
pub fn same(a: &impl std::fmt::Debug, b: &impl std::fmt::Debug) {
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}
