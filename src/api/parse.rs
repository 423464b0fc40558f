//! From fields to checked values, by the declaration of an operation. A refusal here means that nothing was touched.

use super::form::Fields;
use super::params::*;
use super::refusal::Refusal;
use super::{dates, not_offered, urls};
use crate::trunk::{countries, route};
use crate::webhooks::request::Method;

/// Reads the fields by their declarations, in the order of the table, so that the first refusal is always the same.
/// Fields that nobody declared are passed over, as Twilio does.
pub fn parse(operation: &str, table: &[&'static [Param]], fields: &Fields) -> Result<Params, Refusal> {
    let mut out = Params::default();
    for param in table.iter().copied().flatten() {
        let Some(value) = read(param, fields).map_err(|r| r.about(param.name))? else {
            if let Some(code) = param.required {
                return Err(missing(param, code).about(param.name));
            }
            continue;
        };
        not_offered::check(operation, param.name, &value).map_err(|r| r.about(param.name))?;
        out.0.push((param.name, value));
    }
    Ok(out)
}

fn missing(param: &Param, code: u32) -> Refusal {
    match code {
        // What the sentence of the code says is not enough where several parameters share it.
        20001 | 21231 | 21235 | 21238 | 21240 | 21243 | 21245 => {
            Refusal::new(code, format!("{} is required.", param.name))
        }
        _ => Refusal::plain(code),
    }
}

fn read(param: &'static Param, fields: &Fields) -> Result<Option<Value>, Refusal> {
    if param.kind == Kind::Pairs {
        let pairs = pairs(param, fields)?;
        return Ok((!pairs.is_empty()).then_some(Value::Pairs(pairs)));
    }
    let mut given = fields.iter().filter(|(n, _)| n == param.name).map(|(_, v)| v.as_str());
    let Some(first) = given.next() else { return Ok(None) };
    if let Kind::Words(known) = param.kind {
        return words(param, known, std::iter::once(first).chain(given)).map(Some);
    }
    let all = std::iter::once(first);
    match param.kind {
        Kind::Cidrs => return list_of(param, all.chain(given), CIDRS_MAX, cidr).map(Some),
        Kind::Names => return list_of(param, all.chain(given), PEERS_MAX, name).map(Some),
        Kind::Fingerprints => return list_of(param, all.chain(given), PEERS_MAX, fingerprint).map(Some),
        Kind::Order(words) => return order(param, words, all.chain(given)).map(Some),
        Kind::Prefixes => return list_of(param, all.chain(given), PREFIXES_MAX, route_prefix).map(Some),
        _ => {}
    }
    if given.next().is_some() {
        return Err(Refusal::new(param.bad, format!("{} is given more than once.", param.name)));
    }
    if first.is_empty() {
        return match param.required {
            Some(code) => Err(missing(param, code)),
            None if param.may_be_empty() => Ok(Some(Value::Text(String::new()))),
            None => Err(bad(param)),
        };
    }
    let value = value(param.kind, first).ok_or_else(|| bad_value(param, first))?;
    urls::check(param, first)?;
    Ok(Some(value))
}

/// One value of a text parameter, as it is read of a request.
///
/// # Errors
/// It does not fit the parameter.
pub fn text(param: &Param, given: &str) -> Result<String, Refusal> {
    match value(param.kind, given) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(bad_value(param, given)),
    }
}

fn bad(param: &Param) -> Refusal {
    Refusal::new(param.bad, format!("{}: {} is expected.", param.name, expectation(param.kind)))
}

/// A stream's URL with a scheme that is not wss.
const OTHER_SCHEME: u32 = 31922;

fn is_stream(url: &url::Url) -> bool {
    matches!(url.scheme(), "wss" | "ws")
}

/// As `bad`; a callee is named, in the words that applications look for.
fn bad_value(param: &Param, given: &str) -> Refusal {
    if param.kind == Kind::StreamUrl && url::Url::parse(given).is_ok_and(|u| !is_stream(&u)) {
        return Refusal::plain(OTHER_SCHEME);
    }
    if param.kind != Kind::Callee {
        return bad(param);
    }
    let shown: String = given.chars().filter(|c| !c.is_control()).take(64).collect();
    let words = format!("The phone number you are attempting to call, {shown}, is not valid.");
    Refusal::new(param.bad, format!("{words} Expected: {}.", expectation(param.kind)))
}

