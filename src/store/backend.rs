//! (s)
//! The backend over a database: opens it, prepares a group, commits it, and gets the database back when it was lost.

use super::conn::{Conn, Fault};
use super::crypt::{Key, OpenFailed, Place};
use super::handle::OpenError;
use super::lock::{self, FileLock};
use super::reader::{Reader, Slots};
use super::sql::{self, Dialect, Write};
use super::sqlite::{Files, Identity};
use super::steps::steps;
use super::tx::{Backend, Recovered, StoreError, Tx};
use super::{calls, outbox, postgres, query::Scope, recordings, sealed, sqlite, streams, trunks};
use crate::rng::Rng;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two tries to get a lost database back, so that a flood of writes is answered at once instead.
const REOPEN_EVERY: Duration = Duration::from_millis(200);
/// Where the key's mark stands among the facts.
const KEY_MARK: Place<'static> = Place { table: "facts", sid: "key", column: "value" };
/// What is encrypted there.
const KEY_WORD: &str = "chorus";

/// The outcome of one transaction.
pub type Answer = Result<(), StoreError>;
/// A transaction as statements; an error if it could not be made into any.
pub type Prepared = Result<Vec<Write>, String>;

/// Which database.
#[derive(Clone, Debug)]
pub enum Target {
    /// A file.
    Sqlite(PathBuf),
    /// A server, by URL.
    Postgres(String),
}

