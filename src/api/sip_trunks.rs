//! (s) `/carrier/v1/sip_trunks`: the operator's trunks. Flat JSON or JSON:API comes in, JSON:API goes out (ruling 2.10).

use super::carrier_body::{Given, unprocessable};
use super::live::{Answer, Request};
use super::operation::{Ctx, Outcome};
use super::page::wanted;
use super::params::{ENDPOINT_MAX, Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Schema, Type, always, maybe};
use super::trunk_fields::{Live, TRUNK, show};
use super::trunk_rules::{apply, check, settle};
use super::{call_create, carrier};
use crate::call::target;
use crate::sid::{AccountSid, TrunkSid};
use crate::store::query::Scope;
use crate::store::rows::TrunkRow;
use crate::store::trunks;
use crate::store::tx::{Op, Tx};
use crate::trunk::explain::{Question, Step, refused, yes};
use crate::trunk::normalise;
use serde_json::{Value, json};

/// What the body makes of a row, and a password that was made up for it.
async fn changed(ctx: &Ctx, before: Option<TrunkRow>) -> Result<(TrunkRow, Option<String>), Refusal> {
    let given = Given::of(ctx, &TRUNK)?;
    if given.text("authentication_mode") == Some(None) {
        return Err(unprocessable("A trunk has a mode: it cannot be cleared.").about("authentication_mode"));
    }
    let fresh =
        || TrunkRow { sid: TrunkSid::new(&mut super::rng()), created: ctx.now, ..TrunkRow::default() };
    let mut row = before.clone().unwrap_or_else(fresh);
    apply(&given, &mut row);
    let password = given.text("password");
    // Of a new trunk there is nothing to clear.
    let password = if before.is_none() { password.flatten().map(Some) } else { password };
    let made = settle(before.as_ref(), &mut row, password, &ctx.api.config.realm, &mut super::rng());
    // What else is missing tells more than a missing password.
    check(&row)?;
    let made = made?;
    if let Some(sid) = row.account {
        carrier::account(ctx, sid, "account_sid").await?;
    }
    row.updated = ctx.now;
    Ok((row, made))
}

/// Writes a trunk, and tells the switch of it.
///
/// # Errors
/// 422 where another peer registers under its name.
pub async fn write(ctx: &Ctx, row: &TrunkRow) -> Result<(), Refusal> {
    let tx = Tx::one(Op::PutTrunk(Box::new(row.clone())));
    let taken = |_| unprocessable("Another trunk's peer registers under this username.").about("username");
    ctx.commit_unique(tx, taken).await
}

/// POST /carrier/v1/sip_trunks.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (row, made) = changed(&ctx, None).await?;
    write(&ctx, &row).await?;
    Ok(carrier::document(show(&row, &Live::ask(&ctx).await, made.as_deref())))
}

/// PATCH /carrier/v1/sip_trunks/{Sid}: live calls go on as they began.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let before = find(&ctx).await?;
    let (row, _) = changed(&ctx, Some(before)).await?;
    write(&ctx, &row).await?;
    Ok(carrier::document(show(&row, &Live::ask(&ctx).await, None)))
}

/// GET /carrier/v1/sip_trunks.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let page = wanted(&ctx.params)?;
    let asked = page.clone();
    let listed = ctx.read(move |r| trunks::list(r, Scope::Operator, &asked)).await?;
    let live = Live::ask(&ctx).await;
    Ok(carrier::list(&ctx, &page, &listed, |row| show(row, &live, None)))
}

