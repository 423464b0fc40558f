//! (s) What a trunk looks like from outside: the attributes that it takes and those that it shows.

use super::command::{Answer, Request};
use super::operation::Ctx;
use super::params::{Kind, PEM_MAX, Param, param};
use super::schema::{Prop, Schema, Type, always, maybe};
use crate::media::plan::Dtmf;
use crate::sid::TrunkSid;
use crate::sip::registration::RegistrationState;
use crate::store::rows::{BindingRow, Registrant, TrunkMode, TrunkRow};
use crate::trunk::manners::{Manners, REDIRECTS, RELIABILITIES};
use crate::trunk::policy::Word;
use crate::trunk::{media::SrtpPolicy, normalise};
use serde_json::{Value, json};

/// Modes of authentication.
pub const MODES: &[&str] = &["ip_address", "client_credentials", "outbound_registration"];

/// How a trunk is reached.
pub const TRANSPORTS: &[&str] = &["udp", "tcp", "tls"];
const REFER: &[&str] = &["deny", "allow"];
const BELIEVED: &[&str] = &["from", "asserted"];
const ASSERTS: &[&str] = &["none", "p_asserted_identity", "remote_party_id"];

/// The mode comes first: UPDATE does not require it.
const FIELDS: [Param; 36] = [
    param(
        "authentication_mode",
        Kind::OneOf(MODES),
        "How the peer and we know each other: by its address, by its registration here, or by ours there.",
    )
    .required(20001)
    .example("ip_address"),
    param("name", Kind::Text(64), "Name; outbound_host by default.").example("Main trunk"),
    param(
        "inbound_source_ips",
        Kind::Cidrs,
        "Addresses or networks that calls may come from; of a peer with credentials, none means any.",
    )
    .example("192.0.2.7"),
    param(
        "outbound_host",
        Kind::Host,
        "Where calls go; without it the trunk only receives, or calls where its peer has registered.",
    )
    .example("pbx.example.com:5060"),
    param("outbound_proxy", Kind::Host, "Where requests are sent instead of outbound_host."),
    param(
        "transport",
        Kind::OneOf(TRANSPORTS),
        "How calls go there; udp by default, unless its NAPTR or SRV records say otherwise.",
    ),
    param(
        "username",
        Kind::Token(128),
        "User of the credentials: the peer's where it registers here, otherwise ours there.",
    ),
    param(
        "password",
        Kind::Token(128),
        "Password of the credentials; never shown. For client_credentials one is made up if none is given, and shown once.",
    ),
    param("auth_user", Kind::Token(128), "User of our digest answers; username by default."),
    param("from_user", Kind::Token(128), "User part of From; the caller by default."),
    param("inbound_country", Kind::Country, "Country of numbers written without one: two letters."),
    param("default_sender", Kind::Caller, "Caller of calls whose caller ID is no number of their account."),
    param("max_channels", Kind::Int(1, CHANNELS_MAX), "Calls at a time; as many as there are by default."),
    param("outbound_dial_string_prefix", Kind::Prefix, "Written before the number that is dialled."),
    param(
        "outbound_plus_prefix",
        Kind::Bool,
        "The number that is dialled begins with +; by default it does, unless outbound_national_dialing is on or we register there.",
    ),
    param(
        "outbound_national_dialing",
        Kind::Bool,
        "Numbers of inbound_country are dialled as within it; false by default.",
    ),
    param(
        "outbound_route_prefixes",
        Kind::Prefixes,
        "Digits that the numbers begin with which go this way; every number by default.",
    ),
    param(
        "outbound_dial_string",
        Kind::DialString,
        "The whole Request-URI, with {number}, {host} and {user}.",
    ),
    param(
        "reliable_provisional",
        Kind::OneOf(RELIABILITIES),
        "Provisional responses acknowledged by PRACK: offered by default; required or off.",
    ),
    param(
        "session_expires",
        Kind::Int(0, SESSION_EXPIRES_MAX),
        "Seconds after which a call ends that nobody refreshes, at least 90; 1800 by default, 0 asks for none.",
    ),
    param(
        "redirects",
        Kind::OneOf(REDIRECTS),
        "3xx that are followed: those that stay with the trunk by default; none or any.",
    ),
    param(
        "srtp",
        Kind::OneOf(SrtpPolicy::WORDS),
        "Encryption of media: never, where the peer wants it, or always; off by default.",
    ),
    param(
        "codecs",
        Kind::Order(CODECS),
        "Codecs in the order of our offers, which answers prefer; by default PCMU and PCMA, and the peer's order.",
    ),
    param(
        "ptime",
        Kind::Int(10, 60),
        "Packet time in milliseconds, a multiple of 10; by default 20, or what the peer asks for.",
    ),
    param(
        "dtmf",
        Kind::OneOf(Dtmf::WORDS),
        "How keys travel: RTP events, SIP INFO, tones, or events where the peer has them and tones otherwise; rfc4733 by default.",
    ),
    param("account_sid", Kind::Sid("AC"), "Pins the trunk to one account."),
    param(
        "tls_ca",
        Kind::Text(PEM_MAX),
        "Authorities (PEM) that the peer's certificate must come from; the system's by default.",
    ),
    param(
        "tls_peer_names",
        Kind::Names,
        "Names that the peer's certificate may carry; the host that we connect to by default.",
    ),
    param(
        "tls_peer_fingerprints",
        Kind::Fingerprints,
        "SHA-256 fingerprints of the peer's certificate; if there are any, nothing else of it matters.",
    ),
    param(
        "tls_client_auth",
        Kind::Bool,
        "The peer must connect over TLS and show its certificate; false by default.",
    ),
    param("tls_certificate", Kind::Text(PEM_MAX), "The certificate (PEM) that we show the peer."),
    param("tls_private_key", Kind::Text(PEM_MAX), "Its key (PEM); never shown."),
    param(
        "refer",
        Kind::OneOf(REFER),
        "Transfers by SIP REFER: by the Refer verb, and by the peer, whose transfers the account pays; deny by default.",
    ),
    param(
        "inbound_identity",
        Kind::OneOf(BELIEVED),
        "Who calls: From, or what the peer's network asserts (P-Asserted-Identity, Remote-Party-ID); from by default.",
    ),
    param("outbound_identity", Kind::OneOf(ASSERTS), "How calls say who calls beside From: none by default."),
    param(
        "outbound_diversion",
        Kind::Bool,
        "A call that is passed on says by whom (Diversion); false by default.",
    ),
];

