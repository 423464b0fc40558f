//! (s) `/gateways`: trunks that register elsewhere, under the name that a switch has for them. What is made here is seen at
//! `/carrier/v1/sip_trunks` and the reverse; the id is the trunk's SID, and its name names it too.

use super::carrier;
use super::carrier_body::{Given, unprocessable};
use super::operation::{Ctx, Outcome};
use super::page::wanted;
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always, maybe};
use super::sip_trunks::write;
use super::trunk_fields::{Live, TRANSPORTS};
use super::trunk_rules::check;
use crate::sid::TrunkSid;
use crate::store::query::Scope;
use crate::store::rows::{TrunkMode, TrunkRow};
use crate::store::trunks;
use crate::store::tx::{Op, Tx};
use crate::trunk::normalise;
use serde_json::{Value, json};

/// Attributes.
pub const CREATE: &[Param] = &[
    param(
        "name",
        Kind::Text(64),
        "Name, or the SID of a trunk that registers: a gateway that is there is replaced.",
    )
    .required(20001)
    .example("main-pbx"),
    param("username", Kind::Token(128), "Our user there.").required(20001).example("chorus_user"),
    param("password", Kind::Token(128), "Its password; never shown.").required(20001).example("secret123"),
    param("host", Kind::Host, "Where we register.").example("pbx.example.com"),
    param("port", Kind::Int(1, 65_535), "Its port; found by DNS by default.").example("5060"),
    param("realm", Kind::Host, "Domain of the registration, where it is not the host."),
    param("proxy", Kind::Host, "The same as host."),
    param("outbound_proxy", Kind::Host, "Where requests are sent instead."),
    param("auth_username", Kind::Token(128), "User of our digest answers; username by default."),
    param("register_transport", Kind::OneOf(TRANSPORTS), "How we register; udp by default."),
];

/// A gateway.
pub const GATEWAY: Schema = Schema { name: "gateway", element: "Gateway", props: PROPS };

const PROPS: &[Prop] = &[
    always("id", Type::Sid("TK")),
    always("name", Type::Text),
    always("status", Type::Text),
    always("username", Type::Text),
    always("host", Type::Text),
    maybe("port", Type::Text),
    always("realm", Type::Text),
    always("proxy", Type::Text),
    maybe("outbound_proxy", Type::Text),
    maybe("auth_username", Type::Text),
    always("register_transport", Type::OneOf(TRANSPORTS)),
    maybe("registration", Type::Any),
];

/// A page of them.
pub const GATEWAYS: Schema = Schema {
    name: "gateways",
    element: "Gateways",
    props: &[always("gateways", Type::Records(&GATEWAY)), maybe("next", Type::Text)],
};

/// Host and port of `host:port`, also of `[v6]:port`.
fn split(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((bare, port)) if !bare.contains(':') || bare.ends_with(']') => (bare, Some(port)),
        _ => (host, None),
    }
}

fn show(row: &TrunkRow, live: &Live, status: Option<&str>) -> Value {
    let proxy = row.outbound_host.as_deref().unwrap_or_default();
    let (host, port) = split(proxy);
    let registration = live.registration(row);
    let standing = registration.get("state").and_then(Value::as_str).unwrap_or("registering").to_owned();
    json!({
        "id": row.sid,
        "name": row.name,
        "status": status.unwrap_or(&standing),
        "username": row.username.as_deref().unwrap_or_default(),
        "host": host,
        "port": port,
        "realm": host,
        "proxy": proxy,
        "outbound_proxy": row.outbound_proxy,
        "auth_username": row.auth_user,
        "register_transport": row.transport,
        "registration": registration,
    })
}

/// Domain of the registration, and where its requests go if that is another place.
fn place(given: &Given) -> Result<(String, Option<String>), Refusal> {
    let text = |name: &str| given.text(name).flatten();
    let port = given.number("port").flatten();
    let with_port = |host: String| match port {
        Some(port) if split(&host).1.is_none() => format!("{host}:{port}"),
        _ => host,
    };
    let (hop, realm) = (text("host").or_else(|| text("proxy")), text("realm"));
    let outbound = text("outbound_proxy");
    match (hop, realm) {
        (Some(hop), Some(realm)) if split(&hop).0 != split(&realm).0 => {
            Ok((realm, outbound.or_else(|| Some(with_port(hop)))))
        }
        (Some(host), _) | (None, Some(host)) => Ok((with_port(host), outbound)),
        (None, None) => Err(unprocessable("Give host, proxy or realm: where to register.").about("host")),
    }
}

/// The trunk of this name or SID.
async fn known(ctx: &Ctx, name: String) -> Result<Option<TrunkRow>, Refusal> {
    let found = ctx.read(move |r| match TrunkSid::parse(&name) {
        Some(sid) => Ok(trunks::get(r, Scope::Operator, sid)?.into_iter().collect()),
        None => trunks::named(r, &name),
    });
    let registers = |t: &TrunkRow| t.authentication_mode == TrunkMode::OutboundRegistration;
    let mut found = found.await?.into_iter().filter(registers);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => {
            Err(unprocessable("Several gateways have this name: use the id.").about("name"))
        }
        (one, _) => Ok(one),
    }
}

/// POST /gateways.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let given = Given::of(&ctx, &GATEWAY)?;
    let text = |name: &str| given.text(name).flatten();
    let name = text("name").unwrap_or_default();
    let (host, outbound_proxy) = place(&given)?;
    let before = known(&ctx, name.clone()).await?;
    if before.is_none() && TrunkSid::parse(&name).is_some() {
        return Err(unprocessable("There is no such trunk that registers.").about("name"));
    }
    let fresh =
        || TrunkRow { sid: TrunkSid::new(&mut super::rng()), created: ctx.now, name, ..TrunkRow::default() };
    let mut row = TrunkRow {
        authentication_mode: TrunkMode::OutboundRegistration,
        outbound_host: Some(host),
        outbound_proxy,
        username: text("username"),
        password: text("password"),
        auth_user: text("auth_username"),
        transport: text("register_transport").unwrap_or_else(|| "udp".to_owned()),
        updated: ctx.now,
        ..before.unwrap_or_else(fresh)
    };
    row.outbound_plus_prefix = Some(normalise::plus(&row));
    check(&row)?;
    write(&ctx, &row).await?;
    Ok(Outcome::Record(show(&row, &Live::ask(&ctx).await, Some("created"))))
}

/// GET /gateways.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let page = wanted(&ctx.params)?;
    let asked = page.clone();
    let listed = ctx.read(move |r| trunks::gateways(r, Scope::Operator, &asked)).await?;
    let live = Live::ask(&ctx).await;
    let shown: Vec<Value> = listed.rows.iter().map(|t| show(t, &live, None)).collect();
    let next = carrier::next(&ctx, &page, &listed);
    Ok(Outcome::Record(json!({ "gateways": shown, "next": next })))
}

async fn find(ctx: &Ctx) -> Result<TrunkRow, Refusal> {
    known(ctx, ctx.var("Id").to_owned()).await?.ok_or_else(|| ctx.not_found())
}

/// GET /gateways/{Id}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx).await?, &Live::ask(&ctx).await, None)))
}

/// DELETE /gateways/{Id}: the registration is taken back.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteTrunk(row.sid))).await?;
    Ok(Outcome::Empty)
}
