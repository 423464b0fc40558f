//! (s) What every resource of the operator's API shares: how a JSON:API resource and a list of them look, and whom an `account_sid`
//! may name.

use super::carrier_body::unprocessable;
use super::form;
use super::operation::{Ctx, Outcome};
use super::refusal::Refusal;
use super::schema::Schema;
use crate::sid::AccountSid;
use crate::store::accounts;
use crate::store::page::{Listed, Page};
use crate::store::query::Scope;
use crate::store::rows::AccountRow;
use serde_json::{Value, json};
use std::fmt::Display;

/// A JSON:API resource.
pub fn resource(schema: &Schema, id: impl Display, attributes: Value) -> Value {
    json!({ "id": id.to_string(), "type": schema.kind(), "attributes": attributes })
}

/// A document with one of them.
pub fn document(resource: Value) -> Outcome {
    Outcome::Record(json!({ "data": resource }))
}

/// A page of them; its link repeats the filters.
pub fn list<T>(ctx: &Ctx, page: &Page, listed: &Listed<T>, show: impl Fn(&T) -> Value) -> Outcome {
    let data: Vec<Value> = listed.rows.iter().map(show).collect();
    Outcome::Record(json!({ "data": data, "links": { "next": next(ctx, page, listed) } }))
}

/// The path of the next page.
pub fn next<T>(ctx: &Ctx, page: &Page, listed: &Listed<T>) -> Option<String> {
    let cursor = listed.next.as_ref()?;
    let mut link = format!("{}?", ctx.path);
    for (name, value) in &ctx.filters {
        link.push_str(&format!("{}={}&", form::encode(name), form::encode(value)));
    }
    let (size, number) = (page.size, page.number.saturating_add(1));
    Some(format!("{link}PageSize={size}&Page={number}&PageToken={cursor}"))
}

/// The account that an attribute names.
///
/// # Errors
/// 422 about that attribute if there is none.
pub async fn account(ctx: &Ctx, sid: AccountSid, attribute: &'static str) -> Result<AccountRow, Refusal> {
    let row = ctx.read(move |r| accounts::get(r, Scope::Operator, sid)).await?;
    row.ok_or_else(|| unprocessable("There is no such account.").about(attribute))
}
