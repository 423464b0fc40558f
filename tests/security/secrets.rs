//! What this run of the suite holds for secret, and the search for it. The doors through which tests speak with the server
//! (`tests/api/http.rs`, `tests/security/house.rs`, `tests/fault/http.rs`, the World) plant what passes them, so that no test has to.

use serde_json::Value;
use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

/// Octets of the shortest text that is searched for anywhere. A shorter one (`42`) occurs in what has nothing to do with it; keys are
/// also found by the words beside them (`layer::shown`) and by `independence.rs`.
pub const LEAST: usize = 8;

/// Fields of a form, of JSON or of the configuration whose value is nobody else's business.
const FIELDS: &[&str] =
    &["sipauthpassword", "password", "senddigits", "digits", "authtoken", "auth_token", "secret", "token"];

/// All secrets by their first octets: one look a place of the text, however many there are.
static PLANTED: LazyLock<RwLock<HashMap<[u8; LEAST], Vec<String>>>> = LazyLock::new(RwLock::default);

/// From now on nothing that is said may hold this.
pub fn plant(secret: &str) {
    let head =
        secret.as_bytes().first_chunk().unwrap_or_else(|| panic!("{secret} is too short to be unique"));
    let mut planted = PLANTED.write().unwrap();
    let same = planted.entry(*head).or_default();
    if !same.iter().any(|s| s == secret) {
        same.push(secret.to_owned());
    }
}

/// The same, if it is long enough to be told from other words.
fn plant_if_unique(value: &str) {
    if value.len() >= LEAST {
        plant(value);
    }
}

/// A field of a form, if its name says that it is a secret.
pub fn plant_field(name: &str, value: &str) {
    // `Parameter3.Value` is a parameter of a stream: tokens travel to agents so.
    if FIELDS.contains(&name.to_ascii_lowercase().as_str()) || name.ends_with(".Value") {
        plant_if_unique(value);
    }
    plant_user_info(value);
    if value.contains("PRIVATE KEY") {
        value.lines().filter(|line| !line.starts_with("--")).for_each(plant_if_unique);
    }
}

/// The password of a URL.
fn plant_user_info(value: &str) {
    let password = url::Url::parse(value).ok().and_then(|u| u.password().map(str::to_owned));
    password.iter().for_each(|p| plant_if_unique(p));
}

/// The URL of an application with a canary in each place whose content may not be shown.
pub fn url(host: impl std::fmt::Display, path: &str) -> String {
    const PASSWORD: &str = "canary-password-of-an-url";
    const VALUE: &str = "canary-value-of-a-query";
    [PASSWORD, VALUE].into_iter().for_each(plant);
    let join = if path.contains('?') { '&' } else { '?' };
    format!("http://anybody:{PASSWORD}@{host}{path}{join}canary={VALUE}")
}

/// What a request of a test brings: its credentials and the fields of its body.
pub fn plant_request(authorization: Option<&str>, body: &[u8]) {
    let (scheme, credentials) = authorization.and_then(|a| a.split_once(' ')).unwrap_or_default();
    plant_if_unique(credentials);
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64_simd::STANDARD.decode_to_vec(credentials).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        plant_if_unique(decoded.split_once(':').map_or("", |(_, password)| password));
    }
    match serde_json::from_slice(body) {
        Ok(json @ Value::Object(_)) => plant_json(&json),
        _ => url::form_urlencoded::parse(body).for_each(|(name, value)| plant_field(&name, &value)),
    }
}

/// What an answer of the server gave away: the secret of a new key, the token of an account.
pub fn plant_answer(body: &[u8]) {
    if let Ok(json) = serde_json::from_slice(body) {
        plant_json(&json);
    }
}

fn plant_json(json: &Value) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            Value::String(text) => plant_field(name, text),
            deeper => plant_json(deeper),
        }),
        Value::Array(all) => all.iter().for_each(plant_json),
        _ => {}
    }
}

/// The first secret that this text shows.
pub fn found(text: &str) -> Option<String> {
    let planted = PLANTED.read().unwrap_or_else(PoisonError::into_inner);
    let octets = text.as_bytes();
    octets.windows(LEAST).enumerate().find_map(|(at, head)| {
        let head: &[u8; LEAST] = head.try_into().ok()?;
        let rest = &octets[at..];
        planted.get(head)?.iter().find(|s| rest.starts_with(s.as_bytes())).cloned()
    })
}

#[test]
fn what_passes_the_doors_is_planted_and_found() {
    let login = base64_simd::STANDARD.encode_to_string("AC1:token-of-this-test");
    let form =
        b"SendDigits=90210%23448811&To=%2B15005550006&Url=https%3A%2F%2Fu%3Apw-of-this-test%40app.test%2F";
    plant_request(Some(&format!("Basic {login}")), form);
    plant_request(
        Some("Bearer bearer-of-this-test"),
        br#"{"name":"harmless-name","password":"trunk-of-this-test"}"#,
    );
    plant_answer(br#"{"keys":[{"sid":"SK1","secret":"secret-of-this-test"}]}"#);
    for secret in ["token-of-this-test", &login, "90210#448811", "pw-of-this-test", "bearer-of-this-test"] {
        assert_eq!(found(&format!("x{secret}y")).as_deref(), Some(secret));
    }
    assert!(found("=secret-of-this-test").is_some() && found("trunk-of-this-test").is_some());
    assert_eq!(found("harmless-name https://app.test/ token-of-this-tes"), None);
}
