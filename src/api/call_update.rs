//! (s) POST Calls/{Sid}: end a live call, or send it to another document.

use super::calls::{find, show};
use super::command::*;
use super::hooks::given;
use super::operation::{Ctx, Outcome};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;

/// Parameters.
pub const UPDATE: &[Param] = &[
    param(
        "Status",
        Kind::OneOf(&["canceled", "completed"]),
        "canceled: only before the answer; completed: always.",
    )
    .example("completed"),
    param("Url", Kind::TwimlUrl, "Where the next TwiML is.").bad(21205),
    param("Method", Kind::Method, "How Url is requested; POST by default.").bad(21209),
    param("Twiml", Kind::Twiml, "The next TwiML itself; not together with Url.").bad(32018),
    param("FallbackUrl", Kind::TwimlUrl, "Where the TwiML is if Url fails.").bad(21205),
    param("FallbackMethod", Kind::Method, "How FallbackUrl is requested.").bad(21209),
    param("StatusCallback", Kind::Url, "Where the call's progress is told from now on.").bad(21205),
    param("StatusCallbackMethod", Kind::Method, "How StatusCallback is requested.").bad(21209),
    param("TimeLimit", Kind::Int(1, super::call_create::TIME_LIMIT_MAX_S as i64), "Seconds it may last."),
];

fn wish(ctx: &Ctx) -> Result<CallUpdate, Refusal> {
    let p = &ctx.params;
    let document = match (given(p, "Url", "Method"), p.owned("Twiml")) {
        (Some(_), Some(_)) => return Err(Refusal::new(20001, "Give Url or Twiml, not both.")),
        (Some(hook), None) => Some(Document::Fetch(hook)),
        (None, Some(twiml)) => Some(Document::Inline(twiml)),
        (None, None) => None,
    };
    let end = p.text("Status").map(|s| if s == "canceled" { EndWish::Canceled } else { EndWish::Completed });
    if end.is_some() && document.is_some() {
        return Err(Refusal::new(20001, "Give Status, or Url or Twiml, not both."));
    }
    Ok(CallUpdate {
        end,
        document,
        fallback: given(p, "FallbackUrl", "FallbackMethod"),
        status_callback: given(p, "StatusCallback", "StatusCallbackMethod"),
        time_limit_s: p.int("TimeLimit").and_then(|n| u32::try_from(n).ok()),
    })
}

/// POST Calls/{Sid}. Without parameters it shows the call.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx, "Sid").await?;
    let wish = wish(&ctx)?;
    if wish == CallUpdate::default() {
        return Ok(Outcome::Record(show(&row)));
    }
    let over = match wish.end {
        Some(_) => "Call is not in-progress. Cannot end it.",
        None => "Call is not in-progress. Cannot redirect.",
    };
    if row.status.is_final() {
        return Err(Refusal::new(21220, over));
    }
    match ctx.api.live.ask(Request::Update(row.sid, Box::new(wish))).await {
        Answer::Call(row) => Ok(Outcome::Record(show(&row))),
        Answer::NotLive => Err(Refusal::new(21220, over)),
        Answer::Refused { code, words } => Err(Refusal::new(code, words)),
        _ => Err(Refusal::unavailable()),
    }
}
