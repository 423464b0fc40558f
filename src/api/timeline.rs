//! (s) `/chorus/v1/calls/{Sid}/timeline`: who said what to whom in a call, while it lives and afterwards. Not Twilio's.

use super::live::{Answer, Request};
use super::operation::{Ctx, Outcome};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::CallSid;
use crate::store::{calls, timeline};
use serde_json::json;

/// A timeline.
pub const TIMELINE: Schema = Schema { name: "chorus.v1.call.timeline", element: "Timeline", props: PROPS };

const PROPS: &[Prop] = &[
    always("call_sid", Type::Sid("CA")),
    always("live", Type::Bool),
    // Each has `at` (milliseconds since 1970), `from`, `to` and `what`.
    always("lines", Type::Any),
];

/// GET /chorus/v1/calls/{Sid}/timeline. A live call is asked, of any other the row is read.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (sid, scope) = (ctx.sid("Sid", CallSid::parse)?, ctx.scope()?);
    let call = ctx.read(move |r| calls::get(r, scope, sid)).await?;
    if call.is_none() {
        return Err(ctx.not_found());
    }
    let (live, lines) = match ctx.api.live.ask(Request::Timeline(sid)).await {
        Answer::Timeline(lines) => (true, lines),
        Answer::Busy => return Err(Refusal::unavailable()),
        _ => {
            let row = ctx.read(move |r| timeline::whole(r, scope, sid)).await?;
            (false, row.unwrap_or_default())
        }
    };
    Ok(Outcome::Record(json!({ "call_sid": sid, "live": live, "lines": lines })))
}
