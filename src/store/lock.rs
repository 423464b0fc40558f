//! (s)
//! The lock that keeps a second server out: two writers would each believe that a call is theirs.

use super::conn::{Conn, Fault};
use super::handle::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The number of PostgreSQL's advisory lock: `CHORUS` in ASCII. Such locks belong to one database.
const ADVISORY: i64 = 0x4348_4f52_5553;
/// A server that was killed a moment ago may hold its PostgreSQL session this long: its socket is closed, but the
/// server's process has not noticed.
pub const GRACE: Duration = Duration::from_secs(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// A locked file beside the database. The kernel frees it when the process ends in whatever way.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// Where the lock of a database file lies.
pub fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl FileLock {
    /// Takes the lock of a database file, or says who is in the way.
    pub fn take(database: &Path) -> Result<FileLock, OpenError> {
        let path = beside(database);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|e| {
            OpenError(format!(
                "{} cannot be written ({e}): make its folder writable for Chorus",
                path.display()
            ))
        })?;
        match file.try_lock() {
            Ok(()) => Ok(FileLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError(format!(
                "another Chorus serves {} already (it holds {}): stop it, or give this one its own CHORUS_DATA_DIR",
                database.display(),
                path.display()
            ))),
            Err(TryLockError::Error(e)) => Err(OpenError(format!(
                "{} cannot be locked ({e}): put the database on a file system with locks",
                path.display()
            ))),
        }
    }
}

/// Takes PostgreSQL's lock for this session. False: another session held it for as long as `grace`.
pub fn advisory(conn: &mut Conn, grace: Duration) -> Result<bool, Fault> {
    let began = Instant::now();
    loop {
        let got = conn.text(&format!("CAST(pg_try_advisory_lock({ADVISORY}) AS TEXT)"), "")?;
        if got.as_deref() == Some("true") {
            return Ok(true);
        }
        if began.elapsed() >= grace {
            return Ok(false);
        }
        std::thread::sleep(PAUSE);
    }
}
