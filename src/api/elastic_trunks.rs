//! (s) `/v1/Trunks`: trunks of an account as Twilio's Elastic SIP Trunking has them, and how their calls are recorded.

use super::hooks::word;
use super::list_uses::{auth_types, guards};
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, Params, Value as Given, param};
use super::refusal::Refusal;
use super::schema::{METHODS, Prop, Schema, Type, always, maybe};
use crate::sid::ElasticTrunkSid;
use crate::store::elastic::{self, ElasticTrunkRow, TrunkRecording};
use crate::store::rows::{DoorSid, ListUseRow};
use crate::store::sip_domains;
use crate::store::tx::{Op, Tx};
use crate::trunk::names::Names;
use serde_json::{Value, json};

/// Trunks of one account.
const TRUNKS_MAX: u32 = 100;
/// [`TRUNKS_MAX`] is reached.
const TOO_MANY: u32 = 21_244;
/// The trunk is not valid.
const NOT_VALID: u32 = 21_245;
/// Another trunk has the domain.
const TAKEN: u32 = 21_248;

/// What may be said about transfers.
const TRANSFER_MODES: &[&str] = &["disable-all", "enable-all", "sip-only"];
const TRANSFER_CALLERS: &[&str] = &["from-transferee", "from-transferor"];

macro_rules! fields {
    ($domain:expr) => {
        &[
            param("FriendlyName", Kind::Text(64), "Name.").example("PBX"),
            $domain,
            param(
                "DisasterRecoveryUrl",
                Kind::TwimlUrl,
                "Asked for TwiML if no origination URL can be reached.",
            )
            .bad(21402),
            param("DisasterRecoveryMethod", Kind::Method, "How it is requested; POST by default.").bad(21403),
            param(
                "TransferMode",
                Kind::OneOf(TRANSFER_MODES),
                "May the PBX transfer calls by REFER? sip-only: to SIP addresses.",
            ),
            param("Secure", Kind::Bool, "TLS and SRTP or nothing."),
            param("CnamLookupEnabled", Kind::Bool, "Kept and shown; no name is looked up."),
            param(
                "TransferCallerId",
                Kind::OneOf(TRANSFER_CALLERS),
                "Who is shown to the target of a transfer.",
            ),
        ]
    };
}

const DOMAIN: Param = param(
    "DomainName",
    Kind::Text(253),
    "The host that the PBX dials through: any that no other trunk has. Empty clears it.",
)
.bad(NOT_VALID);

/// Parameters of create.
pub const CREATE: &[Param] = fields!(DOMAIN.example("pbx.pstn.example.com"));
/// Parameters of update.
pub const UPDATE: &[Param] = fields!(DOMAIN);

/// Parameters of Recording.
pub const RECORDING_FIELDS: &[Param] = &[
    param("Mode", Kind::OneOf(MODES), "Whether and from when calls are recorded; -dual in two channels.")
        .example("record-from-answer"),
    param("Trim", Kind::OneOf(TRIMS), "Whether silence at both ends is cut.").example("trim-silence"),
];

const MODES: &[&str] = &[
    "do-not-record",
    "record-from-ringing",
    "record-from-answer",
    "record-from-ringing-dual",
    "record-from-answer-dual",
];
const TRIMS: &[&str] = &["trim-silence", "do-not-trim"];

/// A trunk.
pub const TRUNK: Schema = Schema { name: "trunking.v1.trunk", element: "Trunk", props: PROPS };

const PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    maybe("domain_name", Type::Text),
    always("disaster_recovery_method", Type::OneOf(METHODS)),
    maybe("disaster_recovery_url", Type::Url),
    maybe("friendly_name", Type::Text),
    always("secure", Type::Bool),
    always("recording", Type::Any),
    always("transfer_mode", Type::OneOf(TRANSFER_MODES)),
    always("transfer_caller_id", Type::OneOf(TRANSFER_CALLERS)),
    always("cnam_lookup_enabled", Type::Bool),
    always("auth_type", Type::Text),
    always("symmetric_rtp_enabled", Type::Bool),
    always("auth_type_set", Type::Texts),
    always("date_created", Type::Instant),
    always("date_updated", Type::Instant),
    always("sid", Type::Sid("TK")),
    always("url", Type::Url),
    always("links", Type::Map),
];

/// How the calls of a trunk are recorded.
pub const RECORDING: Schema = Schema {
    name: "trunking.v1.trunk.recording",
    element: "Recording",
    props: &[always("mode", Type::OneOf(MODES)), always("trim", Type::OneOf(TRIMS))],
};

/// Where a trunk is found.
pub fn url(ctx: &Ctx, trunk: ElasticTrunkSid) -> String {
    format!("{}/v1/Trunks/{trunk}", ctx.origin)
}

fn show_recording(recording: &TrunkRecording) -> Value {
    json!({ "mode": recording.mode, "trim": recording.trim })
}