/// What a kind expects, as the middle of a sentence.
pub fn expectation(kind: Kind) -> String {
    match kind {
        Kind::Text(max) => format!("text of at most {max} characters without control characters"),
        Kind::Token(max) => format!("at most {max} printable ASCII characters without spaces"),
        Kind::Int(min, i64::MAX) => format!("a whole number from {min}"),
        Kind::Int(min, max) => format!("a whole number from {min} to {max}"),
        Kind::PageSize => format!("a whole number from 1 to {PAGE_SIZE_MAX}"),
        Kind::Bool => "true or false".to_string(),
        Kind::OneOf(words) => format!("one of {}", words.join(", ")),
        Kind::Words(words) => format!("some of {}", words.join(", ")),
        Kind::Method => "GET or POST".to_string(),
        Kind::Url => format!("an absolute http or https URL of at most {URL_MAX} characters"),
        Kind::TwimlUrl => {
            format!(
                "an absolute http or https URL, or a data: URL with TwiML, of at most {URL_MAX} characters"
            )
        }
        Kind::StreamUrl => format!("an absolute wss URL of at most {URL_MAX} characters"),
        Kind::Twiml => format!("a document of at most {TWIML_MAX} characters"),
        Kind::Sid(prefix) => format!("{prefix} and 32 hexadecimal digits"),
        Kind::Phone => "a phone number in E.164, with a leading +,".to_string(),
        Kind::PhonePattern => "digits, +, and * for any digit".to_string(),
        Kind::Callee => "a phone number in E.164, with a leading +, or a sip: URI".to_string(),
        Kind::Caller => {
            "a phone number in E.164, with a leading +, or the user part of a SIP address".to_string()
        }
        Kind::Endpoint => format!("an address of at most {ENDPOINT_MAX} characters"),
        Kind::Digits => format!("at most {DIGITS_MAX} of 0-9 A-D # * w W"),
        Kind::Time => "a date YYYY-MM-DD or an ISO 8601 time".to_string(),
        Kind::Host => "a host name or address, with a port if need be,".to_string(),
        Kind::Address => "an IPv4 or IPv6 address".to_string(),
        Kind::Password => format!(
            "text of {PASSWORD_MIN} to {PASSWORD_MAX} characters with a digit, an upper and a lower case letter"
        ),
        Kind::Country => "two capital letters of a country that has telephone numbers".to_string(),
        Kind::Prefix => format!("at most {PREFIX_MAX} of 0-9 *"),
        Kind::Order(words) => format!("a list of {}", words.join(", ")),
        Kind::Prefixes => format!("at most {PREFIXES_MAX} prefixes of at most {PREFIX_MAX} digits"),
        Kind::DialString => "a sip: URI with {number}, and {host} and {user} if need be,".to_string(),
        Kind::Cidrs => format!("at most {CIDRS_MAX} addresses or networks in CIDR form"),
        Kind::Names => format!("at most {PEERS_MAX} host names or addresses"),
        Kind::Fingerprints => format!("at most {PEERS_MAX} SHA-256 fingerprints of 64 hexadecimal digits"),
        Kind::Pairs => format!("pairs of at most {PAIR_CHARS_MAX} characters"),
    }
}