impl Target {
    /// Reads `sqlite:PATH`, `postgres://...` or `postgresql://...`.
    pub fn parse(url: &str) -> Result<Target, OpenError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            // `sqlite:///var/x` and `sqlite:/var/x` are the same file.
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.is_empty() {
                return Ok(Target::Sqlite(PathBuf::from(path)));
            }
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Target::Postgres(url.to_owned()));
        }
        // Only the scheme: what libpq also takes (`host=h password=p`) would show a password.
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        let scheme = if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) { scheme } else { "" };
        Err(OpenError(format!(
            "CHORUS_DATABASE_URL begins with \"{scheme}\", which is no database Chorus knows: write sqlite:PATH or \
             the postgres:// URL of a database"
        )))
    }

    /// Which words it speaks.
    pub fn dialect(&self) -> Dialect {
        match self {
            Target::Sqlite(_) => Dialect::Sqlite,
            Target::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A connection that reads. `file` is the file that the writer has open.
    pub fn open_reader(&self, file: Option<Identity>) -> Result<Conn, String> {
        match self {
            // Another file beside the old log would be read as a mixture of both.
            Target::Sqlite(path) if file.is_none() || sqlite::identity(path) != file => {
                Err(format!("{} is gone or was replaced", path.display()))
            }
            Target::Sqlite(path) => sqlite::open_reader(path),
            Target::Postgres(url) => postgres::open_reader(url),
        }
    }

    fn open_writer(&self, grace: Duration) -> Result<Link, OpenError> {
        match self {
            Target::Sqlite(path) => {
                let conn = sqlite::open_writer(path)?;
                Ok(Link { conn, files: Files::of(path) })
            }
            Target::Postgres(url) => {
                Ok(Link { conn: postgres::open_writer(url, grace)?, files: Files::default() })
            }
        }
    }
}

struct Link {
    conn: Conn,
    files: Files,
}

/// SQLite or PostgreSQL.
pub struct Database {
    target: Target,
    key: Key,
    rng: Rng,
    link: Option<Link>,
    next_try: Option<Instant>,
    /// The last group failed: the next look tries a write, because a full disk and a replica still answer reads.
    suspect: bool,
    slots: Slots,
    /// The files that were open last.
    files: Files,
    /// Held as long as this lives, also while the file itself is lost.
    _lock: Option<FileLock>,
}

impl Database {
    /// Opens it. `slots` holds the connections of its readers.
    pub fn open(target: Target, key: Key, mut rng: Rng, slots: Slots) -> Result<Database, OpenError> {
        let lock = match &target {
            Target::Sqlite(path) => Some(FileLock::take(path)?),
            Target::Postgres(_) => None,
        };
        let mut link = target.open_writer(lock::GRACE)?;
        check_key(&mut link.conn, &key, &mut rng)?;
        let files = link.files;
        slots.expect(files.main);
        Ok(Database {
            target,
            key,
            rng,
            link: Some(link),
            next_try: None,
            suspect: false,
            slots,
            files,
            _lock: lock,
        })
    }

    /// The connection, opened again if it was lost and a try is due.
    fn link(&mut self) -> Result<&mut Link, String> {
        self.drop_if_replaced();
        if self.link.is_none() {
            if self.next_try.is_some_and(|at| Instant::now() < at) {
                return Err("it was lost a moment ago".to_owned());
            }
            let reopened = self.reopen();
            self.next_try = Some(Instant::now() + REOPEN_EVERY);
            let link = reopened.map_err(|e| e.0)?;
            self.files = link.files;
            self.slots.expect(link.files.main);
            self.link = Some(link);
        }
        self.link.as_mut().ok_or_else(|| "it was lost".to_owned())
    }

    fn reopen(&mut self) -> Result<Link, OpenError> {
        // An empty database in the place of a lost one would look healthy and know no account.
        if let Target::Sqlite(path) = &self.target {
            if sqlite::identity(path).is_none() {
                let path = path.display();
                return Err(OpenError(format!("{path} is gone: put it back, or restart to begin anew")));
            }
            self.slots.close_all();
            self.files.set_stale_log_aside(path)?;
        }
        let mut link = self.target.open_writer(Duration::ZERO)?;
        check_key(&mut link.conn, &self.key, &mut self.rng)?;
        Ok(link)
    }

    /// On Linux a removed file takes writes until it is closed: such commits would be lost.
    fn drop_if_replaced(&mut self) {
        if let (Target::Sqlite(path), Some(link)) = (&self.target, &self.link)
            && sqlite::identity(path) != link.files.main
        {
            self.link = None;
            self.slots.expect(None);
            self.slots.close_all();
        }
    }

    fn prepare(&mut self, group: &[Tx]) -> Vec<Prepared> {
        let (key, rng) = (&self.key, &mut self.rng);
        let dialect = self.target.dialect();
        let mut prepare = |tx: &Tx| {
            steps(tx).iter().map(|s| sql::write(dialect, s, |r| sealed::seal(key, rng, r))).collect()
        };
        group.iter().map(&mut prepare).collect()
    }

    fn commit(&mut self, group: &[Prepared]) -> Result<Vec<Answer>, String> {
        let link = self.link()?;
        let done = match link.conn {
            Conn::Sqlite(_) => sqlite::commit(&mut link.conn, group),
            Conn::Postgres(_) => postgres::commit(&mut link.conn, group),
        };
        self.drop_if_replaced();
        if self.link.is_none() {
            return Err("its file was removed or replaced".to_owned());
        }
        let answers = done.map_err(|f| f.to_string());
        let sound = answers.as_ref().is_ok_and(|a| !a.iter().any(is_unavailable));
        if !sound {
            self.link = None;
            self.next_try = Some(Instant::now() + REOPEN_EVERY);
        }
        answers
    }
}

fn is_unavailable(a: &Answer) -> bool {
    a.as_ref().is_err_and(StoreError::is_unavailable)
}

impl Backend for Database {
    fn apply(&mut self, group: &[Tx]) -> Vec<Answer> {
        let prepared = self.prepare(group);
        let answers = self
            .commit(&prepared)
            .unwrap_or_else(|why| group.iter().map(|_| Err(StoreError::Unavailable(why.clone()))).collect());
        self.suspect = answers.iter().any(is_unavailable);
        answers
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let mut reader = Reader::database(self.target.clone(), self.key.clone(), &self.slots);
        let found = Recovered {
            calls: calls::live(&mut reader, Scope::Operator)?,
            recordings: recordings::live(&mut reader, Scope::Operator)?,
            streams: streams::live(&mut reader, Scope::Operator)?,
            outbox: outbox::live(&mut reader, Scope::Operator)?,
            bindings: trunks::bindings(&mut reader)?,
            talked: Vec::new(),
        };
        self.slots.close_all();
        Ok(found)
    }

    fn check(&mut self) -> Result<(), StoreError> {
        let suspect = self.suspect;
        let look = |link: &mut Link| match suspect {
            true => link.conn.batch("UPDATE facts SET value = value WHERE name = 'key'"),
            false => link.conn.text("'1'", "").map(drop),
        };
        let answer = self.link().and_then(|link| look(link).map_err(|f| f.to_string()));
        self.suspect = answer.is_err();
        if answer.is_err() {
            self.link = None;
        }
        answer.map_err(StoreError::Unavailable)
    }
}

/// Runs the statements of a transaction inside one that is open already.
pub fn run(conn: &mut Conn, tx: &Prepared) -> Answer {
    let writes = tx.as_ref().map_err(|why| StoreError::Unavailable(why.clone()))?;
    for write in writes {
        match (conn.execute(&write.stmt), write.refused) {
            (Ok(0), Some(words)) => return Err(StoreError::Refused(words)),
            (Ok(_), _) => {}
            (Err(Fault::Taken(what)), _) => {
                return Err(StoreError::Duplicate(first_taken(conn, write, what)));
            }
            (Err(Fault::Broken(why)), _) => return Err(StoreError::Unavailable(why)),
        }
    }
    Ok(())
}

/// PostgreSQL checks the key first by itself, and answers nothing more in a transaction that failed.
fn first_taken(conn: &mut Conn, write: &Write, what: &'static str) -> &'static str {
    match (&write.twin, conn.dialect()) {
        (Some(twin), Dialect::Sqlite) if conn.rows(twin).is_ok_and(|rows| !rows.is_empty()) => "sid",
        _ => what,
    }
}

/// A database whose secrets another key encrypted would fail call by call: better to say so at the start.
fn check_key(conn: &mut Conn, key: &Key, rng: &mut Rng) -> Result<(), OpenError> {
    let broken = |why: &dyn std::fmt::Display| {
        OpenError(format!(
            "the database cannot be used ({why}): restore it from a backup or name another one"
        ))
    };
    let Some(mark) = conn.text("value", " FROM facts WHERE name = 'key'").map_err(|f| broken(&f))? else {
        let sealed = key.seal(rng, KEY_MARK, KEY_WORD).map_err(|e| broken(&e))?;
        // Base64, digits and dots: nothing in it could end the quoted text.
        return conn
            .batch(&format!("INSERT INTO facts (name, value) VALUES ('key', '{sealed}')"))
            .map_err(|f| broken(&f));
    };
    match key.open(KEY_MARK, &mark) {
        Ok(_) => Ok(()),
        Err(OpenFailed::OtherKey(id)) => Err(OpenError(format!(
            "the secrets in the database were encrypted with another key (id {id}, given {}): set CHORUS_SECRET_KEY \
             to the one that was used, or move the database away",
            key.id()
        ))),
        Err(damaged) => Err(broken(&damaged)),
    }
}