/// A trunk as a record; `uses` say which lists open it.
fn show(ctx: &Ctx, row: &ElasticTrunkRow, uses: &[ListUseRow]) -> Value {
    let url = url(ctx, row.sid);
    let auth = auth_types(uses, DoorSid::Trunk(row.sid));
    json!({
        "account_sid": row.account,
        "domain_name": row.domain_name,
        "disaster_recovery_method": word(row.disaster_recovery_method),
        "disaster_recovery_url": row.disaster_recovery_url,
        "friendly_name": row.friendly_name,
        "secure": row.secure,
        "recording": show_recording(&row.recording),
        "transfer_mode": row.transfer_mode,
        "transfer_caller_id": row.transfer_caller_id,
        "cnam_lookup_enabled": row.cnam_lookup_enabled,
        "auth_type": auth.join(","),
        // Answers go to where packets come from, whatever SDP says (ruling of the source lock).
        "symmetric_rtp_enabled": true,
        "auth_type_set": auth,
        "date_created": row.created.iso8601_seconds(),
        "date_updated": row.updated.iso8601_seconds(),
        "sid": row.sid,
        "links": {
            "origination_urls": format!("{url}/OriginationUrls"),
            "credential_lists": format!("{url}/CredentialLists"),
            "ip_access_control_lists": format!("{url}/IpAccessControlLists"),
            "phone_numbers": format!("{url}/PhoneNumbers"),
        },
        "url": url,
    })
}

/// The trunk that the path names under this variable.
pub async fn find(ctx: &Ctx, var: &str) -> Result<ElasticTrunkRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid(var, ElasticTrunkSid::parse)?);
    ctx.read(move |r| elastic::get(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

async fn shown(ctx: &Ctx, row: &ElasticTrunkRow) -> Result<Outcome, Refusal> {
    let uses = guards(ctx, vec![DoorSid::Trunk(row.sid)]).await?;
    Ok(Outcome::Record(show(ctx, row, &uses)))
}

/// GET /v1/Trunks.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (ctx.scope()?, wanted(&ctx.params)?);
    let asked = page.clone();
    let listed = ctx.read(move |r| elastic::list(r, scope, &asked)).await?;
    let uses = guards(&ctx, listed.rows.iter().map(|row| DoorSid::Trunk(row.sid)).collect()).await?;
    let envelope = Envelope { key: "trunks", path: &ctx.path, filters: &ctx.filters, page: &page };
    let base = &ctx.origin;
    Ok(Outcome::Page(envelope.meta_body(base, &listed, |row| show(&ctx, row, &uses))))
}

/// GET /v1/Trunks/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx, "Sid").await?;
    shown(&ctx, &row).await
}

fn apply(row: &mut ElasticTrunkRow, p: &Params, names: &Names) -> Result<(), Refusal> {
    let cleared = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
    if let Some(name) = p.field("FriendlyName") {
        row.friendly_name = cleared(name);
    }
    match p.field("DomainName") {
        Some("") => row.domain_name = None,
        Some(name) => {
            let words = |words| format!("DomainName: {words} is expected.");
            let refused = |w| Refusal::new(NOT_VALID, words(w)).about("DomainName");
            row.domain_name = Some(names.read(name).map_err(refused)?);
        }
        None => {}
    }
    if let Some(url) = p.field("DisasterRecoveryUrl") {
        row.disaster_recovery_url = cleared(url);
    }
    row.disaster_recovery_method = p.method("DisasterRecoveryMethod").unwrap_or(row.disaster_recovery_method);
    for (name, field) in
        [("TransferMode", &mut row.transfer_mode), ("TransferCallerId", &mut row.transfer_caller_id)]
    {
        if let Some(Given::Text(text)) = p.get(name) {
            field.clone_from(text);
        }
    }
    row.secure = p.flag("Secure", row.secure);
    row.cnam_lookup_enabled = p.flag("CnamLookupEnabled", row.cnam_lookup_enabled);
    Ok(())
}

async fn write(ctx: &Ctx, row: &ElasticTrunkRow) -> Result<(), Refusal> {
    if let Some(name) = row.domain_name.clone()
        && ctx.read(move |r| sip_domains::named(r, &name)).await?.is_some()
    {
        return Err(Refusal::plain(TAKEN).about("DomainName"));
    }
    let tx = Tx::one(Op::PutElasticTrunk(Box::new(row.clone())));
    ctx.commit_unique(tx, |_| Refusal::plain(TAKEN).about("DomainName")).await
}

/// POST /v1/Trunks.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (account, scope) = (ctx.account()?.sid, ctx.scope()?);
    let mut row = ElasticTrunkRow::new(ElasticTrunkSid::new(&mut super::rng()), account, ctx.now);
    apply(&mut row, &ctx.params, &ctx.api.config.names)?;
    if ctx.read(move |r| elastic::reach(r, scope, TRUNKS_MAX)).await? {
        return Err(Refusal::plain(TOO_MANY));
    }
    write(&ctx, &row).await?;
    Ok(Outcome::Record(show(&ctx, &row, &[])))
}

/// POST /v1/Trunks/{Sid}: live calls go on as they began.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx, "Sid").await?;
    apply(&mut row, &ctx.params, &ctx.api.config.names)?;
    row.updated = ctx.now;
    write(&ctx, &row).await?;
    shown(&ctx, &row).await
}

/// DELETE /v1/Trunks/{Sid}: its numbers are numbers like others again.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx, "Sid").await?;
    ctx.commit_tables(Tx::one(Op::DeleteElasticTrunk(row.sid))).await?;
    Ok(Outcome::Empty)
}

/// GET /v1/Trunks/{TrunkSid}/Recording.
pub async fn fetch_recording(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show_recording(&find(&ctx, "TrunkSid").await?.recording)))
}

/// POST /v1/Trunks/{TrunkSid}/Recording: calls that begin from now on.
pub async fn update_recording(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx, "TrunkSid").await?;
    for (name, field) in [("Mode", &mut row.recording.mode), ("Trim", &mut row.recording.trim)] {
        if let Some(Given::Text(text)) = ctx.params.get(name) {
            field.clone_from(text);
        }
    }
    row.updated = ctx.now;
    write(&ctx, &row).await?;
    Ok(Outcome::Record(show_recording(&row.recording)))
}
