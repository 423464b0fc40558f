//! (s) IncomingPhoneNumbers, all and by type. Nothing is bought: an account claims a number that nobody holds.

use super::calls::formatted;
use super::hooks::{self, Kept, Slot};
use super::number_rows::{fresh, give, toll_free, type_of};
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, Params, param};
use super::refusal::Refusal;
use super::schema::{METHODS, Schema, Type, always, maybe};
use crate::sid::{ApplicationSid, ElasticTrunkSid, NumberSid};
use crate::store::numbers::{self, NumberFilter};
use crate::store::rows::NumberRow;
use crate::store::tx::{Op, Tx};
use crate::store::{applications, elastic, inventory};
use serde_json::{Value, json};

/// What a number brought by its owner is, in `origin`.
const ORIGIN: &str = "hosted";

/// Filters of the lists.
pub const FILTERS: &[Param] = &[
    param("PhoneNumber", Kind::PhonePattern, "Only numbers with these digits in them; * is any digit.")
        .example("+1500555"),
    param("FriendlyName", Kind::Text(64), "Only numbers with exactly this name.").example("Front desk"),
    param("Beta", Kind::Bool, "With numbers new to the platform too: there are none.").example("true"),
    param("Origin", Kind::OneOf(&["twilio", "hosted"]), "Only numbers of this origin; ours are hosted.")
        .example("hosted"),
];

macro_rules! fields {
    ($($first:expr,)*) => {
        &[
            $($first,)*
            param("FriendlyName", Kind::Text(64), "Name; the number itself by default.").bad(20002).example("Front desk"),
            param("VoiceUrl", Kind::Url, "Where the TwiML for incoming calls is.").bad(21402).example("https://example.com/voice"),
            param("VoiceMethod", Kind::Method, "How VoiceUrl is requested; POST by default.").bad(21403),
            param("VoiceFallbackUrl", Kind::Url, "Where the TwiML is if VoiceUrl fails.").bad(21402),
            param("VoiceFallbackMethod", Kind::Method, "How it is requested.").bad(21403),
            param("VoiceApplicationSid", Kind::Sid("AP"), "Application for calls; wins over the URLs.").bad(21420),
            param("StatusCallback", Kind::Url, "Where the end of an incoming call is told.").bad(21402),
            param("StatusCallbackMethod", Kind::Method, "How it is requested.").bad(21403),
            param("SmsUrl", Kind::Url, "Kept and shown.").bad(21402),
            param("SmsMethod", Kind::Method, "Kept and shown.").bad(21403),
            param("SmsFallbackUrl", Kind::Url, "Kept and shown.").bad(21402),
            param("SmsFallbackMethod", Kind::Method, "Kept and shown.").bad(21403),
            param("SmsApplicationSid", Kind::Sid("AP"), "Kept and shown.").bad(21420),
            param("ApiVersion", Kind::OneOf(&["2010-04-01", "2008-08-01"]), "2010-04-01; the older one is not offered yet."),
            param("VoiceCallerIdLookup", Kind::Bool, "true is not offered yet.").bad(21409),
            param("VoiceReceiveMode", Kind::OneOf(&["voice", "fax"]), "fax is not offered yet."),
            param("EmergencyStatus", Kind::OneOf(&["Active", "Inactive"]), "Active is not offered yet."),
            param("EmergencyAddressSid", Kind::Sid("AD"), "Not offered yet."),
            param("TrunkSid", Kind::Sid("TK"), "Trunk (/v1/Trunks) that its calls go to, whatever the URLs say; takes the place of VoiceApplicationSid, and the other way round.").bad(21245),
            param("IdentitySid", Kind::Sid("RI"), "Not offered yet."),
            param("AddressSid", Kind::Sid("AD"), "Not offered yet."),
            param("BundleSid", Kind::Sid("BU"), "Not offered yet."),
        ]
    };
}

