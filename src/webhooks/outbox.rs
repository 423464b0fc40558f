//! (s) One round of delivery: what [`super::schedule::Schedule::poll`] gave, performed, and what to hand to `done`. The driver spawns
//! it; a task that is dropped (crash, shutdown) was no try.

use super::fetch::Fetcher;
use super::request::FetchRequest;
use super::schedule::RoundResult;
use crate::store::rows::OutboxId;
use crate::telemetry::redact;
use std::sync::Arc;

/// Makes the request with its own retries (`rc`, `rp`), within its total time.
pub async fn round(fetcher: Arc<Fetcher>, id: OutboxId, request: FetchRequest) -> (OutboxId, RoundResult) {
    let started = std::time::Instant::now();
    let call = request.call;
    let result: RoundResult = fetcher.fetch(request).await.into();
    let ms = started.elapsed().as_millis();
    match &result {
        RoundResult::Delivered { status } => tracing::debug!(?call, status, ms, "callback delivered"),
        RoundResult::Failed { code, words, .. } => {
            tracing::info!(?call, code, ms, "callback failed: {}", redact::line(words))
        }
    }
    (id, result)
}
