//! (s) What the process before us left: its tables, its calls, the recordings it had open.

use super::now;
use crate::call::tables::Tables;
use crate::config::Config;
use crate::media::disk::wav;
use crate::sid::RecordingSid;
use crate::sip::transport::Transport;
use crate::sip::transport::local::Local;
use crate::store::tx::Recovered;
use crate::store::{Store, snapshot};
use crate::switch::{Input, Switch};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Tells the switch of all of it, before anything else reaches it.
///
/// # Errors
/// The database cannot be read.
pub(super) async fn recover(
    config: &Config,
    store: &Store,
    transport: &Transport,
    switch: &mut Switch,
    mut found: Recovered,
) -> Result<(), String> {
    load_tables(switch, store, transport).await?;
    let today = crate::switch::usage::midnight(now().wall);
    let talked = store.read(move |r| crate::store::calls::talked(r, today)).await;
    found.talked = talked.map_err(|e| format!("the calls of today could not be read: {e}"))?;
    let recorded = repair(&config.recordings_dir(), &found);
    let faces = Local::new(transport.local_addr(), config.external_ip);
    for binding in &mut found.bindings {
        // Our address may be another one than before.
        binding.flow.local = faces.toward(binding.flow.remote.ip());
    }
    switch.recover(now(), found, &recorded);
    Ok(())
}

async fn load_tables(switch: &mut Switch, store: &Store, transport: &Transport) -> Result<(), String> {
    let s = store.read(snapshot::snapshot).await.map_err(|e| format!("the tables could not be read: {e}"))?;
    for news in transport.set_trunks(&s.trunks) {
        switch.handle(now(), news.into());
    }
    let tables = Tables::of(s);
    switch.handle(now(), Input::Tables(Arc::new(tables)));
    Ok(())
}

/// Recordings that a process before us left open get a right header; how long each is.
fn repair(dir: &Path, found: &Recovered) -> HashMap<RecordingSid, u64> {
    let mut lengths = HashMap::new();
    for row in &found.recordings {
        match wav::repair(&crate::media::disk::path_of(dir, row.sid)) {
            Ok(repaired) => {
                lengths.insert(row.sid, repaired.ms);
            }
            Err(e) => tracing::warn!("the recording {} could not be repaired: {e}", row.sid),
        }
    }
    lengths
}