fn value(kind: Kind, text: &str) -> Option<Value> {
    let own = |t: &str| Some(Value::Text(t.to_string()));
    match kind {
        Kind::Text(max) => (plain(text) && fits(text, max)).then(|| own(text))?,
        Kind::Token(max) => {
            (text.bytes().all(|b| b.is_ascii_graphic()) && fits(text, max)).then(|| own(text))?
        }
        Kind::Int(min, max) => integer(text).filter(|n| (min..=max).contains(n)).map(Value::Int),
        Kind::PageSize => integer(text).filter(|n| *n >= 1).map(|n| Value::Int(n.min(PAGE_SIZE_MAX))),
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::OneOf(words) => words.iter().find(|w| **w == text).and_then(|w| own(w)),
        Kind::Method => match text.to_ascii_uppercase().as_str() {
            "GET" => Some(Value::Method(Method::Get)),
            "POST" => Some(Value::Method(Method::Post)),
            _ => None,
        },
        Kind::Url | Kind::TwimlUrl | Kind::StreamUrl => urls::has_form(kind, text).then(|| own(text))?,
        Kind::Twiml => (plain(text) && fits(text, TWIML_MAX)).then(|| own(text))?,
        Kind::Sid(prefix) => sid(prefix, text).map(Value::Text),
        Kind::Phone => phone(text).map(Value::Text),
        Kind::PhonePattern => pattern(text).map(Value::Text),
        Kind::Callee => callee(text).map(Value::Text),
        Kind::Caller => caller(text).map(Value::Text),
        Kind::Endpoint => (plain(text) && fits(text, ENDPOINT_MAX))
            .then(|| own(&phone(text).unwrap_or(text.to_string())))?,
        Kind::Digits => (text.chars().all(|c| "0123456789ABCDabcd#*wW".contains(c))
            && fits(text, DIGITS_MAX))
        .then(|| own(text))?,
        Kind::Time => dates::parse(text).map(Value::Time),
        Kind::Host => (fits(text, 255) && host_port(text)).then(|| own(text))?,
        Kind::Address => text.parse::<std::net::IpAddr>().ok().map(|ip| Value::Text(ip.to_string())),
        Kind::Password => password(text).then(|| own(text))?,
        Kind::Country => (text.len() == 2 && countries::of(text).is_some()).then(|| own(text))?,
        Kind::Prefix => (text.bytes().all(|b| b.is_ascii_digit() || b == b'*') && fits(text, PREFIX_MAX))
            .then(|| own(text))?,
        Kind::DialString => (fits(text, ENDPOINT_MAX) && route::is_template(text)).then(|| own(text))?,
        Kind::Words(_)
        | Kind::Order(_)
        | Kind::Pairs
        | Kind::Cidrs
        | Kind::Prefixes
        | Kind::Names
        | Kind::Fingerprints => None,
    }
}

fn words<'a>(
    param: &Param,
    known: &'static [&'static str],
    given: impl Iterator<Item = &'a str>,
) -> Result<Value, Refusal> {
    let mut wanted = Vec::new();
    for word in given.flat_map(str::split_ascii_whitespace) {
        wanted.push(known.iter().copied().find(|k| *k == word).ok_or_else(|| bad(param))?);
    }
    match wanted.is_empty() {
        true => Err(bad(param)),
        false => Ok(Value::Words(known.iter().copied().filter(|k| wanted.contains(k)).collect())),
    }
}

/// `Parameter1.Name` with `Parameter1.Value`; a name without a value has an empty one, a value without a name is bad.
fn pairs(param: &Param, fields: &Fields) -> Result<Vec<(String, String)>, Refusal> {
    let mut found: Vec<(usize, &str, &str)> = Vec::new();
    for (name, value) in fields {
        let Some(rest) = name.strip_prefix(param.name) else { continue };
        let Some((number, half)) = rest.split_once('.') else { continue };
        let Ok(number) = number.parse::<usize>() else { continue };
        if !(1..=PAIRS_MAX).contains(&number) || !matches!(half, "Name" | "Value") || !plain(value) {
            return Err(bad(param));
        }
        if found.iter().any(|(n, h, _)| (*n, *h) == (number, half)) {
            return Err(Refusal::new(param.bad, format!("{name} is given more than once.")));
        }
        found.push((number, half, value));
    }
    let half = |n: usize, h: &str| found.iter().find(|f| f.0 == n && f.1 == h).map(|f| f.2);
    let mut numbers: Vec<usize> = found.iter().map(|f| f.0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut out = Vec::with_capacity(numbers.len());
    for n in numbers {
        let name = half(n, "Name").filter(|name| !name.is_empty()).ok_or_else(|| bad(param))?;
        let value = half(n, "Value").unwrap_or_default();
        if name.chars().count().saturating_add(value.chars().count()) >= PAIR_CHARS_MAX {
            return Err(bad(param));
        }
        out.push((name.to_string(), value.to_string()));
    }
    Ok(out)
}

pub(super) fn fits(text: &str, max: usize) -> bool {
    text.chars().count() <= max
}

/// No control characters but tab and line ends: databases and headers take everything else.
pub(super) fn plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n'))
}

fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A SID in Twilio's lower case, or None.
pub fn sid(prefix: &str, text: &str) -> Option<String> {
    let hex = text.strip_prefix(prefix)?;
    (hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| format!("{prefix}{}", hex.to_ascii_lowercase()))
}

