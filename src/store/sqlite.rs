//! (s)
//! SQLite: how a file is opened so that a commit means the disk has it, and how a group of transactions is committed.

use super::backend::{Answer, Prepared, run};
use super::conn::{Conn, Fault};
use super::handle::OpenError;
use super::sql::Stmt;
use diesel::{Connection, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// `busy_timeout` covers backups and shells that hold the file for a moment; the log is cut back to 64 MiB after a long
/// reader let it grow.
pub const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -2000;";
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA foreign_keys = ON; PRAGMA cache_size = -2000;";

/// Which file it is, beyond its name: device and inode.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Identity(u64, u64);

/// The identity of the file at a path; None if there is none.
pub fn identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|m| Identity(m.dev(), m.ino()))
}

/// The files of an open database.
#[derive(Copy, Clone, Debug, Default)]
pub struct Files {
    /// The database.
    pub main: Option<Identity>,
    /// Its log.
    log: Option<Identity>,
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

impl Files {
    /// As they are now.
    pub fn of(path: &Path) -> Files {
        Files { main: identity(path), log: identity(&beside(path, "-wal")) }
    }

    /// If another database lies at the path now, while the log there still is the old one's, the log is renamed to
    /// `-wal.replaced`: SQLite would play it into the wrong database. (It leaves the log there when it closes a file
    /// that was moved.) All connections must be closed.
    pub fn set_stale_log_aside(self, path: &Path) -> Result<(), OpenError> {
        let log = beside(path, "-wal");
        if identity(path) == self.main || self.log.is_none() || identity(&log) != self.log {
            return Ok(());
        }
        let failed = |e| {
            OpenError(format!(
                "the log of the replaced {} cannot be set aside ({e}): move it away",
                path.display()
            ))
        };
        std::fs::rename(&log, beside(path, "-wal.replaced")).map_err(failed)?;
        match std::fs::remove_file(beside(path, "-shm")) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed(e)),
            _ => Ok(()),
        }
    }
}

/// `mode`, as SQLite's URIs name it: `rw` wants a file that is there, `rwc` makes one.
fn establish(path: &Path, mode: &str) -> Result<SqliteConnection, OpenError> {
    let Some(name) = path.to_str() else {
        return Err(OpenError(format!("{} is not a name in UTF-8: rename the folder", path.display())));
    };
    // What ends the path of a URI is written by its number.
    let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    // Behind two slashes stands a host, which is empty.
    let host = if name.starts_with("//") { "//" } else { "" };
    SqliteConnection::establish(&format!("file:{host}{name}?mode={mode}")).map_err(|e| {
        OpenError(format!("{} cannot be opened ({e}): make its folder writable for Chorus", path.display()))
    })
}

fn refused(path: &Path, why: impl std::fmt::Display) -> OpenError {
    OpenError(format!("{} cannot be used ({why}): restore it from a backup or move it away", path.display()))
}

/// The writer's connection: durable, up to date.
pub fn open_writer(path: &Path) -> Result<Conn, OpenError> {
    open_told(path, WRITER)
}

/// The same with other pragmas than [`WRITER`]: refused if the connection does not promise durable commits then.
pub fn open_told(path: &Path, pragmas: &str) -> Result<Conn, OpenError> {
    let mut raw = establish(path, "rwc")?;
    diesel::connection::SimpleConnection::batch_execute(&mut raw, pragmas).map_err(|e| refused(path, e))?;
    raw.run_pending_migrations(MIGRATIONS).map_err(|e| refused(path, e))?;
    let mut conn = Conn::Sqlite(raw);
    let mut pragma = |name: &str| {
        let value = conn.text(&format!("CAST({name} AS TEXT)"), &format!(" FROM pragma_{name}"));
        value.map(Option::unwrap_or_default).map_err(|e| refused(path, e))
    };
    // Read back, because a build or a file system may not do as told, and then "accepted" would be a lie.
    let (journal, sync) = (pragma("journal_mode")?, pragma("synchronous")?);
    if journal != "wal" || sync != "2" {
        return Err(OpenError(format!(
            "{} does not promise durable commits (journal_mode {journal}, synchronous {sync}; needed: wal, 2): \
             put it on a local file system",
            path.display()
        )));
    }
    Ok(conn)
}

/// A reader's connection to a file that exists: one that is moved away at this moment must not leave an empty one in its place.
pub fn open_reader(path: &Path) -> Result<Conn, String> {
    let mut conn = Conn::Sqlite(establish(path, "rw").map_err(|e| e.0)?);
    conn.batch(READER).map_err(|f| f.to_string())?;
    Ok(conn)
}

/// Commits a group. An error means that nothing of it was written. Nearly always each transaction is good, and then none needs a
/// savepoint of its own; a bad one undoes them all, and once more each runs in its savepoint, so that the bad one leaves alone.
pub fn commit(conn: &mut Conn, group: &[Prepared]) -> Result<Vec<Answer>, Fault> {
    match committed(conn, |conn| all_or_none(conn, group))? {
        Some(answers) => Ok(answers),
        None => committed(conn, |conn| in_savepoints(conn, group).map(Some)).map(Option::unwrap_or_default),
    }
}

/// Begins, runs, and commits; with None of `run`, and with an error, it is undone instead.
fn committed(
    conn: &mut Conn,
    run: impl FnOnce(&mut Conn) -> Result<Option<Vec<Answer>>, Fault>,
) -> Result<Option<Vec<Answer>>, Fault> {
    // Prepared once, as every statement of ours is.
    conn.execute(&Stmt::new("BEGIN IMMEDIATE"))?;
    let mut done = run(conn);
    if let Ok(Some(_)) = done
        && let Err(fault) = conn.execute(&Stmt::new("COMMIT"))
    {
        done = Err(fault);
    }
    if !matches!(done, Ok(Some(_))) {
        // After a full disk SQLite may have rolled back by itself; then this fails, and rightly.
        let undone = conn.batch("ROLLBACK");
        if done.is_ok() {
            undone?;
        }
    }
    done
}

/// None if one is bad.
fn all_or_none(conn: &mut Conn, group: &[Prepared]) -> Result<Option<Vec<Answer>>, Fault> {
    for tx in group {
        if run(conn, tx).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(group.iter().map(|_| Ok(())).collect()))
}

fn in_savepoints(conn: &mut Conn, group: &[Prepared]) -> Result<Vec<Answer>, Fault> {
    let mut answers = Vec::with_capacity(group.len());
    let [begin, undo, end] = ["SAVEPOINT tx", "ROLLBACK TO tx", "RELEASE tx"].map(Stmt::new);
    for tx in group {
        conn.execute(&begin)?;
        let answer = run(conn, tx);
        if answer.is_err() {
            conn.execute(&undo)?;
        }
        conn.execute(&end)?;
        answers.push(answer);
    }
    Ok(answers)
}
