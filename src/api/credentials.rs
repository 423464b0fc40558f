//! (s) SIP/CredentialLists/{CredentialListSid}/Credentials: users with passwords, of which only hashes are kept.

use super::credential_lists::find as find_list;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use super::trunk_rules::is_user;
use crate::sid::{CredentialListSid, CredentialSid};
use crate::sip::digest::server::ha1;
use crate::store::rows::CredentialRow;
use crate::store::tx::{Op, Tx};
use crate::store::{Page, sip_lists};
use serde_json::{Value, json};

/// Credentials of a list.
const CREDENTIALS_MAX: u32 = 1_000; // Twilio 21242
/// Characters of a username.
const USERNAME_MAX: usize = 32;

/// Parameters of create.
pub const CREATE: &[Param] = &[
    param("Username", Kind::Token(USERNAME_MAX), "The digest's user; unique in its list.")
        .required(21243)
        .bad(21243)
        .example("alice"),
    PASSWORD.required(21243),
];

/// Parameters of update.
pub const UPDATE: &[Param] = &[PASSWORD];

const PASSWORD: Param = param(
    "Password",
    Kind::Password,
    "At least 12 characters with a digit, an upper and a lower case letter. Never returned.",
)
.bad(21243)
.example("Sufficiently1Long");

/// A credential.
pub const CREDENTIAL: Schema = Schema {
    name: "api.v2010.account.sip.sip_credential_list.sip_credential",
    element: "Credential",
    props: PROPS,
};

const PROPS: &[Prop] = &[
    always("sid", Type::Sid("CR")),
    always("account_sid", Type::Sid("AC")),
    always("credential_list_sid", Type::Sid("CL")),
    always("username", Type::Text),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("uri", Type::Text),
];

/// A credential as a record.
pub fn show(row: &CredentialRow) -> Value {
    let list = format!("/2010-04-01/Accounts/{}/SIP/CredentialLists/{}", row.account, row.list);
    json!({
        "sid": row.sid,
        "account_sid": row.account,
        "credential_list_sid": row.list,
        "username": row.username,
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "uri": format!("{list}/Credentials/{}.json", row.sid),
    })
}

/// GET Credentials.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (ctx.scope()?, wanted(&ctx.params)?);
    let (list, asked) = (find_list(&ctx, "CredentialListSid").await?.sid, page.clone());
    let listed = ctx.read(move |r| sip_lists::credentials(r, scope, list, &asked)).await?;
    let envelope = Envelope { key: "credentials", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

async fn find(ctx: &Ctx) -> Result<CredentialRow, Refusal> {
    let list = ctx.sid("CredentialListSid", CredentialListSid::parse)?;
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", CredentialSid::parse)?);
    ctx.read(move |r| sip_lists::credential(r, scope, list, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET Credentials/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx).await?)))
}

/// POST Credentials.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, list) = (ctx.scope()?, find_list(&ctx, "CredentialListSid").await?.sid);
    let username = ctx.params.owned("Username").unwrap_or_default();
    if !is_user(&username) {
        let words = "Username: letters, digits and - _ . ! ~ * ' + alone are expected.";
        return Err(Refusal::new(21243, words));
    }
    let have =
        ctx.read(move |r| sip_lists::credentials(r, scope, list, &Page::first(CREDENTIALS_MAX))).await?;
    if have.rows.len() as u64 >= u64::from(CREDENTIALS_MAX) {
        return Err(Refusal::new(21242, format!("A list has at most {CREDENTIALS_MAX} credentials.")));
    }
    let password = ctx.params.text("Password").unwrap_or_default();
    let row = CredentialRow {
        sid: CredentialSid::new(&mut super::rng()),
        account: ctx.account()?.sid,
        list,
        ha1: ha1(&username, &ctx.api.config.realm, password),
        username,
        created: ctx.now,
        updated: ctx.now,
    };
    let taken = |_| Refusal::new(21243, format!("Username: the list has '{}' already.", row.username));
    ctx.commit_unique(Tx::one(Op::PutCredential(Box::new(row.clone()))), taken).await?;
    Ok(Outcome::Record(show(&row)))
}

/// POST Credentials/{Sid}: another password; the username stays.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx).await?;
    if let Some(password) = ctx.params.text("Password") {
        row.ha1 = ha1(&row.username, &ctx.api.config.realm, password);
    }
    row.updated = ctx.now;
    ctx.commit_tables(Tx::one(Op::PutCredential(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// DELETE Credentials/{Sid}.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteCredential(row.sid))).await?;
    Ok(Outcome::Empty)
}