/// E.164 with its plus, or None. A leading space counts as the plus: an unescaped `+` in a form arrives as one.
pub fn phone(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['+', ' '])?;
    let mut out = String::from("+");
    for c in digits.chars() {
        match c {
            '0'..='9' => out.push(c),
            ' ' | '-' | '.' | '(' | ')' => {}
            _ => return None,
        }
    }
    // E.164: at most 15 digits, no country code begins with 0; fewer than 7 cannot be dialled from abroad.
    ((8..=16).contains(&out.len()) && !out.starts_with("+0")).then_some(out)
}

fn pattern(text: &str) -> Option<String> {
    let good =
        !text.is_empty() && text.len() <= 32 && text.chars().all(|c| c.is_ascii_digit() || "+* ".contains(c));
    // As in `phone`, a space is a plus that was not escaped.
    good.then(|| text.replace(' ', "+"))
}

/// `sip:user@host`, with port, parameters and headers.
fn sip_uri(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("sip:") else { return false };
    let printable = rest.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b));
    let address = rest.split(['?', ';']).next().unwrap_or_default();
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    printable && fits(text, ENDPOINT_MAX) && host_port(host)
}

fn host_port(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((six, rest)) if six.parse::<std::net::Ipv6Addr>().is_ok() => ("six", rest.strip_prefix(':')),
        Some(_) => return false,
        None => text.split_once(':').map_or((text, None), |(h, p)| (h, Some(p))),
    };
    let name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
    name && port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0))
}

fn password(text: &str) -> bool {
    let has = |of: fn(char) -> bool| text.chars().any(of);
    let long = text.chars().count() >= PASSWORD_MIN && fits(text, PASSWORD_MAX);
    let mixed = has(char::is_uppercase) && has(char::is_lowercase) && has(|c| c.is_ascii_digit());
    long && mixed && !has(char::is_control)
}

fn callee(text: &str) -> Option<String> {
    // A scheme may be written in capitals (RFC 3986 section 3.1).
    let address = || {
        let (scheme, rest) = text.split_once(':')?;
        let text = format!("{}:{rest}", scheme.to_ascii_lowercase());
        sip_uri(&text).then_some(text)
    };
    phone(text).or_else(address)
}

/// A number, a `sip:` URI, or a user part (RFC 3261: unreserved and user-unreserved characters).
fn caller(text: &str) -> Option<String> {
    let user = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&b));
    callee(text).or_else(|| (user && !text.starts_with('+') && fits(text, 64)).then(|| text.to_string()))
}

fn list_of<'a>(
    param: &Param,
    given: impl Iterator<Item = &'a str>,
    max: usize,
    read: fn(&str) -> Option<String>,
) -> Result<Value, Refusal> {
    let list: Option<Vec<String>> = given.map(read).collect();
    match list {
        Some(list) if list.len() <= max => Ok(Value::List(list)),
        _ => Err(bad(param)),
    }
}

/// What a certificate may carry.
fn name(text: &str) -> Option<String> {
    rustls::pki_types::ServerName::try_from(text).is_ok().then(|| text.to_ascii_lowercase())
}

/// As `openssl x509 -fingerprint -sha256` writes it, the whole line or what is behind its `=`; or without the colons.
fn fingerprint(text: &str) -> Option<String> {
    let (before, digits) = text.rsplit_once('=').unwrap_or(("sha256 Fingerprint", text));
    if !before.eq_ignore_ascii_case("sha256 Fingerprint") {
        return None;
    }
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let good = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    good.then(|| digits.to_ascii_lowercase())
}

/// Each of these words at most once, in either case.
fn order<'a>(
    param: &Param,
    words: &'static [&'static str],
    given: impl Iterator<Item = &'a str>,
) -> Result<Value, Refusal> {
    let mut list: Vec<String> = Vec::new();
    for text in given {
        let word = words.iter().find(|w| w.eq_ignore_ascii_case(text)).ok_or_else(|| bad(param))?;
        if list.iter().any(|known| known == word) {
            return Err(bad(param));
        }
        list.push((*word).to_owned());
    }
    Ok(Value::List(list))
}

/// The beginning of a number: digits, and the plus that people write.
fn route_prefix(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && fits(digits, PREFIX_MAX);
    good.then(|| digits.to_string())
}

/// An address, or a network with its prefix length, in the form we store: always with a length.
fn cidr(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let address: std::net::IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        // `+8` and `008` are read by `parse`, too.
        Some(l) => l.parse::<u8>().ok().filter(|n| *n <= bits && n.to_string() == l)?,
        None => bits,
    };
    Some(format!("{address}/{length}"))
}
