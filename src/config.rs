//! (s) One typed struct for every setting. The table below is the only declaration: the environment, the TOML file, the
//! messages and docs/config.md come from it.

mod read;
mod strangers;

use crate::webhooks::address::Network;
use crate::webhooks::events;
use read::{addresses, events_of, is_base, port_range, realm};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
pub use strangers::strangers;

/// One setting.
pub struct Key {
    /// In the TOML file.
    pub name: &'static str,
    /// In the environment; wins over the file.
    pub env: &'static str,
    /// If neither says anything.
    pub default: &'static str,
    /// For docs/config.md.
    pub meaning: &'static str,
}

const fn key(name: &'static str, env: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, env, default, meaning }
}

/// Every setting.
pub const KEYS: &[Key] = &[
    key("http_listen", "CHORUS_HTTP_LISTEN", "127.0.0.1:3000", "REST API, readiness and metrics"),
    key("sip_listen", "CHORUS_SIP_LISTEN", "0.0.0.0:5060", "SIP over UDP and TCP"),
    key(
        "sip_tls_listen",
        "CHORUS_SIP_TLS_LISTEN",
        "",
        "SIP over TLS: an address, with port 5061 unless it has another; empty: none",
    ),
    key(
        "sip_tls_cert",
        "CHORUS_SIP_TLS_CERT",
        "",
        "PEM file that SIP over TLS shows; empty: that of tls_cert, or one made at first start in sip-tls of the data directory; re-read on SIGHUP",
    ),
    key("sip_tls_key", "CHORUS_SIP_TLS_KEY", "", "PEM file of its key"),
    key(
        "dns",
        "CHORUS_DNS",
        "",
        "DNS servers for names in SIP (addresses, with a port if it is not 53, comma); empty: the system's",
    ),
    key("data_dir", "CHORUS_DATA_DIR", "./data", "database, recordings, generated key (0600)"),
    key("database_url", "CHORUS_DATABASE_URL", "", "empty: SQLite in the data directory; or postgres://..."),
    key(
        "public_url",
        "CHORUS_PUBLIC_URL",
        "",
        "base of every link and of recording URLs; empty: the listener",
    ),
    key(
        "external_ip",
        "CHORUS_EXTERNAL_IP",
        "",
        "address in Contact and SDP; empty: from the route to the peer",
    ),
    key(
        "realm",
        "CHORUS_REALM",
        "chorus",
        "digest realm of SIP users and of peers that register here; it cannot change once they have passwords",
    ),
    key(
        "trunk_domain",
        "CHORUS_TRUNK_DOMAIN",
        "",
        "suffix of the DomainNames of trunks and SIP domains; empty: any host name, and chorus.local behind a single word",
    ),
    key(
        "events_url",
        "CHORUS_EVENTS_URL",
        "",
        "where the events of calls and streams are told as JSON; {resource} in it becomes phone_call_events or media_stream_events; empty: nowhere",
    ),
    key("events_token", "CHORUS_EVENTS_TOKEN", "", "bearer token that is sent there"),
    key(
        "trusted_proxies",
        "CHORUS_TRUSTED_PROXIES",
        "",
        "SIP proxies (CIDR, comma) whose X-Chorus-Client-Identifier names the trunk, by its username, that they speak for",
    ),
    key(
        "answer_unknown_options",
        "CHORUS_ANSWER_UNKNOWN_OPTIONS",
        "false",
        "true: OPTIONS from anybody gets 200; false: only from what a trunk, list or registration names",
    ),
    key("rtp_ports", "CHORUS_RTP_PORTS", "20000-39999", "RTP port range"),
    key("account_sid", "CHORUS_ACCOUNT_SID", "", "the first account; empty: made at first start"),
    key("auth_token", "CHORUS_AUTH_TOKEN", "", "its token; empty: made and printed at first start"),
    key(
        "carrier_token",
        "CHORUS_CARRIER_TOKEN",
        "",
        "bearer token of /carrier/v1; empty: made at first start",
    ),
    key(
        "secret_key",
        "CHORUS_SECRET_KEY",
        "",
        "64 hexadecimal digits, key for secrets at rest; empty: a file in the data directory",
    ),
    key(
        "allow_networks",
        "CHORUS_ALLOW_NETWORKS",
        "",
        "private networks (CIDR, comma) that webhooks and streams may reach; loopback is open while http_listen is loopback",
    ),
    key("tls_cert", "CHORUS_TLS_CERT", "", "PEM file: HTTPS on http_listen; re-read on SIGHUP"),
    key("tls_key", "CHORUS_TLS_KEY", "", "PEM file of its key"),
    key(
        "ca_file",
        "CHORUS_CA_FILE",
        "",
        "extra roots (PEM) for webhooks, streams and trunks, beside the system's",
    ),
    key("media_workers", "CHORUS_MEDIA_WORKERS", "0", "media threads; 0: one a core"),
    key(
        "numbers",
        "CHORUS_NUMBERS",
        "open",
        "open: an account may claim any E.164 number nobody holds; carrier: only inventory",
    ),
    key(
        "rtp_timeout_s",
        "CHORUS_RTP_TIMEOUT_S",
        "60",
        "seconds without RTP and RTCP that end an answered call; 0: never",
    ),
    key("drain_s", "CHORUS_DRAIN_S", "30", "seconds that calls may go on after SIGTERM"),
    key(
        "keep_recordings_days",
        "CHORUS_KEEP_RECORDINGS_DAYS",
        "90",
        "days until a recording is deleted; 0: never",
    ),
    key(
        "keep_notifications_days",
        "CHORUS_KEEP_NOTIFICATIONS_DAYS",
        "30",
        "days until a notification is deleted; 0: never",
    ),
    key(
        "keep_outbox_days",
        "CHORUS_KEEP_OUTBOX_DAYS",
        "7",
        "days until a delivered or failed callback is forgotten; 0: never",
    ),
    key(
        "speech_url",
        "CHORUS_SPEECH_URL",
        "",
        "base URL of an OpenAI-compatible speech provider; empty: the voice inside",
    ),
    key("speech_key", "CHORUS_SPEECH_KEY", "", "its API key"),
    key("speech_model", "CHORUS_SPEECH_MODEL", "tts-1", "its model"),
    key(
        "log",
        "CHORUS_LOG",
        "info",
        "filter of the log, as `info,chorus::timeline=trace`, which shows timelines as they grow",
    ),
];