/// Parameters of create: the number, or an area code, of which there is never one to give away.
pub const CREATE: &[Param] = fields! {
    param("PhoneNumber", Kind::Phone, "E.164; a number that nobody holds.").bad(21421).example("+15005550010"),
    param("AreaCode", Kind::Text(16), "Any number of this area: none is for sale here.").bad(21451),
};
/// Parameters of create in the list of local numbers.
pub const CREATE_LOCAL: &[Param] = fields! { REQUIRED.example("+15005550011"), };
/// Parameters of create in the list of mobile numbers.
pub const CREATE_MOBILE: &[Param] = fields! { REQUIRED.example("+447700900123"), };
/// Parameters of create in the list of toll-free numbers.
pub const CREATE_TOLL_FREE: &[Param] = fields! { REQUIRED.example("+18005550011"), };
const REQUIRED: Param =
    param("PhoneNumber", Kind::Phone, "E.164; a number that nobody holds.").required(21421).bad(21421);
/// Parameters of update.
pub const UPDATE: &[Param] = fields! {
    param("AccountSid", Kind::Sid("AC"), "Moving a number is not offered yet."),
};

const KEPT: Kept = &[
    ("SmsUrl", "sms_url"),
    ("SmsMethod", "sms_method"),
    ("SmsFallbackUrl", "sms_fallback_url"),
    ("SmsFallbackMethod", "sms_fallback_method"),
    ("SmsApplicationSid", "sms_application_sid"),
];

macro_rules! props {
    ($($last:expr,)*) => {
        &[
            always("account_sid", Type::Sid("AC")),
            maybe("address_sid", Type::Sid("AD")),
            always("address_requirements", Type::OneOf(&["none", "any", "local", "foreign"])),
            always("api_version", Type::Text),
            always("beta", Type::Bool),
            always("capabilities", Type::Map),
            always("date_created", Type::Date),
            always("date_updated", Type::Date),
            always("friendly_name", Type::Text),
            maybe("identity_sid", Type::Sid("RI")),
            always("phone_number", Type::Text),
            always("origin", Type::Text),
            always("sid", Type::Sid("PN")),
            maybe("sms_application_sid", Type::Sid("AP")),
            always("sms_fallback_method", Type::OneOf(METHODS)),
            maybe("sms_fallback_url", Type::Url),
            always("sms_method", Type::OneOf(METHODS)),
            maybe("sms_url", Type::Url),
            maybe("status_callback", Type::Url),
            always("status_callback_method", Type::OneOf(METHODS)),
            maybe("trunk_sid", Type::Sid("TK")),
            always("uri", Type::Text),
            always("voice_receive_mode", Type::OneOf(&["voice", "fax"])),
            maybe("voice_application_sid", Type::Sid("AP")),
            always("voice_caller_id_lookup", Type::Bool),
            always("voice_fallback_method", Type::OneOf(METHODS)),
            maybe("voice_fallback_url", Type::Url),
            always("voice_method", Type::OneOf(METHODS)),
            maybe("voice_url", Type::Url),
            always("emergency_status", Type::OneOf(&["Active", "Inactive"])),
            maybe("emergency_address_sid", Type::Sid("AD")),
            always("emergency_address_status", Type::OneOf(&["registered", "unregistered"])),
            maybe("bundle_sid", Type::Sid("BU")),
            always("status", Type::Text),
            $($last,)*
        ]
    };
}

const ELEMENT: &str = "IncomingPhoneNumber";

/// A number.
pub const NUMBER: Schema = Schema {
    name: "api.v2010.account.incoming_phone_number",
    element: ELEMENT,
    props: props!(always("type", Type::Text),),
};
/// A local number, in its own list.
pub const LOCAL: Schema = Schema {
    name: "api.v2010.account.incoming_phone_number.incoming_phone_number_local",
    element: ELEMENT,
    props: props!(),
};
/// A mobile number, in its own list.
pub const MOBILE: Schema = Schema {
    name: "api.v2010.account.incoming_phone_number.incoming_phone_number_mobile",
    element: ELEMENT,
    props: props!(),
};
/// A toll-free number, in its own list.
pub const TOLL_FREE_NUMBER: Schema = Schema {
    name: "api.v2010.account.incoming_phone_number.incoming_phone_number_toll_free",
    element: ELEMENT,
    props: props!(),
};