/// Codecs that are spoken.
const CODECS: &[&str] = &["PCMU", "PCMA"];

/// Most `max_channels`.
const CHANNELS_MAX: i64 = 1_000_000;
/// Most `session_expires`: a day.
const SESSION_EXPIRES_MAX: i64 = 86_400;

/// Attributes of create.
pub const CREATE: &[Param] = &FIELDS;

/// Attributes of update: the same, all optional.
pub const UPDATE: &[Param] = &optional(FIELDS);

const fn optional<const N: usize>(mut fields: [Param; N]) -> [Param; N] {
    fields[0] = fields[0].optional();
    fields
}

/// A trunk.
pub const TRUNK: Schema = Schema { name: "carrier.v1.sip_trunk", element: "SipTrunk", props: PROPS };

const PROPS: &[Prop] = &[
    always("name", Type::Text),
    always("authentication_mode", Type::OneOf(MODES)),
    always("inbound_source_ips", Type::Texts),
    maybe("outbound_host", Type::Text),
    maybe("outbound_proxy", Type::Text),
    always("transport", Type::OneOf(TRANSPORTS)),
    maybe("username", Type::Text),
    maybe("auth_user", Type::Text),
    maybe("from_user", Type::Text),
    maybe("inbound_country", Type::Text),
    maybe("default_sender", Type::Text),
    maybe("max_channels", Type::Int),
    maybe("outbound_dial_string_prefix", Type::Text),
    always("outbound_plus_prefix", Type::Bool),
    always("outbound_national_dialing", Type::Bool),
    always("outbound_route_prefixes", Type::Texts),
    maybe("outbound_dial_string", Type::Text),
    always("reliable_provisional", Type::OneOf(RELIABILITIES)),
    always("session_expires", Type::Int),
    always("redirects", Type::OneOf(REDIRECTS)),
    always("srtp", Type::OneOf(SrtpPolicy::WORDS)),
    always("codecs", Type::Texts),
    maybe("ptime", Type::Int),
    always("dtmf", Type::OneOf(Dtmf::WORDS)),
    maybe("account_sid", Type::Sid("AC")),
    maybe("tls_ca", Type::Text),
    always("tls_peer_names", Type::Texts),
    always("tls_peer_fingerprints", Type::Texts),
    always("tls_client_auth", Type::Bool),
    maybe("tls_certificate", Type::Text),
    always("refer", Type::OneOf(REFER)),
    always("inbound_identity", Type::OneOf(BELIEVED)),
    always("outbound_identity", Type::OneOf(ASSERTS)),
    always("outbound_diversion", Type::Bool),
    maybe("registration", Type::Any),
    maybe("contacts", Type::Any),
    always("created_at", Type::Text),
    always("updated_at", Type::Text),
];