/// Of SIP over TLS, where none is written.
const TLS_PORT: u16 = 5061;

/// All of them, typed.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the setting of its name: KEYS says what it means")]
pub struct Config {
    pub http_listen: SocketAddr,
    pub sip_listen: SocketAddr,
    pub sip_tls_listen: Option<SocketAddr>,
    pub sip_tls: Option<(PathBuf, PathBuf)>,
    pub dns: Vec<SocketAddr>,
    pub data_dir: PathBuf,
    pub database_url: String,
    pub public_url: String,
    pub external_ip: Option<IpAddr>,
    pub realm: String,
    pub trunk_domain: Option<String>,
    pub events: Option<events::Target>,
    pub trusted_proxies: Vec<crate::trunk::Network>,
    pub answer_unknown_options: bool,
    pub rtp_ports: (u16, u16),
    pub account_sid: String,
    pub auth_token: String,
    pub carrier_token: String,
    pub secret_key: String,
    pub allow_networks: Vec<Network>,
    pub tls: Option<(PathBuf, PathBuf)>,
    pub ca_file: Option<PathBuf>,
    pub media_workers: usize,
    pub numbers_open: bool,
    pub rtp_timeout_s: u32,
    pub drain_s: u64,
    pub keep_recordings_days: u32,
    pub keep_notifications_days: u32,
    pub keep_outbox_days: u32,
    pub speech: Option<(String, String, String)>,
    pub log: String,
}