/// A number as a record.
pub fn show(row: &NumberRow) -> Value {
    let kept = |name: &str| row.other.get(name).cloned().unwrap_or(Value::Null);
    let method = |name: &str| row.other.get(name).cloned().unwrap_or_else(|| json!("POST"));
    json!({
        "account_sid": row.account,
        "address_sid": null,
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": false,
        "capabilities": { "voice": true, "sms": false, "mms": false, "fax": false },
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "friendly_name": row.friendly_name,
        "identity_sid": null,
        "phone_number": row.number,
        "origin": ORIGIN,
        "sid": row.sid,
        "sms_application_sid": kept("sms_application_sid"),
        "sms_fallback_method": method("sms_fallback_method"),
        "sms_fallback_url": kept("sms_fallback_url"),
        "sms_method": method("sms_method"),
        "sms_url": kept("sms_url"),
        "status_callback": hooks::url(&row.status_callback),
        "status_callback_method": hooks::method(&row.status_callback, &row.other, "status_callback_method"),
        "trunk_sid": row.trunk,
        "uri": format!("/2010-04-01/Accounts/{}/IncomingPhoneNumbers/{}.json", row.account, row.sid),
        "voice_receive_mode": "voice",
        "voice_application_sid": row.application,
        "voice_caller_id_lookup": false,
        "voice_fallback_method": hooks::method(&row.fallback, &row.other, "voice_fallback_method"),
        "voice_fallback_url": hooks::url(&row.fallback),
        "voice_method": hooks::method(&row.voice, &row.other, "voice_method"),
        "voice_url": hooks::url(&row.voice),
        "emergency_status": "Inactive",
        "emergency_address_sid": null,
        "emergency_address_status": "unregistered",
        "bundle_sid": null,
        "status": "in-use",
        "type": row.kind,
    })
}

/// The typed lists show everything but the type.
fn show_typed(row: &NumberRow) -> Value {
    let mut body = show(row);
    if let Some(body) = body.as_object_mut() {
        body.remove("type");
    }
    body
}

/// The type that a path names.
fn kind_of(ctx: &Ctx) -> Option<&'static str> {
    match ctx.operation.path.rsplit('/').next() {
        Some("Local") => Some("local"),
        Some("Mobile") => Some("mobile"),
        Some("TollFree") => Some("toll-free"),
        _ => None,
    }
}

/// GET IncomingPhoneNumbers and its typed lists.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page, p) = (ctx.scope()?, wanted(&ctx.params)?, &ctx.params);
    let kind = kind_of(&ctx);
    let filter = NumberFilter {
        friendly_name: p.owned("FriendlyName"),
        number_contains: p.owned("PhoneNumber"),
        kind: kind.map(str::to_string),
    };
    let asked = page.clone();
    let mut listed = ctx.read(move |r| numbers::list(r, scope, &filter, &asked)).await?;
    if p.text("Origin").is_some_and(|o| o != ORIGIN) {
        listed.rows.clear();
        (listed.next, listed.previous) = (None, None);
    }
    let show = if kind.is_some() { show_typed } else { show };
    let envelope =
        Envelope { key: "incoming_phone_numbers", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

async fn find(ctx: &Ctx) -> Result<NumberRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", NumberSid::parse)?);
    ctx.read(move |r| numbers::get(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET IncomingPhoneNumbers/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx).await?)))
}

/// Takes over what was given.
fn apply(row: &mut NumberRow, p: &Params) {
    let NumberRow { voice, fallback, status_callback, other, .. } = row;
    Slot { hook: voice, url: "VoiceUrl", method: "VoiceMethod", property: "voice_method" }.apply(p, other);
    let property = "voice_fallback_method";
    Slot { hook: fallback, url: "VoiceFallbackUrl", method: "VoiceFallbackMethod", property }.apply(p, other);
    let property = "status_callback_method";
    Slot { hook: status_callback, url: "StatusCallback", method: "StatusCallbackMethod", property }
        .apply(p, other);
    hooks::keep(KEPT, p, other);
    match p.field("FriendlyName") {
        Some("") => row.friendly_name = formatted(&row.number),
        Some(name) => row.friendly_name = name.to_string(),
        None => {}
    }
    // The one takes the place of the other, as at Twilio.
    if let Some(sid) = p.field("VoiceApplicationSid") {
        row.application = ApplicationSid::parse(sid);
        row.trunk = row.trunk.filter(|_| row.application.is_none());
    }
    if let Some(sid) = p.field("TrunkSid") {
        row.trunk = ElasticTrunkSid::parse(sid);
        row.application = row.application.filter(|_| row.trunk.is_none());
    }
}

