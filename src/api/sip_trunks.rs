//! (s) `/carrier/v1/sip_trunks`: the operator's trunks. Flat JSON or JSON:API comes in, JSON:API goes out (ruling 2.10).

use super::carrier;
use super::carrier_body::{Given, unprocessable};
use super::operation::{Ctx, Outcome};
use super::page::wanted;
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Schema, Type, always};
use super::trunk_fields::{Live, TRUNK, show};
use super::trunk_rules::{apply, check, settle};
use crate::sid::{AccountSid, TrunkSid};
use crate::store::query::Scope;
use crate::store::rows::TrunkRow;
use crate::store::tx::{Op, Tx};
use crate::store::{snapshot, trunks};
use crate::trunk::Snapshot;
use crate::trunk::explain::{self, Step};
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
    param("number", Kind::Text(64), "The number as it is dialled.").required(20001).example("15550000001"),
    param("from", Kind::Text(64), "The caller as it stands in From."),
    param(
        "account_sid",
        Kind::Sid("AC"),
        "Who dials out; the trunk's account by default, else the number's.",
    ),
];

/// An explanation.
pub const EXPLANATION: Schema = Schema {
    name: "carrier.v1.sip_trunk.explanation",
    element: "Explanation",
    props: &[always("inbound", Type::Records(&STEP)), always("outbound", Type::Records(&STEP))],
};

/// One step of it.
pub const STEP: Schema = Schema {
    name: "carrier.v1.sip_trunk.step",
    element: "Step",
    props: &[always("ok", Type::Bool), always("words", Type::Text)],
};

/// GET /carrier/v1/sip_trunks/{Sid}/explain.
pub async fn explain(ctx: Ctx) -> Result<Outcome, Refusal> {
    let trunk = find(&ctx).await?;
    let all = ctx.read(snapshot::snapshot).await?;
    let tables = Snapshot::new(all.trunks, all.numbers);
    let number = ctx.params.text("number").unwrap_or_default();
    let account = ctx.params.text("account_sid").and_then(AccountSid::parse).or(trunk.account);
    let account = account.or_else(|| tables.number_on(&[trunk.sid], number).map(|n| n.account));
    let steps = |steps: Vec<Step>| -> Vec<Value> {
        steps.into_iter().map(|s| json!({ "ok": s.ok, "words": s.words })).collect()
    };
    let inbound = explain::inbound(&tables, &trunk, number, ctx.params.text("from"));
    let outbound = explain::outbound(&tables, &trunk, number, account.unwrap_or_default());
    let attributes = json!({ "inbound": steps(inbound), "outbound": steps(outbound) });
    Ok(carrier::document(carrier::resource(&EXPLANATION, trunk.sid, attributes)))
}

/// DELETE /carrier/v1/sip_trunks/{Sid}: live calls go on, new ones are refused.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteTrunk(row.sid))).await?;
    Ok(Outcome::Empty)
}
