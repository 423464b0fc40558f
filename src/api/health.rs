//! (s) `/healthz` says that the process lives, `/readyz` whether it can take calls, `/metrics` what it counts.

use super::operation::{Ctx, Outcome};
use super::refusal::Refusal;

const TEXT: &str = "text/plain; charset=utf-8";

/// GET /healthz.
pub async fn alive(_: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Text(TEXT, "ok\n".to_string()))
}

/// GET /readyz: 503 with the reason while the server cannot take calls.
pub async fn ready(ctx: Ctx) -> Result<Outcome, Refusal> {
    match (ctx.api.ready)() {
        Ok(()) => Ok(Outcome::Text(TEXT, "ready\n".to_string())),
        Err(why) => Err(Refusal::new(20503, why)),
    }
}

/// GET /metrics, in Prometheus' text form.
pub async fn metrics(ctx: Ctx) -> Result<Outcome, Refusal> {
    match &ctx.api.metrics {
        Some(handle) => Ok(Outcome::Text("text/plain; version=0.0.4; charset=utf-8", handle.render())),
        None => Err(ctx.not_found()),
    }
}
