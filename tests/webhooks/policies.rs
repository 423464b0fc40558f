//! Overrides of the fragment, hrefs, user info, redirects, cookies.

use chorus::clock::Wall;
use chorus::webhooks::cookies;
use chorus::webhooks::policy::*;
use chorus::webhooks::request::*;
use std::time::Duration;
use url::Url;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn the_defaults_are_twilios() {
    let (url, p) = split("https://a.test/x?q=1").unwrap();
    assert_eq!(url, "https://a.test/x?q=1");
    assert_eq!((p.connect, p.read, p.total, p.retries, p.sni), (ms(5_000), ms(15_000), ms(15_000), 1, true));
    let only_connect = RetryOn { client_error: false, server_error: false, connect: true, read: false };
    assert_eq!(p.retry_on, only_connect);
}

#[test]
fn every_override_is_read() {
    let (url, p) =
        split("https://a.test/x#ct=100&rt=200&tt=300&rc=5&rp=4xx,5xx,rt&sni=n&e=dublin,tokyo-ix").unwrap();
    assert_eq!(url, "https://a.test/x");
    assert_eq!((p.connect, p.read, p.total, p.retries, p.sni), (ms(100), ms(200), ms(300), 5, false));
    assert_eq!(p.retry_on, RetryOn { client_error: true, server_error: true, connect: false, read: true });
    let all = overrides("rp=all").unwrap().retry_on;
    assert!(all.client_error && all.server_error && all.connect && all.read);
    assert_eq!(overrides("section-2"), Ok(Policy::default()), "an ordinary fragment asks for nothing");
    assert_eq!(overrides(""), Ok(Policy::default()));
}

#[test]
fn bad_overrides_have_their_codes() {
    for (fragment, code) in [
        ("ct=99", 11100),
        ("ct=10001", 11100),
        ("rt=99", 11100),
        ("rt=15001", 11100),
        ("tt=15001", 11100),
        ("tt=", 11100),
        ("rc=6", 11100),
        ("rc=-1", 11100),
        ("rt=99999999999999999999", 11100),
        ("sni=yes", 11100),
        ("rp=", 11243),
        ("rp=3xx", 11243),
        ("rp=ct,,rt", 11243),
        ("e=", 11240),
        ("e=dublin,", 11240),
        ("e=Dublin", 11240),
        ("e=atlantis", 11241),
    ] {
        assert_eq!(overrides(fragment).unwrap_err().code, code, "#{fragment}");
    }
}

#[test]
fn hrefs_resolve_against_the_document() {
    let base = Some("https://a.test/dir/doc.xml?q=1");
    for (href, url) in [
        ("next.xml", "https://a.test/dir/next.xml"),
        ("/root?x=1#rc=0", "https://a.test/root?x=1#rc=0"),
        ("?y=2", "https://a.test/dir/doc.xml?y=2"),
        ("", "https://a.test/dir/doc.xml?q=1"),
        ("  //b.test/p ", "https://b.test/p"),
        ("https://c.test", "https://c.test"),
        ("HTTP://c.test:80/", "HTTP://c.test:80/"),
    ] {
        assert_eq!(resolve(base, href).as_deref(), Ok(url), "{href:?}");
    }
    assert_eq!(resolve(None, "https://c.test/x").as_deref(), Ok("https://c.test/x"));
    assert_eq!(resolve(None, "next.xml").unwrap_err().code, 15004);
    for href in ["ftp://a.test/x", "javascript:alert(1)", "http://", "https://[::1", "file:///etc/passwd"] {
        assert_eq!(resolve(base, href).unwrap_err().code, 11100, "{href:?}");
    }
    assert_eq!(resolve(base, &format!("/{}", "x".repeat(URL_MAX))).unwrap_err().code, 11100);
}

#[test]
fn user_info_is_taken_out() {
    let url = Url::parse("https://ada:p%40ss%zz@a.test/x").unwrap();
    let (bare, info) = split_user_info(&url);
    assert_eq!(bare.as_str(), "https://a.test/x");
    assert_eq!(info, Some(("ada".into(), "p@ss%zz".into())));
    assert_eq!(split_user_info(&bare).1, None);
}