/// The trunk that the path names.
pub(super) async fn find(ctx: &Ctx) -> Result<TrunkRow, Refusal> {
    let sid = ctx.sid("Sid", TrunkSid::parse)?;
    ctx.read(move |r| trunks::get(r, Scope::Operator, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET /carrier/v1/sip_trunks/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    Ok(carrier::document(show(&row, &Live::ask(&ctx).await, None)))
}

/// Of explain.
pub const EXPLAIN: &[Param] = &[
    param(
        "number",
        Kind::Text(ENDPOINT_MAX),
        "The number as it is dialled; or the Request-URI, whose host may be that of an account's trunk or SIP domain.",
    )
    .required(20001)
    .example("15550000001"),
    param(
        "from",
        Kind::Text(ENDPOINT_MAX),
        "Who calls: as it stands in From of a call that comes in, or From of POST Calls.",
    ),
    param(
        "account_sid",
        Kind::Sid("AC"),
        "Who dials out; by default whose the trunk is, else whose number calls or is called, else the only account.",
    ),
    param("source", Kind::Address, "The address that a call comes from; by default one that may call."),
];

/// An explanation.
pub const EXPLANATION: Schema = Schema {
    name: "carrier.v1.sip_trunk.explanation",
    element: "Explanation",
    props: &[always("inbound", Type::Records(&EXPLAINED)), always("outbound", Type::Records(&EXPLAINED))],
};

/// One step of it; a refusal's with its code.
const EXPLAINED: Schema = Schema {
    name: "carrier.v1.sip_trunk.explained",
    element: "Explained",
    props: &[always("ok", Type::Bool), always("words", Type::Text), maybe("code", Type::Int)],
};

/// One thing that a test has found.
pub const STEP: Schema = Schema {
    name: "carrier.v1.sip_trunk.step",
    element: "Step",
    props: &[always("ok", Type::Bool), always("words", Type::Text)],
};

/// GET /carrier/v1/sip_trunks/{Sid}/explain: the live calls are asked, because they decide. A trunk of an account is explained as well.
pub async fn explain(ctx: Ctx) -> Result<Outcome, Refusal> {
    let trunk = ctx.sid("Sid", TrunkSid::parse)?;
    let number = ctx.params.owned("number").unwrap_or_default();
    let from = ctx.params.owned("from");
    let callee = call_create::callee(&number);
    let question = Question {
        trunk,
        number: number.clone(),
        // What POST Calls does not take a Dial may still dial, as it reads it.
        callee: callee.as_ref().ok().cloned().or_else(|| by_a_dial(&number)),
        from: from.clone(),
        account: ctx.params.text("account_sid").and_then(AccountSid::parse),
        source: ctx.params.text("source").and_then(|source| source.parse().ok()),
    };
    let explained = match ctx.api.live.ask(Request::Explain(Box::new(question))).await {
        Answer::Explained(explained) => *explained,
        Answer::NotLive => return Err(ctx.not_found()),
        _ => return Err(Refusal::unavailable()),
    };
    let outbound = match (callee, explained.account) {
        (Ok(to), Some(account)) => match call_create::at_the_door(&ctx, account, &to, from).await? {
            Some(refusal) => vec![refused(refusal.code, refusal.message)],
            None => explained.outbound,
        },
        (Ok(_), None) => explained.outbound,
        (Err(refusal), _) => dialled_alone(refusal, &number, explained.outbound),
    };
    let steps = |steps: Vec<Step>| -> Vec<Value> {
        steps.into_iter().map(|s| json!({ "ok": s.ok, "words": s.words, "code": s.code })).collect()
    };
    let attributes = json!({ "inbound": steps(explained.inbound), "outbound": steps(outbound) });
    Ok(carrier::document(carrier::resource(&EXPLANATION, trunk, attributes)))
}

/// A number as a Dial reads it, if there is one in it.
fn by_a_dial(number: &str) -> Option<String> {
    let read = target::address(number).is_none().then(|| normalise::dialled(number));
    read.filter(|read| !read.is_empty())
}

/// What POST Calls refuses, and what a Dial makes of it, if it makes anything of it.
fn dialled_alone(refusal: Refusal, number: &str, steps: Vec<Step>) -> Vec<Step> {
    let mut out = vec![refused(refusal.code, refusal.message)];
    if let Some(read) = by_a_dial(number) {
        out.push(yes(format!("POST Calls takes no such To. A Dial reads '{read}', and goes on:")));
        out.extend(steps);
    }
    out
}

/// DELETE /carrier/v1/sip_trunks/{Sid}: live calls go on, new ones are refused.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteTrunk(row.sid))).await?;
    Ok(Outcome::Empty)
}
