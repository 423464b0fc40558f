//! (s) `/carrier/v1/sip_trunks`: the operator's trunks. Flat JSON or JSON:API comes in, JSON:API goes out (ruling 2.10);
//! a bad field is 422 with a pointer to it.

use super::form::Fields;
use super::json::{self, Json};
use super::operation::{Ctx, Outcome};
use super::page::wanted;
use super::params::{Kind, Param, Params, param};
use super::parse;
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always, maybe};
use crate::sid::{AccountSid, TrunkSid};
use crate::store::query::Scope;
use crate::store::rows::{TrunkMode, TrunkRow};
use crate::store::tx::{Op, Tx};
use crate::store::{accounts, trunks};
use serde_json::{Value, json};

/// Modes of authentication that the documents know; the first is there.
pub const MODES: &[&str] = &["ip_address", "client_credentials", "outbound_registration"];

/// Attributes of create.
pub const FIELDS: &[Param] = &[
    param(
        "authentication_mode",
        Kind::OneOf(MODES),
        "How the peer is known; only ip_address is offered yet.",
    )
    .required(20001)
    .example("ip_address"),
    param("name", Kind::Text(64), "Name; outbound_host by default.").example("Main trunk"),
    param("inbound_source_ips", Kind::Cidrs, "Addresses or networks that calls may come from.")
        .example("192.0.2.7"),
    param("outbound_host", Kind::Host, "Where calls go; without it the trunk only receives.")
        .example("pbx.example.com:5060"),
    param("transport", Kind::OneOf(&["udp", "tcp"]), "How calls go there; udp by default."),
    param("username", Kind::Token(128), "User for a peer that asks for credentials."),
    param("password", Kind::Token(128), "Password for it; never shown."),
    param("inbound_country", Kind::Country, "Country of numbers written without one: two letters."),
    param("account_sid", Kind::Sid("AC"), "Pins the trunk to one account."),
];

/// A trunk.
pub const TRUNK: Schema = Schema { name: "carrier.v1.sip_trunk", element: "SipTrunk", props: PROPS };

const PROPS: &[Prop] = &[
    always("name", Type::Text),
    always("authentication_mode", Type::OneOf(MODES)),
    always("inbound_source_ips", Type::Texts),
    maybe("outbound_host", Type::Text),
    always("transport", Type::OneOf(&["udp", "tcp"])),
    maybe("username", Type::Text),
    maybe("inbound_country", Type::Text),
    maybe("account_sid", Type::Sid("AC")),
    always("created_at", Type::Text),
    always("updated_at", Type::Text),
];

/// A trunk as a JSON:API resource.
pub fn show(row: &TrunkRow) -> Value {
    json!({
        "id": row.sid,
        "type": "sip_trunk",
        "attributes": {
            "name": row.name,
            "authentication_mode": row.authentication_mode.as_str(),
            "inbound_source_ips": row.inbound_source_ips,
            "outbound_host": row.outbound_host,
            "transport": row.transport,
            "username": row.username,
            "inbound_country": row.country,
            "account_sid": row.account,
            "created_at": row.created.iso8601(),
            "updated_at": row.updated.iso8601(),
        },
    })
}

/// A refusal of the body: 422.
fn unprocessable(words: impl Into<String>) -> Refusal {
    Refusal::new(20422, words)
}

/// The attributes of a body in either form.
fn attributes(body: &[u8]) -> Result<Vec<(String, Json)>, Refusal> {
    let value: Json =
        serde_json::from_slice(body).map_err(|e| unprocessable(format!("The body is not JSON: {e}.")))?;
    let Json::Object(mut top) = value else { return Err(unprocessable("The body must be a JSON object.")) };
    let Some(data) = json::take(&mut top, "data") else { return Ok(top) };
    let Json::Object(mut data) = data else { return Err(unprocessable("data must be an object.")) };
    if json::take(&mut data, "type").is_some_and(|t| t != Json::Text("sip_trunk".to_owned())) {
        return Err(unprocessable("data.type must be sip_trunk."));
    }
    match json::take(&mut data, "attributes") {
        Some(Json::Object(attributes)) => Ok(attributes),
        _ => Err(unprocessable("data.attributes must be an object.")),
    }
}

/// JSON attributes as fields, so that the one parser reads them; every attribute must be declared.
fn fields(attributes: Vec<(String, Json)>) -> Result<Fields, Refusal> {
    let mut fields = Fields::new();
    for (name, value) in attributes {
        let Some(declared) = FIELDS.iter().find(|p| p.name == name) else {
            return Err(unprocessable(format!("{name} is not an attribute that is offered.")));
        };
        let values = match (value, declared.kind) {
            (Json::Null, _) => Vec::new(),
            (Json::List(items), Kind::Cidrs) => items,
            (other, _) => vec![other],
        };
        for value in values {
            let Json::Text(text) = value else {
                return Err(unprocessable(format!("{name} must be text.")).about(declared.name));
            };
            fields.push((name.clone(), text));
        }
    }
    Ok(fields)
}

fn parsed(body: &[u8]) -> Result<Params, Refusal> {
    let fields = fields(attributes(body)?)?;
    let params = parse::parse("CreateSipTrunk", &[FIELDS], &fields).map_err(|r| Refusal {
        code: 20422,
        status: 422,
        ..r
    })?;
    if let Some(mode) = params.text("authentication_mode").filter(|m| *m != "ip_address") {
        let words = format!("The mode {mode} is not offered yet. Use ip_address.");
        return Err(unprocessable(words).about("authentication_mode"));
    }
    if params.list("inbound_source_ips").is_empty() && params.text("outbound_host").is_none() {
        let words = "Give inbound_source_ips, outbound_host, or both: otherwise no call can use the trunk.";
        return Err(unprocessable(words).about("inbound_source_ips"));
    }
    if params.text("username").is_some() != params.text("password").is_some() {
        return Err(unprocessable("username and password go together.").about("username"));
    }
    Ok(params)
}

/// POST /carrier/v1/sip_trunks.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let p = parsed(&ctx.body)?;
    let account = p.text("account_sid").and_then(AccountSid::parse);
    if let Some(sid) = account
        && ctx.read(move |r| accounts::get(r, Scope::Operator, sid)).await?.is_none()
    {
        return Err(unprocessable("There is no such account.").about("account_sid"));
    }
    let name = p.text("name").or(p.text("outbound_host")).unwrap_or("trunk");
    let row = TrunkRow {
        sid: TrunkSid::new(&mut super::rng()),
        name: name.to_string(),
        account,
        authentication_mode: TrunkMode::IpAddress,
        inbound_source_ips: p.list("inbound_source_ips").to_vec(),
        outbound_host: p.owned("outbound_host"),
        transport: p.text("transport").unwrap_or("udp").to_string(),
        username: p.owned("username"),
        password: p.owned("password"),
        country: p.owned("inbound_country"),
        created: ctx.now,
        updated: ctx.now,
        ..TrunkRow::default()
    };
    ctx.commit_tables(Tx::one(Op::PutTrunk(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(json!({ "data": show(&row) })))
}

/// GET /carrier/v1/sip_trunks.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let page = wanted(&ctx.params)?;
    let asked = page.clone();
    let listed = ctx.read(move |r| trunks::list(r, Scope::Operator, &asked)).await?;
    let data: Vec<Value> = listed.rows.iter().map(show).collect();
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
    Ok(Outcome::Record(json!({ "data": show(&find(&ctx).await?) })))
}

/// DELETE /carrier/v1/sip_trunks/{Sid}: live calls go on, new ones are refused.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteTrunk(row.sid))).await?;
    Ok(Outcome::Empty)
}