#[test]
fn what_follows_a_redirect() {
    for status in [301, 302, 303] {
        assert_eq!(follow(status, Method::Post), Some(Follow { method: Method::Get, params: false }));
    }
    for status in [307, 308] {
        assert_eq!(follow(status, Method::Post), Some(Follow { method: Method::Post, params: true }));
        assert_eq!(follow(status, Method::Get), Some(Follow { method: Method::Get, params: true }));
    }
    for status in [200, 204, 300, 304, 305, 404] {
        assert_eq!(follow(status, Method::Post), None);
    }
}

#[test]
fn what_is_tried_again() {
    let error = |code, status| FetchError { code, words: String::new(), status, ms: 0 };
    let default = Policy::default();
    assert!(retries(&default, &error(11201, None)) && retries(&default, &error(11220, None)));
    assert!(!retries(&default, &error(11200, None)), "a read timeout is not retried unless asked");
    assert!(!retries(&default, &error(11200, Some(500))));
    let all = overrides("rp=all").unwrap();
    assert!(retries(&all, &error(11200, None)) && retries(&all, &error(11200, Some(404))));
    assert!(!retries(&all, &error(11200, Some(200))), "never on a partial response");
    assert!(!retries(&all, &error(11210, None)) && !retries(&all, &error(11750, Some(200))));
    assert!(!retries(&all, &error(11237, None)), "a certificate does not get better");
}

fn jar(url: &str, values: &[&str]) -> Vec<Cookie> {
    let mut jar = Vec::new();
    for value in values {
        cookies::store(&mut jar, &Url::parse(url).unwrap(), value, Wall(1_000));
    }
    jar
}

fn sent(jar: &[Cookie], url: &str) -> String {
    cookies::header(jar, &Url::parse(url).unwrap(), Wall(2_000)).unwrap_or_default()
}

#[test]
fn cookies_go_back_only_where_they_belong() {
    let j =
        jar("https://app.x.test/dir/page", &["a=1", "b=2; Path=/; Secure", "c=3; Domain=x.test; Path=/dir"]);
    assert_eq!(sent(&j, "https://app.x.test/dir/other"), "a=1; c=3; b=2");
    assert_eq!(sent(&j, "https://app.x.test/"), "b=2");
    assert_eq!(sent(&j, "http://app.x.test/"), "");
    assert_eq!(sent(&j, "https://other.x.test/dir/"), "c=3");
    assert_eq!(sent(&j, "https://evilx.test/dir/"), "");
    assert_eq!(sent(&j, "https://app.x.test/directory"), "b=2", "a path is a prefix of whole segments");
}

#[test]
fn cookies_are_replaced_and_leave() {
    let j = jar("https://a.x.test/", &["a=1", "a=2"]);
    assert_eq!(sent(&j, "https://a.x.test/"), "a=2");
    assert!(jar("https://a.x.test/", &["a=1", "a=; Max-Age=0"]).is_empty());
    assert!(jar("https://a.x.test/", &["a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]).is_empty());
    let j = jar("https://a.x.test/", &["a=1; Max-Age=1"]);
    assert_eq!(sent(&j, "https://a.x.test/"), "", "it ran out between");
    let many: Vec<String> = (0..200).map(|i| format!("n{i}=v")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let j = jar("https://a.x.test/", &many);
    assert_eq!((j.len(), j[0].name.as_str()), (cookies::COOKIES_MAX, "n150"));
}

#[test]
fn cookies_for_foreign_or_top_domains_are_refused() {
    assert!(jar("https://a.x.test/", &["a=1; Domain=other.test"]).is_empty());
    assert!(jar("https://a.x.test/", &["a=1; Domain=test"]).is_empty());
    assert!(jar("https://a.x.test/", &["a=1; Domain=b.a.x.test"]).is_empty());
    assert!(jar("https://a.x.test/", &["novalue", "=x", "a=\u{1}"]).is_empty());
    assert!(jar("https://a.x.test/", &[&format!("a={}", "x".repeat(cookies::COOKIE_MAX))]).is_empty());
}

#[test]
fn http_dates() {
    let at = Some(Wall(784_111_777_000));
    assert_eq!(cookies::http_date("Sun, 06 Nov 1994 08:49:37 GMT"), at);
    assert_eq!(cookies::http_date("Sunday, 06-Nov-94 08:49:37 GMT"), at);
    assert_eq!(cookies::http_date("Sun, 99 Nov 1994 08:49:37 GMT"), None);
    assert_eq!(cookies::http_date("soon"), None);
}
