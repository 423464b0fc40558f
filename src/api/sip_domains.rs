//! (s) SIP/Domains: host names that take calls, and registrations if they say so.

use super::hooks::{self, Slot};
use super::list_uses::{auth_types, guards};
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, Params, param};
use super::refusal::Refusal;
use super::schema::{METHODS, Prop, Schema, Type, always, maybe};
use crate::sid::SipDomainSid;
use crate::store::rows::{DoorSid, ListUseRow, SipDomainRow};
use crate::store::tx::{Op, Tx};
use crate::store::{elastic, sip_domains};
use serde_json::{Map, Value, json};

/// Domains of an account.
const DOMAINS_MAX: u32 = 100; // Twilio 21230

const NAME: Param = param(
    "DomainName",
    Kind::Host,
    "Any host name that nobody here has; its DNS, or the proxy of its phones, must lead to this server.",
)
.bad(21231);

macro_rules! fields {
    ($first:expr) => {
        &[
            $first,
            param("FriendlyName", Kind::Text(64), "Name; the domain itself by default.").bad(21231),
            param("VoiceUrl", Kind::TwimlUrl, "Where the TwiML for calls is.")
                .bad(21402)
                .example("https://example.com/voice"),
            param("VoiceMethod", Kind::Method, "How VoiceUrl is requested; POST by default.").bad(21403),
            param("VoiceFallbackUrl", Kind::TwimlUrl, "Where the TwiML is if VoiceUrl fails.").bad(21402),
            param("VoiceFallbackMethod", Kind::Method, "How it is requested.").bad(21403),
            param("VoiceStatusCallbackUrl", Kind::Url, "Where the end of a call is told.").bad(21402),
            param("VoiceStatusCallbackMethod", Kind::Method, "How it is requested.").bad(21403),
            param("SipRegistration", Kind::Bool, "Users of its registration lists may register."),
            param("Secure", Kind::Bool, "Calls over TLS alone."),
            param("EmergencyCallingEnabled", Kind::Bool, "true is not offered yet."),
            param("EmergencyCallerSid", Kind::Sid("PN"), "Not offered yet."),
            param("ByocTrunkSid", Kind::Sid("BY"), "Not offered yet.").bad(21300),
        ]
    };
}

/// Parameters of create.
pub const CREATE: &[Param] = fields!(NAME.required(21231).example("acme.sip.example.com"));
/// Parameters of update.
pub const UPDATE: &[Param] = fields!(NAME);

/// A domain.
pub const DOMAIN: Schema =
    Schema { name: "api.v2010.account.sip.sip_domain", element: "Domain", props: PROPS };

const PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    always("api_version", Type::Text),
    always("auth_type", Type::Text),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("domain_name", Type::Text),
    always("friendly_name", Type::Text),
    always("sid", Type::Sid("SD")),
    always("uri", Type::Text),
    always("voice_fallback_method", Type::OneOf(METHODS)),
    maybe("voice_fallback_url", Type::Url),
    always("voice_method", Type::OneOf(METHODS)),
    always("voice_status_callback_method", Type::OneOf(METHODS)),
    maybe("voice_status_callback_url", Type::Url),
    maybe("voice_url", Type::Url),
    always("subresource_uris", Type::Map),
    always("sip_registration", Type::Bool),
    always("emergency_calling_enabled", Type::Bool),
    always("secure", Type::Bool),
    maybe("byoc_trunk_sid", Type::Sid("BY")),
    maybe("emergency_caller_sid", Type::Sid("PN")),
];

/// `uses`: what guards its calls.
fn show(row: &SipDomainRow, uses: &[ListUseRow]) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}/SIP/Domains/{}", row.account, row.sid);
    json!({
        "account_sid": row.account,
        "api_version": "2010-04-01",
        "auth_type": auth_types(uses, DoorSid::Domain(row.sid)).join(","),
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "domain_name": row.name,
        "friendly_name": row.friendly_name,
        "sid": row.sid,
        "uri": format!("{uri}.json"),
        "voice_fallback_method": hooks::method(&row.fallback, &row.other, "voice_fallback_method"),
        "voice_fallback_url": hooks::url(&row.fallback),
        "voice_method": hooks::method(&row.voice, &row.other, "voice_method"),
        "voice_status_callback_method":
            hooks::method(&row.status_callback, &row.other, "voice_status_callback_method"),
        "voice_status_callback_url": hooks::url(&row.status_callback),
        "voice_url": hooks::url(&row.voice),
        "subresource_uris": {
            "ip_access_control_list_mappings": format!("{uri}/IpAccessControlListMappings.json"),
            "credential_list_mappings": format!("{uri}/CredentialListMappings.json"),
        },
        "sip_registration": row.registration,
        "emergency_calling_enabled": false,
        "secure": row.secure,
        "byoc_trunk_sid": null,
        "emergency_caller_sid": null,
    })
}

