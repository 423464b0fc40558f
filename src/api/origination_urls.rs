//! (s) `/v1/Trunks/{TrunkSid}/OriginationUrls`: where calls to the numbers of a trunk ring.

use super::elastic_trunks;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, Params, Value as Given, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::OriginationUrlSid;
use crate::sip::wire::Uri;
use crate::store::elastic::{self, OriginationUrlRow};
use crate::store::tx::{Op, Tx};
use serde_json::{Value, json};

/// Origination URLs of one trunk.
const URLS_MAX: u32 = 10;
/// [`URLS_MAX`] is reached.
const TOO_MANY: u32 = 21_249;

const WEIGHT: Param =
    param("Weight", Kind::Int(1, 65_535), "Share of the calls among URLs of one priority.").example("10");
const PRIORITY: Param = param("Priority", Kind::Int(0, 65_535), "The lowest is tried first.").example("10");
const ENABLED: Param = param("Enabled", Kind::Bool, "Whether it is rung at all.").example("true");
const NAME: Param = param("FriendlyName", Kind::Text(64), "Name.").example("Office");
const SIP_URL: Param = param("SipUrl", Kind::Text(255), "sip: or sips: URI, transport=udp, tcp or tls obeyed. Without a user part the called number takes its place.")
    .example("sip:pbx.example.com:5060");

/// Parameters of create.
pub const CREATE: &[Param] = &[
    WEIGHT.required(20001),
    PRIORITY.required(20001),
    ENABLED.required(20001),
    NAME.required(20001),
    SIP_URL.required(20001),
];
/// Parameters of update.
pub const UPDATE: &[Param] = &[WEIGHT, PRIORITY, ENABLED, NAME, SIP_URL];

/// An origination URL.
pub const ORIGINATION_URL: Schema =
    Schema { name: "trunking.v1.trunk.origination_url", element: "OriginationUrl", props: PROPS };

const PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    always("sid", Type::Sid("OU")),
    always("trunk_sid", Type::Sid("TK")),
    always("weight", Type::Int),
    always("enabled", Type::Bool),
    always("sip_url", Type::Text),
    always("friendly_name", Type::Text),
    always("priority", Type::Int),
    always("date_created", Type::Instant),
    always("date_updated", Type::Instant),
    always("url", Type::Url),
];

fn show(ctx: &Ctx, row: &OriginationUrlRow) -> Value {
    json!({
        "account_sid": row.account,
        "sid": row.sid,
        "trunk_sid": row.trunk,
        "weight": row.weight,
        "enabled": row.enabled,
        "sip_url": row.sip_url,
        "friendly_name": row.friendly_name,
        "priority": row.priority,
        "date_created": row.created.iso8601_seconds(),
        "date_updated": row.updated.iso8601_seconds(),
        "url": format!("{}/OriginationUrls/{}", elastic_trunks::url(ctx, row.trunk), row.sid),
    })
}

/// GET OriginationUrls.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, page) = (elastic_trunks::find(&ctx, "TrunkSid").await?, wanted(&ctx.params)?);
    let (scope, asked) = (ctx.scope()?, page.clone());
    let listed = ctx.read(move |r| elastic::urls(r, scope, trunk.sid, &asked)).await?;
    let envelope = Envelope { key: "origination_urls", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.meta_body(&ctx.origin, &listed, |row| show(&ctx, row))))
}

async fn find(ctx: &Ctx) -> Result<OriginationUrlRow, Refusal> {
    let trunk = elastic_trunks::find(ctx, "TrunkSid").await?.sid;
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", OriginationUrlSid::parse)?);
    ctx.read(move |r| elastic::url(r, scope, trunk, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET OriginationUrls/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    Ok(Outcome::Record(show(&ctx, &row)))
}

/// A URI that calls can be sent to: with a host, and none of the parts that only the peer may write.
fn sip_url(text: &str) -> Result<String, Refusal> {
    let words = "SipUrl: a sip: URI with a host is expected, like sip:pbx.example.com:5060;transport=tcp.";
    let bad = || Refusal::new(20001, words).about("SipUrl");
    let lower = text.get(..5).unwrap_or(text).to_ascii_lowercase();
    if !(lower.starts_with("sip:") || lower == "sips:") || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad());
    }
    let uri = Uri::parse(text.split('?').next().unwrap_or(text)).map_err(|_| bad())?;
    let known = text.split(';').skip(1).filter_map(|p| p.split_once('='));
    let mut transports = known.filter(|(name, _)| name.eq_ignore_ascii_case("transport"));
    let good = transports.all(|(_, t)| crate::sip::event::Transport::named(t).is_some());
    if uri.host.is_empty() || text.contains(['<', '>', '"']) || !good {
        Err(bad())
    } else {
        Ok(text.to_owned())
    }
}

fn apply(row: &mut OriginationUrlRow, p: &Params) -> Result<(), Refusal> {
    for (name, field) in [("Weight", &mut row.weight), ("Priority", &mut row.priority)] {
        *field = p.int(name).and_then(|n| u16::try_from(n).ok()).unwrap_or(*field);
    }
    row.enabled = p.flag("Enabled", row.enabled);
    if let Some(Given::Text(name)) = p.get("FriendlyName") {
        row.friendly_name.clone_from(name);
    }
    if let Some(url) = p.field("SipUrl") {
        row.sip_url = sip_url(url)?;
    }
    Ok(())
}

/// POST OriginationUrls.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, scope) = (elastic_trunks::find(&ctx, "TrunkSid").await?, ctx.scope()?);
    let mut row = OriginationUrlRow {
        sid: OriginationUrlSid::new(&mut super::rng()),
        account: trunk.account,
        trunk: trunk.sid,
        sip_url: String::new(),
        friendly_name: String::new(),
        priority: 10,
        weight: 10,
        enabled: true,
        created: ctx.now,
        updated: ctx.now,
    };
    apply(&mut row, &ctx.params)?;
    if ctx.read(move |r| elastic::urls_reach(r, scope, trunk.sid, URLS_MAX)).await? {
        return Err(Refusal::plain(TOO_MANY));
    }
    ctx.commit_tables(Tx::one(Op::PutOriginationUrl(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&ctx, &row)))
}

/// POST OriginationUrls/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx).await?;
    apply(&mut row, &ctx.params)?;
    row.updated = ctx.now;
    ctx.commit_tables(Tx::one(Op::PutOriginationUrl(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&ctx, &row)))
}

/// DELETE OriginationUrls/{Sid}.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteOriginationUrl(row.sid))).await?;
    Ok(Outcome::Empty)
}
