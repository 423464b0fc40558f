//! A call's cookies: data in the call, so that tenants never share a jar (ruling 2.41). RFC 6265, as far as a server-side
//! client needs it: no public suffix list, so a domain cookie needs a dot and must cover the host that set it.

use super::request::Cookie;
use crate::clock::Wall;
use url::{Host, Url};

/// Cookies a jar holds; the oldest leaves.
pub const COOKIES_MAX: usize = 50;
/// Octets of one name and value.
pub const COOKIE_MAX: usize = 4_096;

/// Takes one `Set-Cookie` value from an answer of `url` into the jar. Anything unusable is ignored, as browsers do.
pub fn store(jar: &mut Vec<Cookie>, url: &Url, set_cookie: &str, now: Wall) {
    let Some((cookie, gone)) = read(url, set_cookie, now) else { return };
    jar.retain(|c| (&c.domain, &c.path, &c.name) != (&cookie.domain, &cookie.path, &cookie.name));
    if gone {
        return;
    }
    if jar.len() >= COOKIES_MAX {
        jar.remove(0);
    }
    jar.push(cookie);
}

fn read(url: &Url, text: &str, now: Wall) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let printable = |s: &str| s.bytes().all(|b| (0x20..0x7f).contains(&b));
    if name.is_empty() || name.len() + value.len() > COOKIE_MAX || !printable(name) || !printable(value) {
        return None;
    }
    let mut cookie = Cookie {
        domain: url.host_str()?.to_ascii_lowercase(),
        path: default_path(url.path()),
        name: name.to_owned(),
        value: value.to_owned(),
        secure: false,
        expires: None,
    };
    let mut max_age = None;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" if !value.is_empty() => cookie.domain = domain(url, value)?,
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            "max-age" => max_age = value.parse::<i64>().ok(),
            "expires" => cookie.expires = http_date(value),
            _ => {}
        }
    }
    // Max-Age wins over Expires (RFC 6265 section 5.3, step 3).
    if let Some(seconds) = max_age {
        cookie.expires = Some(Wall(now.0.saturating_add(seconds.saturating_mul(1_000))));
    }
    let gone = cookie.expires.is_some_and(|at| at <= now);
    Some((cookie, gone))
}

/// RFC 6265 section 5.1.4: the path up to its last slash.
fn default_path(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((head, _)) if !head.is_empty() => head.to_owned(),
        _ => "/".to_owned(),
    }
}

/// `.example.test` for a Domain attribute that covers the host; None refuses the cookie.
fn domain(url: &Url, value: &str) -> Option<String> {
    let wanted = value.trim_start_matches('.').to_ascii_lowercase();
    let host = url.host_str()?.to_ascii_lowercase();
    if host == wanted {
        let literal = !matches!(url.host(), Some(Host::Domain(_)));
        return Some(if literal { host } else { format!(".{wanted}") });
    }
    let covers = host.strip_suffix(&wanted).is_some_and(|rest| rest.ends_with('.'));
    (covers && wanted.contains('.')).then(|| format!(".{wanted}"))
}

fn covers(cookie: &Cookie, host: &str, path: &str, secure: bool) -> bool {
    let host_fits = match cookie.domain.strip_prefix('.') {
        Some(domain) => host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => host == cookie.domain,
    };
    let path_fits = path
        .strip_prefix(&cookie.path)
        .is_some_and(|rest| rest.is_empty() || cookie.path.ends_with('/') || rest.starts_with('/'));
    host_fits && path_fits && (secure || !cookie.secure)
}

/// The value of the `Cookie` header for a request to `url`, longest path first; None: no cookie fits.
pub fn header(jar: &[Cookie], url: &Url, now: Wall) -> Option<String> {
    let host = url.host_str()?.to_ascii_lowercase();
    let secure = url.scheme() == "https";
    let mut fitting: Vec<&Cookie> = jar
        .iter()
        .filter(|c| covers(c, &host, url.path(), secure) && c.expires.is_none_or(|at| at > now))
        .collect();
    fitting.sort_by_key(|c| std::cmp::Reverse(c.path.len()));
    let pairs: Vec<String> = fitting.iter().map(|c| format!("{}={}", c.name, c.value)).collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` and its old form with dashes (RFC 9110 section 5.6.7).
pub fn http_date(text: &str) -> Option<Wall> {
    let mut words = text.split([' ', '-', ',']).filter(|w| !w.is_empty()).skip(1);
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?.get(..3)?.to_ascii_lowercase();
    let year: i64 = words.next()?.parse().ok()?;
    let year = match year {
        0..70 => year + 2_000,
        70..100 => year + 1_900,
        _ => year,
    };
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let month = i64::try_from(MONTHS.iter().position(|m| *m == name)?).ok()? + 1;
    let mut clock = words.next()?.split(':').map(|n| n.parse::<i64>().ok());
    let (h, m, s) = (clock.next()??, clock.next()??, clock.next()??);
    let in_range = (1..=31).contains(&day) && (1_601..10_000).contains(&year);
    if !in_range || !(0..24).contains(&h) || !(0..60).contains(&m) || !(0..=60).contains(&s) {
        return None;
    }
    Some(Wall((days(year, month, day) * 86_400 + h * 3_600 + m * 60 + s) * 1_000))
}

/// Days since 1970 of a Gregorian date, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// For the fuzzer: any Set-Cookie value; what is stored stays within its limits and goes back only where it belongs.
pub fn fuzz_cookie(data: &[u8]) -> bool {
    let Ok(url) = Url::parse("https://app.example.test/dir/page") else { return false };
    let Ok(other) = Url::parse("https://other.test/dir/page") else { return false };
    let mut jar = Vec::new();
    store(&mut jar, &url, &String::from_utf8_lossy(data), Wall(0));
    assert!(header(&jar, &other, Wall(0)).is_none(), "a cookie went to a foreign host");
    assert!(jar.iter().all(|c| c.name.len() + c.value.len() <= COOKIE_MAX), "a cookie passed its limit");
    !jar.is_empty()
}
