//! (s) The recorder behind `/metrics`.

use crate::switch::Counts;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::watch;

/// Installs the recorder once for the process; None if something else installed one.
pub fn recorder() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).clone()
}

/// Pause between two looks at the counts.
const EVERY: Duration = Duration::from_secs(1);

/// Shows what lives as gauges, until the driver is gone.
pub async fn show(mut counts: watch::Receiver<Counts>) {
    while counts.changed().await.is_ok() {
        let c = *counts.borrow_and_update();
        let shown = [
            ("chorus_calls_live", c.calls),
            ("chorus_callbacks_pending", c.outbox),
            ("chorus_rtp_legs", c.ports),
            ("chorus_sip_transactions", c.transactions),
            ("chorus_sip_dialogs", c.dialogs),
            ("chorus_timers", c.timers),
            ("chorus_journal", c.journal),
        ];
        shown.into_iter().for_each(|(name, value)| metrics::gauge!(name).set(value as f64));
        tokio::time::sleep(EVERY).await;
    }
}
