//! (s)
//! PostgreSQL: how a session is opened, and how a group of transactions is committed.

use super::backend::{Answer, Prepared, run};
use super::conn::{Conn, Fault};
use super::handle::OpenError;
use super::lock;
use super::tx::StoreError;
use crate::telemetry::redact;
use diesel::{Connection, PgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::time::Duration;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// What libpq is told unless the URL says otherwise, so that a server that vanished is noticed in seconds.
const DEFAULTS: [(&str, &str); 6] = [
    ("connect_timeout", "3"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "2"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
    ("application_name", "chorus"),
];

/// A statement that takes longer is given up: the writer must not hang.
const WRITER: &str = "SET synchronous_commit = on; SET statement_timeout = '10s'; SET lock_timeout = '5s'";
const READER: &str = "SET default_transaction_read_only = on; SET statement_timeout = '10s'";

/// The URL with [`DEFAULTS`].
fn with_defaults(url: &str) -> String {
    let mut out = url.to_owned();
    for (name, value) in DEFAULTS {
        if !url.contains(&format!("{name}=")) {
            out.push(if out.contains('?') { '&' } else { '?' });
            out.push_str(&format!("{name}={value}"));
        }
    }
    out
}

/// libpq repeats a URL that it cannot read; the log must not show the password in it.
fn hide(url: &str, why: &str) -> String {
    let user_info = url.split_once("//").and_then(|(_, rest)| rest.rsplit_once('@')).map_or("", |(u, _)| u);
    let password = user_info.split_once(':').map_or("", |(_, password)| password);
    let why = redact::line(why);
    if password.is_empty() { why.into_owned() } else { why.replace(password, "***") }
}

fn establish(url: &str) -> Result<PgConnection, OpenError> {
    PgConnection::establish(&with_defaults(url)).map_err(|e| {
        let why = hide(url, &e.to_string().replace('\n', " "));
        OpenError(format!(
            "PostgreSQL did not let Chorus in ({why}): start it or correct CHORUS_DATABASE_URL"
        ))
    })
}

fn refused(why: impl std::fmt::Display) -> OpenError {
    OpenError(format!(
        "PostgreSQL cannot be used ({why}): let the role own the database, or correct the settings"
    ))
}

/// The writer's session: holds the lock (waited for as long as `grace`), durable, up to date.
pub fn open_writer(url: &str, grace: Duration) -> Result<Conn, OpenError> {
    let mut conn = Conn::Postgres(establish(url)?);
    if !lock::advisory(&mut conn, grace).map_err(refused)? {
        return Err(OpenError(
            "another Chorus serves this PostgreSQL database already: stop it, or name another database in \
             CHORUS_DATABASE_URL"
                .to_owned(),
        ));
    }
    if let Conn::Postgres(raw) = &mut conn {
        raw.run_pending_migrations(MIGRATIONS).map_err(refused)?;
    }
    conn.batch(WRITER).map_err(refused)?;
    // fsync is the server's own setting: without it a commit is a promise that a power cut breaks.
    let fsync = conn.text("current_setting('fsync')", "").map_err(refused)?;
    if fsync.as_deref() != Some("on") {
        tracing::warn!("PostgreSQL runs with fsync = off: accepted calls may be lost when its machine fails");
    }
    Ok(conn)
}

/// A reader's session.
pub fn open_reader(url: &str) -> Result<Conn, String> {
    let mut conn = Conn::Postgres(establish(url).map_err(|e| e.0)?);
    conn.batch(READER).map_err(|f| f.to_string())?;
    Ok(conn)
}

/// Commits a group in one transaction without savepoints (each would cost two round trips). If one member fails, all of
/// it is rolled back and the members run one by one. An error means that nothing was written.
pub fn commit(conn: &mut Conn, group: &[Prepared]) -> Result<Vec<Answer>, Fault> {
    if together(conn, group)? {
        return Ok(group.iter().map(|_| Ok(())).collect());
    }
    let mut lost: Option<Fault> = None;
    let mut answers = Vec::with_capacity(group.len());
    for tx in group {
        let answer = match &lost {
            // Those before it are written: only the rest may be told otherwise.
            Some(fault) => Err(StoreError::Unavailable(fault.to_string())),
            None => alone(conn, tx).unwrap_or_else(|fault| {
                let answer = Err(StoreError::Unavailable(fault.to_string()));
                lost = Some(fault);
                answer
            }),
        };
        answers.push(answer);
    }
    Ok(answers)
}

/// An error: the connection is of no use any more.
fn alone(conn: &mut Conn, tx: &Prepared) -> Result<Answer, Fault> {
    conn.batch("BEGIN")?;
    let answer = run(conn, tx);
    conn.batch(if answer.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    Ok(answer)
}

/// False: rolled back, because of one member at least.
fn together(conn: &mut Conn, group: &[Prepared]) -> Result<bool, Fault> {
    conn.batch("BEGIN")?;
    let all = group.iter().all(|tx| run(conn, tx).is_ok());
    conn.batch(if all { "COMMIT" } else { "ROLLBACK" })?;
    Ok(all)
}