/// How the trunks stand now: those that register elsewhere, and who has registered here.
#[derive(Debug, Default)]
pub struct Live {
    registrations: Vec<(TrunkSid, RegistrationState)>,
    bindings: Vec<BindingRow>,
}

impl Live {
    /// Asks the switch; if it has no time, nothing is known.
    pub async fn ask(ctx: &Ctx) -> Live {
        match ctx.api.live.ask(Request::Registrations).await {
            Answer::Registrations(registrations, bindings) => Live { registrations, bindings },
            _ => Live::default(),
        }
    }

    /// Of a trunk that registers elsewhere.
    pub fn registration(&self, row: &TrunkRow) -> Value {
        let found = self.registrations.iter().find(|(sid, _)| *sid == row.sid);
        let Some((_, s)) = found else { return Value::Null };
        json!({
            "state": s.state.as_str(),
            "since": s.since.iso8601(),
            "expires_at": s.expires.map(|at| at.iso8601()),
            "last_error": s.last_error,
            "next_try_at": s.next_try.map(|at| at.iso8601()),
        })
    }

    /// Of a trunk whose peer registers here; of the others null.
    fn contacts(&self, row: &TrunkRow) -> Value {
        if row.authentication_mode != TrunkMode::ClientCredentials {
            return Value::Null;
        }
        let of_it = self.bindings.iter().filter(|b| b.owner == Registrant::Trunk(row.sid));
        let contacts = of_it.map(|b| {
            json!({
                "contact": b.contact,
                "source": b.flow.remote.to_string(),
                "user_agent": b.user_agent,
                "registered_at": b.updated.iso8601(),
                "expires_at": b.expires.iso8601(),
            })
        });
        Value::Array(contacts.collect())
    }
}

/// A trunk as a JSON:API resource; a password only where one was made up for this answer.
pub fn show(row: &TrunkRow, live: &Live, password: Option<&str>) -> Value {
    let mut attributes = json!({
        "name": row.name,
        "authentication_mode": row.authentication_mode.as_str(),
        "inbound_source_ips": row.inbound_source_ips,
        "outbound_host": row.outbound_host,
        "outbound_proxy": row.outbound_proxy,
        "transport": row.transport,
        "username": row.username,
        "auth_user": row.auth_user,
        "from_user": row.from_user,
        "inbound_country": row.country,
        "default_sender": row.default_sender,
        "max_channels": row.max_channels,
        "outbound_dial_string_prefix": row.outbound_dial_string_prefix,
        "outbound_plus_prefix": normalise::plus(row),
        "outbound_national_dialing": row.outbound_national_dialing,
        "outbound_route_prefixes": row.outbound_route_prefixes,
        "outbound_dial_string": row.outbound_dial_string,
        "reliable_provisional": row.reliability.as_str(),
        "session_expires": Manners::of(row).session_expires,
        "redirects": row.redirects.as_str(),
        "srtp": row.media.srtp.as_str(),
        "codecs": row.media.codecs.iter().map(|c| c.name()).collect::<Vec<_>>(),
        "ptime": row.media.ptime,
        "dtmf": row.media.dtmf.as_str(),
        "account_sid": row.account,
        "tls_ca": row.tls.ca,
        "tls_peer_names": row.tls.names,
        "tls_peer_fingerprints": row.tls.fingerprints,
        "tls_client_auth": row.tls.client_auth,
        "tls_certificate": row.tls.certificate,
        "refer": row.refer.as_str(),
        "inbound_identity": row.identity.inbound.as_str(),
        "outbound_identity": row.identity.outbound.as_str(),
        "outbound_diversion": row.identity.diversion,
        "registration": live.registration(row),
        "contacts": live.contacts(row),
        "created_at": row.created.iso8601(),
        "updated_at": row.updated.iso8601(),
    });
    if let (Some(password), Some(all)) = (password, attributes.as_object_mut()) {
        all.insert("password".to_owned(), json!(password));
    }
    super::carrier::resource(&TRUNK, row.sid, attributes)
}
