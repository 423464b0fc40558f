//! (s) `/chorus/v1/calls/{Sid}/timeline`: who said what to whom in a call, while it lives and afterwards. Not Twilio's.

use super::live::{Answer, Request};
use super::operation::{Ctx, Outcome};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::CallSid;
use crate::store::query::Scope;
use crate::store::{calls, timeline};
use crate::telemetry::ladder::PARTIES;
use serde_json::json;

/// One line of it.
pub const LINE: Schema = Schema { name: "chorus.v1.call.timeline.line", element: "Line", props: LINE_PROPS };

const LINE_PROPS: &[Prop] = &[
    // Milliseconds since 1970.
    always("at", Type::Int),
    always("from", Type::OneOf(&PARTIES)),
    always("to", Type::OneOf(&PARTIES)),
    always("what", Type::Text),
];

/// A timeline.
pub const TIMELINE: Schema = Schema { name: "chorus.v1.call.timeline", element: "Timeline", props: PROPS };

const PROPS: &[Prop] =
    &[always("call_sid", Type::Sid("CA")), always("live", Type::Bool), always("lines", Type::Records(&LINE))];

/// GET /chorus/v1/calls/{Sid}/timeline, also by the parent of the call's account. A live call is asked, of any other the row is read.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (sid, scope) = (ctx.sid("Sid", CallSid::parse)?, Scope::WithChildren(ctx.account()?.sid));
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
