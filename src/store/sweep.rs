//! (s)
//! The job of retention: deletes what is due, in small transactions, until nothing is.

use super::handle::Store;
use super::retention::{Retention, due};
use super::tx::StoreError;
use crate::clock::Wall;
use std::path::{Component, Path};

/// Deletes everything that has reached its age; the number of rows. `folder` is where recordings lie.
pub async fn sweep(store: &Store, now: Wall, keep: Retention, folder: &Path) -> Result<usize, StoreError> {
    let mut gone = 0_usize;
    loop {
        let due = store.read(move |r| due(r, now, &keep)).await?;
        if due.tx.ops.is_empty() {
            return Ok(gone);
        }
        for file in &due.files {
            remove(folder, file).await?;
        }
        gone = gone.saturating_add(due.tx.ops.len());
        store.commit(due.tx).await?;
    }
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
