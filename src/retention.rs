//! (s) The job that lets old recordings, notifications and callbacks go, once an hour.

use crate::clock::Now;
use crate::config::Config;
use crate::store::retention::{Retention, SWEEP_EVERY};
use crate::store::{Store, sweep};
use std::time::Duration;

fn age(days: u32) -> Option<Duration> {
    (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400))
}

/// Never ends.
pub async fn run(store: Store, config: Config, now: fn() -> Now) {
    let keep = Retention {
        recordings: age(config.keep_recordings_days),
        notifications: age(config.keep_notifications_days),
        outbox: age(config.keep_outbox_days),
    };
    let dir = config.recordings_dir();
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(e) = sweep::sweep(&store, now().wall, keep, &dir).await {
            tracing::error!("old rows could not be deleted: {e}");
        }
    }
}
