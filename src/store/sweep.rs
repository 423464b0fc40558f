//! (s)
//! The job of retention: deletes what is due, in small transactions, until nothing is.

use super::handle::Store;
use super::query::Scope;
use super::recordings;
use super::retention::{Retention, due, limit};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::RecordingSid;
use std::io;
use std::path::{Component, Path};
use std::time::UNIX_EPOCH;

/// Deletes everything that has reached its age; the number of rows and of files without a row. `folder` is where recordings lie.
///
/// # Errors
/// The database is away, or a file cannot be deleted: the rest is for the next time.
pub async fn sweep(store: &Store, now: Wall, keep: Retention, folder: &Path) -> Result<usize, StoreError> {
    let mut gone = 0_usize;
    loop {
        let due = store.read(move |r| due(r, now, &keep)).await?;
        if due.tx.ops.is_empty() {
            let Some(age) = keep.recordings else { return Ok(gone) };
            return Ok(gone.saturating_add(strays(store, limit(now, age), folder).await?));
        }
        for file in &due.files {
            remove(folder, file).await?;
        }
        gone = gone.saturating_add(due.tx.ops.len());
        store.commit(due.tx).await?;
    }
}

/// A kill between the file of a recording and its row, or between their ends, leaves a file that nobody can ask for. It leaves at
/// the age of a recording, not at once: the database may be one that was restored from before it.
async fn strays(store: &Store, until: Wall, folder: &Path) -> Result<usize, StoreError> {
    let unread = |e: io::Error| StoreError::Unavailable(format!("the recordings cannot be listed: {e}"));
    let mut gone = 0_usize;
    let mut files = match tokio::fs::read_dir(folder).await {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        files => files.map_err(unread)?,
    };
    while let Some(file) = files.next_entry().await.map_err(unread)? {
        let name = file.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some(sid) = name.strip_suffix(".wav").and_then(RecordingSid::parse) else { continue };
        // Gone since it was listed: its user deleted it.
        let Ok(written) = file.metadata().await.and_then(|m| m.modified()) else { continue };
        let written = written.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        if i64::try_from(written).is_ok_and(|ms| ms <= until.0)
            && store.read(move |r| recordings::get(r, Scope::Operator, sid)).await?.is_none()
        {
            remove(folder, name).await?;
            gone = gone.saturating_add(1);
            tracing::warn!(recording = %sid, "the file of a recording that has no row was deleted");
        }
    }
    Ok(gone)
}

/// A file that is gone already is as it should be. A name that leaves the folder is none of ours.
async fn remove(folder: &Path, file: &str) -> Result<(), StoreError> {
    let inside = Path::new(file).components().all(|c| matches!(c, Component::Normal(_)));
    if !inside || file.is_empty() {
        tracing::error!("a recording's row names a file outside of the folder: the file is left alone");
        return Ok(());
    }
    match tokio::fs::remove_file(folder.join(file)).await {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Unavailable(format!("the recording {file} cannot be deleted: {e}")))
        }
        _ => Ok(()),
    }
}
