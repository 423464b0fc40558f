//! (s) `/carrier/v1/accounts`: the operator's accounts, main ones and their subaccounts. None is deleted, because calls and recordings
//! are its: it is closed.

use super::accounts::{self as v2010, CHILDREN_MAX, STATUSES};
use super::carrier;
use super::carrier_body::{Given, unprocessable};
use super::carrier_rules;
use super::operation::{Ctx, Outcome};
use super::page::wanted;
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Schema, Type, always, maybe};
use crate::sid::AccountSid;
use crate::store::Page;
use crate::store::accounts::{self, AccountFilter};
use crate::store::query::Scope;
use crate::store::rows::AccountRow;
use crate::store::tx::{Op, Tx};
use serde_json::{Value, json};

const NAME: Param = param("name", Kind::Text(64), "Name.").example("Shop");

/// Filters of the list.
pub const FILTERS: &[Param] = &[
    param("name", Kind::Text(64), "Only those with exactly this name."),
    param("status", Kind::OneOf(STATUSES), "Only those in this state."),
];

macro_rules! fields {
    ($($first:expr,)*) => {
        &[
            $($first,)*
            param("calls_per_second", Kind::Int(0, 10_000), "Calls of the REST API that are dialled in a second, the others wait; 0: as many as come; 1 by default."),
            param("allowed_calling_codes", Kind::Prefixes, "Calling codes that it may dial beside that of its own country; of the islands of the North American plan 1 and the area."),
            param("all_countries", Kind::Bool, "It may dial every country; false by default."),
            param("max_concurrent_calls", Kind::Int(1, 1_000_000), "Calls at a time; as many as there are by default."),
            param("max_minutes_per_day", Kind::Int(1, 100_000_000), "Minutes of talk in a day (UTC), all calls together; no end by default."),
        ]
    };
}

/// Attributes of create.
pub const CREATE: &[Param] = fields! {
    NAME,
    param("parent_account_sid", Kind::Sid("AC"), "Main account of which it is a subaccount; none by default."),
};

/// Attributes of update.
pub const UPDATE: &[Param] = fields! {
    NAME,
    param("status", Kind::OneOf(STATUSES), "State: suspended can be undone, by the operator alone, closed cannot. It holds for the subaccounts too."),
};

macro_rules! props {
    ($($last:expr,)*) => {
        &[
            always("name", Type::Text),
            always("status", Type::OneOf(STATUSES)),
            maybe("parent_account_sid", Type::Sid("AC")),
            always("calls_per_second", Type::Int),
            always("allowed_calling_codes", Type::Texts),
            always("all_countries", Type::Bool),
            maybe("home_calling_code", Type::Text),
            maybe("max_concurrent_calls", Type::Int),
            maybe("max_minutes_per_day", Type::Int),
            always("created_at", Type::Text),
            always("updated_at", Type::Text),
            $($last,)*
        ]
    };
}

/// An account.
pub const ACCOUNT: Schema = Schema { name: "carrier.v1.account", element: "Account", props: props!() };
/// The same when it is made.
pub const CREATED: Schema = Schema {
    name: "carrier.v1.account.created",
    element: "Account",
    props: props!(always("auth_token", Type::Text),),
};

/// As a JSON:API resource. The token of its requests and signatures stands in the answer to its making alone.
fn show(row: &AccountRow, token: Option<&str>) -> Value {
    let mut attributes = json!({
        "name": row.friendly_name,
        "status": row.status,
        "parent_account_sid": (!row.is_main()).then_some(row.owner),
        "created_at": row.created.iso8601(),
        "updated_at": row.updated.iso8601(),
    });
    if let Some(all) = attributes.as_object_mut() {
        all.extend(carrier_rules::show(&row.rules));
    }
    if let (Some(token), Some(all)) = (token, attributes.as_object_mut()) {
        all.insert("auth_token".to_owned(), json!(token));
    }
    carrier::resource(&ACCOUNT, row.sid, attributes)
}

/// GET /carrier/v1/accounts.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let page = wanted(&ctx.params)?;
    let filter =
        AccountFilter { friendly_name: ctx.params.owned("name"), status: ctx.params.owned("status") };
    let asked = page.clone();
    let listed = ctx.read(move |r| accounts::list(r, Scope::Operator, &filter, &asked)).await?;
    Ok(carrier::list(&ctx, &page, &listed, |row| show(row, None)))
}

async fn find(ctx: &Ctx) -> Result<AccountRow, Refusal> {
    let sid = ctx.sid("Sid", AccountSid::parse)?;
    ctx.read(move |r| accounts::get(r, Scope::Operator, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET /carrier/v1/accounts/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(carrier::document(show(&find(&ctx).await?, None)))
}

/// POST /carrier/v1/accounts.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let given = Given::of(&ctx, &ACCOUNT)?;
    let parent = given.text("parent_account_sid").flatten().as_deref().and_then(AccountSid::parse);
    let parent = match parent {
        Some(parent) => Some(may_have_children(&ctx, parent).await?),
        None => None,
    };
    let mut row = v2010::fresh(parent.as_ref(), given.text("name").flatten(), ctx.now, &mut super::rng());
    carrier_rules::apply(&given, &mut row.rules)?;
    ctx.commit_tables(Tx::one(Op::PutAccount(Box::new(row.clone())))).await?;
    Ok(carrier::document(show(&row, Some(&row.auth_token))))
}

/// One level only, and so many of one account.
async fn may_have_children(ctx: &Ctx, parent: AccountSid) -> Result<AccountRow, Refusal> {
    const NAME: &str = "parent_account_sid";
    let row = carrier::account(ctx, parent, NAME).await?;
    if !row.is_main() {
        return Err(unprocessable("A subaccount has no subaccounts.").about(NAME));
    }
    let (scope, all) = (Scope::WithChildren(parent), Page::first(CHILDREN_MAX));
    let family = ctx.read(move |r| accounts::list(r, scope, &AccountFilter::default(), &all)).await?;
    match family.next {
        Some(_) => Err(unprocessable(format!("It has {CHILDREN_MAX} subaccounts already.")).about(NAME)),
        None => Ok(row),
    }
}

/// PATCH /carrier/v1/accounts/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx).await?;
    let given = Given::of(&ctx, &ACCOUNT)?;
    if let Some(name) = given.text("name") {
        row.friendly_name = name.unwrap_or_default();
    }
    if let Some(status) = given.text("status") {
        let status = status.ok_or_else(|| unprocessable("An account has a state.").about("status"))?;
        if row.status == "closed" && status != "closed" {
            return Err(unprocessable("A closed account stays closed.").about("status"));
        }
        row.held = status == "suspended";
        row.status = status;
    }
    carrier_rules::apply(&given, &mut row.rules)?;
    row.touch(ctx.now);
    ctx.commit_tables(Tx::one(Op::PutAccount(Box::new(row.clone())))).await?;
    Ok(carrier::document(show(&row, None)))
}