/// GET SIP/Domains.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (ctx.scope()?, wanted(&ctx.params)?);
    let asked = page.clone();
    let listed = ctx.read(move |r| sip_domains::list(r, scope, &asked)).await?;
    let uses = guards(&ctx, listed.rows.iter().map(|row| DoorSid::Domain(row.sid)).collect()).await?;
    let envelope = Envelope { key: "domains", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, |row| show(row, &uses))))
}

/// The domain that a variable of the path names, of this account.
pub async fn find(ctx: &Ctx, variable: &str) -> Result<SipDomainRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid(variable, SipDomainSid::parse)?);
    ctx.read(move |r| sip_domains::get(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

async fn shown(ctx: &Ctx, row: SipDomainRow) -> Result<Outcome, Refusal> {
    let uses = guards(ctx, vec![DoorSid::Domain(row.sid)]).await?;
    Ok(Outcome::Record(show(&row, &uses)))
}

/// GET SIP/Domains/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx, "Sid").await?;
    shown(&ctx, row).await
}

/// A host name that can be told from an address of this server and from its realm.
fn domain_name(ctx: &Ctx) -> Result<Option<String>, Refusal> {
    let name = ctx.params.text("DomainName").map(|text| ctx.api.config.names.read(text)).transpose();
    name.map_err(|words| Refusal::new(21231, format!("DomainName: {words} is expected.")))
}

fn apply(row: &mut SipDomainRow, p: &Params) -> Result<(), Refusal> {
    let SipDomainRow { voice, fallback, status_callback, other, .. } = row;
    Slot { hook: voice, url: "VoiceUrl", method: "VoiceMethod", property: "voice_method" }.apply(p, other);
    let property = "voice_fallback_method";
    Slot { hook: fallback, url: "VoiceFallbackUrl", method: "VoiceFallbackMethod", property }.apply(p, other);
    let (url, method) = ("VoiceStatusCallbackUrl", "VoiceStatusCallbackMethod");
    Slot { hook: status_callback, url, method, property: "voice_status_callback_method" }.apply(p, other);
    row.registration = p.flag("SipRegistration", row.registration);
    row.secure = p.flag("Secure", row.secure);
    if let Some(name) = p.field("FriendlyName") {
        row.friendly_name = name.to_string();
    }
    if row.friendly_name.is_empty() {
        row.friendly_name = row.name.chars().take(64).collect();
    }
    match p.text("VoiceFallbackUrl").is_some() && row.voice.is_none() {
        true => Err(Refusal::plain(21405)),
        false => Ok(()),
    }
}

async fn write(ctx: &Ctx, row: SipDomainRow) -> Result<Outcome, Refusal> {
    let name = row.name.clone();
    if ctx.read(move |r| elastic::of_domain(r, &name)).await?.is_some() {
        return Err(Refusal::new(21232, format!("{} is the domain of a trunk.", row.name)));
    }
    let taken = |_| Refusal::new(21232, format!("{} is a domain already.", row.name));
    ctx.commit_unique(Tx::one(Op::PutSipDomain(Box::new(row.clone()))), taken).await?;
    shown(ctx, row).await
}

/// POST SIP/Domains.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let scope = ctx.scope()?;
    let name = domain_name(&ctx)?.unwrap_or_default();
    if ctx.read(move |r| sip_domains::reach(r, scope, DOMAINS_MAX)).await? {
        return Err(Refusal::new(21230, format!("An account has at most {DOMAINS_MAX} SIP domains.")));
    }
    let mut row = SipDomainRow {
        sid: SipDomainSid::new(&mut super::rng()),
        account: ctx.account()?.sid,
        name,
        friendly_name: String::new(),
        voice: None,
        fallback: None,
        status_callback: None,
        registration: false,
        secure: false,
        other: Map::new(),
        created: ctx.now,
        updated: ctx.now,
    };
    apply(&mut row, &ctx.params)?;
    write(&ctx, row).await
}

/// POST SIP/Domains/{Sid}: live calls go on as they began.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx, "Sid").await?;
    if let Some(name) = domain_name(&ctx)? {
        row.name = name;
    }
    apply(&mut row, &ctx.params)?;
    row.updated = ctx.now;
    write(&ctx, row).await
}

/// DELETE SIP/Domains/{Sid}: its lists stay, its users are registered no longer.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx, "Sid").await?;
    ctx.commit_tables(Tx::one(Op::DeleteSipDomain(row.sid))).await?;
    Ok(Outcome::Empty)
}
