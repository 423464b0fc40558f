//! (s) Accounts: list, create below the main one, fetch, update.

use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::clock::Wall;
use crate::rng::Rng;
use crate::sid::AccountSid;
use crate::store::Page;
use crate::store::account_rules::AccountRules;
use crate::store::accounts::{self, AccountFilter};
use crate::store::query::{PAGE_MAX, Scope};
use crate::store::rows::AccountRow;
use crate::store::tx::{Op, Tx};
use serde_json::{Value, json};

/// States of an account.
pub const STATUSES: &[&str] = &["active", "suspended", "closed"];

/// Filters of the list.
pub const FILTERS: &[Param] = &[
    param("FriendlyName", Kind::Text(64), "Only those with exactly this name.").example("Main"),
    param("Status", Kind::OneOf(STATUSES), "Only those in this state.").example("active"),
];

/// Parameters of create.
pub const CREATE: &[Param] = &[param("FriendlyName", Kind::Text(64), "Name.").bad(20002).example("Shop")];

/// Subaccounts of one account at most.
pub const CHILDREN_MAX: u32 = PAGE_MAX;

/// Parameters of update.
pub const UPDATE: &[Param] = &[
    param("FriendlyName", Kind::Text(64), "Name.").bad(20002).example("Main"),
    param("Status", Kind::OneOf(STATUSES), "State of a subaccount; closed is for good.").bad(21475),
];

/// An account.
pub const ACCOUNT: Schema = Schema { name: "api.v2010.account", element: "Account", props: PROPS };

const PROPS: &[Prop] = &[
    always("auth_token", Type::Text),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("friendly_name", Type::Text),
    always("owner_account_sid", Type::Sid("AC")),
    always("sid", Type::Sid("AC")),
    always("status", Type::OneOf(STATUSES)),
    always("subresource_uris", Type::Map),
    always("type", Type::OneOf(&["Trial", "Full"])),
    always("uri", Type::Text),
];

/// An account as a record. Its token is shown, as Twilio does, to whoever holds it or its parent's.
pub fn show(row: &AccountRow) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}", row.sid);
    let below = |name: &str| json!(format!("{uri}/{name}.json"));
    json!({
        "auth_token": row.auth_token,
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "friendly_name": row.friendly_name,
        "owner_account_sid": row.owner,
        "sid": row.sid,
        "status": row.status,
        "subresource_uris": {
            "applications": below("Applications"),
            "calls": below("Calls"),
            "incoming_phone_numbers": below("IncomingPhoneNumbers"),
            "keys": below("Keys"),
            "notifications": below("Notifications"),
            "recordings": below("Recordings"),
        },
        "type": "Full",
        "uri": format!("{uri}.json"),
    })
}

/// GET Accounts: the caller's own and its subaccounts.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (Scope::WithChildren(ctx.account()?.sid), wanted(&ctx.params)?);
    let filter =
        AccountFilter { friendly_name: ctx.params.owned("FriendlyName"), status: ctx.params.owned("Status") };
    let asked = page.clone();
    let listed = ctx.read(move |r| accounts::list(r, scope, &filter, &asked)).await?;
    let envelope = Envelope { key: "accounts", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

/// POST Accounts: a subaccount of the caller's own account; one level only.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let parent = ctx.account()?;
    if !parent.is_main() {
        return Err(Refusal::plain(21101));
    }
    let (scope, all) = (Scope::WithChildren(parent.sid), Page::first(CHILDREN_MAX));
    let family = ctx.read(move |r| accounts::list(r, scope, &AccountFilter::default(), &all)).await?;
    // The page holds the parent too: one more than the page is one child too many.
    if family.next.is_some() {
        return Err(Refusal::plain(21480));
    }
    let row = fresh(Some(parent), ctx.params.owned("FriendlyName"), ctx.now, &mut super::rng());
    ctx.commit_tables(Tx::one(Op::PutAccount(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// A new account: a main one, or of its parent, whose rules it takes over. The country of a subaccount is its main account's.
pub fn fresh(parent: Option<&AccountRow>, name: Option<String>, now: Wall, rng: &mut Rng) -> AccountRow {
    let sid = AccountSid::new(rng);
    let what = if parent.is_some() { "SubAccount" } else { "Account" };
    AccountRow {
        sid,
        owner: parent.map_or(sid, |parent| parent.sid),
        friendly_name: name.unwrap_or_else(|| format!("{what} Created at {}", now.rfc2822())),
        status: "active".to_string(),
        held: false,
        auth_token: rng.hex(32),
        rules: parent.map_or_else(AccountRules::of_new, |parent| parent.rules.for_child()),
        revision: 0,
        created: now,
        updated: now,
    }
}

/// GET Accounts/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(ctx.account()?)))
}

/// POST Accounts/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = ctx.account()?.clone();
    if let Some(name) = ctx.params.field("FriendlyName") {
        row.friendly_name = name.to_string();
    }
    if let Some(status) = ctx.params.text("Status") {
        if status != row.status {
            let refused = match () {
                () if row.is_main() => Some(21477),
                () if row.status == "closed" => Some(21479),
                () if row.held => Some(21478),
                () => None,
            };
            if let Some(code) = refused {
                return Err(Refusal::plain(code));
            }
        }
        row.status = status.to_string();
    }
    row.touch(ctx.now);
    ctx.commit_tables(Tx::one(Op::PutAccount(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}
