//! (s) `/carrier/v1/sip_trunks`: the operator's trunks. Flat JSON or JSON:API comes in, JSON:API goes out (ruling 2.10).

use super::operation::{Ctx, Outcome, unavailable};
use super::page::wanted;
use super::refusal::Refusal;
use super::trunk_body::{Given, unprocessable};
use super::trunk_fields::{Live, show};
use super::trunk_rules::{apply, check, settle};
use crate::sid::TrunkSid;
use crate::store::query::Scope;
use crate::store::rows::TrunkRow;
use crate::store::tx::{Op, StoreError, Tx};
use crate::store::{accounts, trunks};
use serde_json::{Value, json};

/// What the body makes of a row, and a password that was made up for it.
async fn changed(ctx: &Ctx, before: Option<TrunkRow>) -> Result<(TrunkRow, Option<String>), Refusal> {
    let given = Given::read(ctx.operation.id, ctx.operation.params, &ctx.body)?;
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
    if let Some(sid) = row.account
        && ctx.read(move |r| accounts::get(r, Scope::Operator, sid)).await?.is_none()
    {
        return Err(unprocessable("There is no such account.").about("account_sid"));
    }
    row.updated = ctx.now;
    Ok((row, made))
}

async fn write(ctx: &Ctx, row: &TrunkRow) -> Result<(), Refusal> {
    let tx = Tx::one(Op::PutTrunk(Box::new(row.clone())));
    match ctx.api.store.commit(tx).await {
        Ok(()) => {
            ctx.api.tables_changed().await;
            Ok(())
        }
        Err(StoreError::Duplicate(_)) => {
            Err(unprocessable("Another trunk's peer registers under this username.").about("username"))
        }
        Err(e) => Err(unavailable(&e)),
    }
}

/// POST /carrier/v1/sip_trunks.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (row, made) = changed(&ctx, None).await?;
    write(&ctx, &row).await?;
    Ok(Outcome::Record(json!({ "data": show(&row, &Live::ask(&ctx).await, made.as_deref()) })))
}

/// PATCH /carrier/v1/sip_trunks/{Sid}: live calls go on as they began.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let before = find(&ctx).await?;
    let (row, _) = changed(&ctx, Some(before)).await?;
    write(&ctx, &row).await?;
    Ok(Outcome::Record(json!({ "data": show(&row, &Live::ask(&ctx).await, None) })))
}

/// GET /carrier/v1/sip_trunks.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let page = wanted(&ctx.params)?;
    let asked = page.clone();
    let listed = ctx.read(move |r| trunks::list(r, Scope::Operator, &asked)).await?;
    let live = Live::ask(&ctx).await;
    let data: Vec<Value> = listed.rows.iter().map(|row| show(row, &live, None)).collect();
    let next = listed.next.map(|c| {
        let number = page.number.saturating_add(1);
        format!("{}?PageSize={}&Page={number}&PageToken={c}", ctx.path, page.size)
    });
    Ok(Outcome::Record(json!({ "data": data, "links": { "next": next } })))
}

async fn find(ctx: &Ctx) -> Result<TrunkRow, Refusal> {
    let sid = ctx.sid("Sid", TrunkSid::parse)?;
    ctx.read(move |r| trunks::get(r, Scope::Operator, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET /carrier/v1/sip_trunks/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    Ok(Outcome::Record(json!({ "data": show(&row, &Live::ask(&ctx).await, None) })))
}

/// DELETE /carrier/v1/sip_trunks/{Sid}: live calls go on, new ones are refused.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteTrunk(row.sid))).await?;
    Ok(Outcome::Empty)
}