/// Where a file is wrong, without the line itself: it may hold a token.
fn unreadable(path: &std::path::Path, text: &str, e: &toml::de::Error) -> String {
    let before = e.span().and_then(|s| text.get(..s.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    format!("{}, line {line}: {}", path.display(), e.message())
}

/// Where each value came from, for messages.
struct Values(BTreeMap<&'static str, (String, String)>);

impl Values {
    fn text(&self, name: &str) -> String {
        self.0.get(name).map(|(v, _)| v.clone()).unwrap_or_default()
    }

    fn some(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|v| !v.is_empty())
    }

    /// An address that may leave its port out.
    fn address(&self, name: &str, port: u16) -> Result<SocketAddr, String> {
        match self.text(name).parse::<IpAddr>() {
            Ok(ip) => Ok(SocketAddr::new(ip, port)),
            Err(_) => self.parse(name, "an address"),
        }
    }

    /// A certificate and its key.
    fn certificate(&self, cert: &str, key: &str) -> Result<Option<(PathBuf, PathBuf)>, String> {
        match (self.some(cert), self.some(key)) {
            (Some(cert), Some(key)) => Ok(Some((cert.into(), key.into()))),
            (None, None) => Ok(None),
            _ => {
                let env = |name: &str| KEYS.iter().find(|k| k.name == name).map_or("", |k| k.env);
                Err(format!("{} and {} are given together or not at all", env(cert), env(key)))
            }
        }
    }

    fn parse<T: std::str::FromStr>(&self, name: &str, expected: &str) -> Result<T, String> {
        let (value, place) = self.0.get(name).cloned().unwrap_or_default();
        value.parse().map_err(|_| format!("{place}: '{value}' is not {expected}"))
    }
}

impl Config {
    /// From the environment, then the TOML file, then the defaults.
    ///
    /// # Errors
    /// One sentence that names the variable or the key of the file.
    pub fn load(
        env: &dyn Fn(&str) -> Option<String>,
        file: Option<(&std::path::Path, &str)>,
    ) -> Result<Config, String> {
        let mut from_file = BTreeMap::new();
        if let Some((path, text)) = file {
            let table: toml::Table = text.parse().map_err(|e| unreadable(path, text, &e))?;
            for (name, value) in table {
                if !KEYS.iter().any(|k| k.name == name) {
                    return Err(format!("{}: unknown key '{name}'", path.display()));
                }
                let value = match value {
                    toml::Value::String(s) => s,
                    toml::Value::Integer(n) => n.to_string(),
                    toml::Value::Boolean(b) => b.to_string(),
                    _ => {
                        return Err(format!(
                            "{}: '{name}' must be text, a number or true or false",
                            path.display()
                        ));
                    }
                };
                let place = format!("{}: {name}", path.display());
                from_file.insert(name, (value, place));
            }
        }
        let values = KEYS.iter().map(|k| {
            let set = env(k.env).map(|v| (v, k.env.to_owned()));
            let value = set.or_else(|| from_file.remove(k.name));
            (k.name, value.unwrap_or_else(|| (k.default.to_owned(), k.env.to_owned())))
        });
        Config::typed(&Values(values.collect()))
    }

    fn typed(v: &Values) -> Result<Config, String> {
        let http_listen: SocketAddr = v.parse("http_listen", "an address with a port")?;
        let tls = v.certificate("tls_cert", "tls_key")?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let public = match v.some("public_url") {
            Some(url) if is_base(&url) => url,
            Some(url) => {
                return Err(format!(
                    "CHORUS_PUBLIC_URL: '{url}' is not a URL like https://voice.example.com"
                ));
            }
            None => format!("{scheme}://{http_listen}"),
        };
        let networks = Network::parse_list(&v.text("allow_networks"))
            .map_err(|e| format!("CHORUS_ALLOW_NETWORKS: {e}"))?;
        let numbers = v.text("numbers");
        if !matches!(numbers.as_str(), "open" | "carrier") {
            return Err(format!("CHORUS_NUMBERS: '{numbers}' is neither open nor carrier"));
        }
        Ok(Config {
            http_listen,
            sip_listen: v.parse("sip_listen", "an address with a port")?,
            sip_tls_listen: v
                .some("sip_tls_listen")
                .map(|_| v.address("sip_tls_listen", TLS_PORT))
                .transpose()?,
            sip_tls: v.certificate("sip_tls_cert", "sip_tls_key")?.or_else(|| tls.clone()),
            dns: addresses(&v.text("dns"))?,
            data_dir: v.text("data_dir").into(),
            database_url: v.text("database_url"),
            public_url: public.trim_end_matches('/').to_owned(),
            external_ip: match v.some("external_ip") {
                Some(_) => Some(v.parse("external_ip", "an IP address")?),
                None => None,
            },
            realm: realm(v.text("realm"))?,
            trunk_domain: v.some("trunk_domain").map(read::trunk_domain).transpose()?,
            events: events_of(v.some("events_url"), v.text("events_token"))?,
            trusted_proxies: read::proxies(&v.text("trusted_proxies"))?,
            answer_unknown_options: v.parse("answer_unknown_options", "true or false")?,
            rtp_ports: port_range(&v.text("rtp_ports"))?,
            account_sid: v.text("account_sid"),
            auth_token: v.text("auth_token"),
            carrier_token: v.text("carrier_token"),
            secret_key: v.text("secret_key"),
            allow_networks: networks,
            tls,
            ca_file: v.some("ca_file").map(PathBuf::from),
            media_workers: v.parse("media_workers", "a number")?,
            numbers_open: numbers == "open",
            rtp_timeout_s: v.parse("rtp_timeout_s", "a number of seconds")?,
            drain_s: v.parse("drain_s", "a number of seconds")?,
            keep_recordings_days: v.parse("keep_recordings_days", "a number of days")?,
            keep_notifications_days: v.parse("keep_notifications_days", "a number of days")?,
            keep_outbox_days: v.parse("keep_outbox_days", "a number of days")?,
            speech: v.some("speech_url").map(|url| (url, v.text("speech_key"), v.text("speech_model"))),
            log: v.text("log"),
        })
    }

    /// From the process' environment and `path`, or `chorus.toml` if there is one here.
    ///
    /// # Errors
    /// As [`Config::load`], and for a file that cannot be read.
    pub fn from_process(path: Option<&std::path::Path>) -> Result<Config, String> {
        let default = std::path::Path::new("chorus.toml");
        let path = path.or_else(|| default.exists().then_some(default));
        let text = match path {
            Some(p) => Some(std::fs::read_to_string(p).map_err(|e| format!("{}: {e}", p.display()))?),
            None => None,
        };
        Config::load(&|name| std::env::var(name).ok(), path.zip(text.as_deref()))
    }

    /// The database as the store wants it.
    pub fn store_url(&self) -> String {
        match self.database_url.as_str() {
            "" => format!("sqlite:{}", self.data_dir.join("chorus.db").display()),
            url => url.to_owned(),
        }
    }

    /// Where recordings lie.
    pub fn recordings_dir(&self) -> PathBuf {
        self.data_dir.join("recordings")
    }
}

/// docs/config.md.
pub fn page() -> String {
    let mut out = String::from(
        "# Settings\n\nMade from the table in `src/config.rs` by `chorus config`; a test compares them. Each setting is an \
         environment variable,\nor a key of `chorus.toml` (`--config FILE`). Unknown keys are refused.\n\n\
         | variable | key | default | meaning |\n| --- | --- | --- | --- |\n",
    );
    for k in KEYS {
        let default = if k.default.is_empty() { "none" } else { k.default };
        out.push_str(&format!("| {} | {} | {default} | {} |\n", k.env, k.name, k.meaning));
    }
    out
}