/// An application and a trunk must be the account's own; a fallback needs what it falls back from.
async fn check(ctx: &Ctx, row: &NumberRow) -> Result<(), Refusal> {
    if ctx.params.text("VoiceFallbackUrl").is_some() && row.voice.is_none() && row.application.is_none() {
        return Err(Refusal::plain(21405));
    }
    let scope = ctx.scope()?;
    if let Some(sid) = ctx.params.text("TrunkSid").and_then(ElasticTrunkSid::parse)
        && ctx.read(move |r| elastic::get(r, scope, sid)).await?.is_none()
    {
        return Err(Refusal::plain(21245));
    }
    let Some(sid) = ctx.params.text("VoiceApplicationSid").and_then(ApplicationSid::parse) else {
        return Ok(());
    };
    let known = ctx.read(move |r| applications::get(r, scope, sid)).await?.is_some();
    if known { Ok(()) } else { Err(Refusal::plain(21420)) }
}

/// The type of a number: what the path says, unless the North American plan says otherwise.
fn kind(number: &str, wanted: Option<&'static str>) -> Result<&'static str, Refusal> {
    match (toll_free(number), wanted) {
        (Some(true), Some("local" | "mobile")) | (Some(false), Some("toll-free")) => {
            Err(Refusal::plain(21458))
        }
        (_, Some(kind)) => Ok(kind),
        (Some(true), None) => Ok("toll-free"),
        (_, None) => Ok("local"),
    }
}

/// May it be claimed? A number of the inventory if it is public, and then it is of the inventory's type; any other where the operator
/// leaves that open.
async fn offered(ctx: &Ctx, number: &str) -> Result<Option<String>, Refusal> {
    let wanted = number.to_owned();
    match ctx.read(move |r| inventory::by_number(r, &wanted)).await? {
        Some(row) if row.visibility == "public" => Ok(Some(type_of(&row.kind).to_owned())),
        None if ctx.api.config.numbers_open => Ok(None),
        Some(_) => Err(Refusal::new(21422, format!("{number} is not for sale: the operator assigns it."))),
        None => Err(Refusal::new(21422, format!("{number} is not in the inventory of this server."))),
    }
}

/// POST IncomingPhoneNumbers and its typed lists.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let Some(number) = ctx.params.owned("PhoneNumber") else {
        return Err(match ctx.params.text("AreaCode") {
            Some(_) => Refusal::new(21452, "No number is for sale here. Give the PhoneNumber you hold."),
            None => Refusal::new(21421, "PhoneNumber is required."),
        });
    };
    let wanted = kind(&number, kind_of(&ctx))?;
    let kind = offered(&ctx, &number).await?.unwrap_or_else(|| wanted.to_string());
    if kind_of(&ctx).is_some_and(|path| path != kind) {
        return Err(Refusal::plain(21458));
    }
    let mut row = fresh(ctx.account()?.sid, number, &kind, ctx.now);
    apply(&mut row, &ctx.params);
    check(&ctx, &row).await?;
    give(&ctx, &row, &[], |_| Refusal::new(21422, format!("{} is held already.", row.number))).await?;
    let show = if kind_of(&ctx).is_some() { show_typed } else { show };
    Ok(Outcome::Record(show(&row)))
}

/// POST IncomingPhoneNumbers/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx).await?;
    apply(&mut row, &ctx.params);
    check(&ctx, &row).await?;
    row.touch(ctx.now);
    ctx.commit_tables(Tx::one(Op::PutNumber(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// DELETE IncomingPhoneNumbers/{Sid}: anybody may claim it afterwards.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteNumber(row.sid, row.account))).await?;
    Ok(Outcome::Empty)
}
