//! Requests against a real server on loopback: what it sees, and what becomes of everything that can go wrong. Times come from the URL's own
//! overrides.

use super::only;
use super::server::*;
use chorus::sid::AccountSid;
use chorus::webhooks::fetch::BODY_MAX;
use chorus::webhooks::guard::Lookup;
use chorus::webhooks::request::*;
use chorus::webhooks::{policy, sign};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

pub fn request(purpose: Purpose, method: Method, url: &str) -> FetchRequest {
    let (url, policy) = policy::split(url).unwrap();
    FetchRequest {
        json: None,
        purpose,
        account: AccountSid(1),
        call: None,
        url,
        method,
        params: vec![
            ("CallSid".into(), "CA1".into()),
            ("From".into(), "+1555".into()),
            ("Empty".into(), String::new()),
        ],
        auth_token: Some(TOKEN.into()),
        token: "the-token".into(),
        policy,
        cookies: Vec::new(),
        login: None,
    }
}

async fn get(url: &str) -> Result<Fetched, FetchError> {
    fetcher(None).fetch(request(Purpose::Document, Method::Get, url)).await
}

async fn post(url: &str) -> Result<Fetched, FetchError> {
    fetcher(None).fetch(request(Purpose::Document, Method::Post, url)).await
}

async fn code(url: &str) -> u32 {
    post(url).await.expect_err(url).code
}

#[tokio::test]
async fn a_post_carries_the_form_the_headers_and_a_signature_that_verifies() {
    let server = Server::start(|_, _| ok("<Response/>")).await;
    let url = server.url("/voice?a=1#rc=0");
    let fetched = post(&url).await.unwrap();
    assert_eq!(
        (fetched.status, fetched.content_type.as_deref(), &fetched.body[..]),
        (200, Some("text/xml"), &b"<Response/>"[..])
    );
    assert_eq!(fetched.url, server.url("/voice?a=1"), "the base of relative hrefs");
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/voice?a=1"));
    assert_eq!(only(&seen.form(), "From"), "+1555");
    assert_eq!(only(&seen.form(), "Empty"), "");
    assert_eq!(seen.header("user-agent"), Some("TwilioProxy/1.1"));
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded; charset=UTF-8"));
    assert_eq!(seen.header("accept"), Some("*/*"));
    assert_eq!(seen.header("i-twilio-idempotency-token"), Some("the-token"));
    assert_eq!(seen.header("accept-encoding"), None, "nothing compressed is asked for");
    let signature = seen.header("x-twilio-signature").unwrap();
    assert!(sign::verify(TOKEN, &server.url("/voice?a=1"), &seen.form(), signature));
    // Small applications compare names letter by letter.
    for name in ["X-Twilio-Signature", "I-Twilio-Idempotency-Token", "Content-Type", "User-Agent", "Host"] {
        assert!(seen.headers.iter().any(|(n, _)| n == name), "{name} of {:?}", seen.headers);
    }
}

#[tokio::test]
async fn a_get_carries_everything_in_the_query() {
    let server = Server::start(|_, _| ok("<Response/>")).await;
    get(&server.url("/voice?a=1")).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.target, "/voice?a=1&CallSid=CA1&From=%2B1555&Empty=");
    assert_eq!((seen.header("content-type"), seen.body.as_str()), (None, ""));
    assert!(sign::verify(TOKEN, &server.url(&seen.target), &[], seen.header("x-twilio-signature").unwrap()));
}

#[tokio::test]
async fn a_302_becomes_a_get_without_parameters_and_each_hop_is_signed() {
    let server = Server::start(|nth, _| match nth {
        0 => reply(302, "Location: next?x=1\r\nSet-Cookie: s=1; Path=/\r\n", ""),
        _ => ok("<Response/>"),
    })
    .await;
    let fetched = post(&server.url("/dir/voice")).await.unwrap();
    assert_eq!(fetched.url, server.url("/dir/next?x=1"));
    assert_eq!(fetched.cookies.len(), 1);
    let seen = &server.seen()[1];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str(), seen.body.as_str()),
        ("GET", "/dir/next?x=1", "")
    );
    assert_eq!(seen.header("cookie"), Some("s=1"));
    assert!(sign::verify(
        TOKEN,
        &server.url("/dir/next?x=1"),
        &[],
        seen.header("x-twilio-signature").unwrap()
    ));
}

#[tokio::test]
async fn a_307_repeats_the_post_and_loops_end() {
    let server = Server::start(|nth, _| match nth {
        0 => reply(307, "Location: /b\r\n", ""),
        _ => ok("<Response/>"),
    })
    .await;
    post(&server.url("/a")).await.unwrap();
    let seen = &server.seen()[1];
    assert_eq!((seen.method.as_str(), seen.form().len()), ("POST", 3));
    assert!(sign::verify(TOKEN, &server.url("/b"), &seen.form(), seen.header("x-twilio-signature").unwrap()));

    let server = Server::start(|_, _| reply(302, "Location: /again\r\n", "")).await;
    assert_eq!(code(&server.url("/a")).await, 11215);
    assert_eq!(server.seen().len(), 1 + policy::REDIRECTS_MAX);
}

#[tokio::test]
async fn redirects_are_vetted_and_odd_ones_refused() {
    for (location, expected) in [
        ("http://10.0.0.1/", 11205),
        ("http://169.254.169.254/latest/", 11205),
        ("http://[::ffff:10.0.0.1]/", 11205),
        ("file:///etc/passwd", 11100),
        ("wss://a.test/", 11100),
        ("http://", 11200),
    ] {
        let server = Server::start(move |_, _| reply(302, &format!("Location: {location}\r\n"), "")).await;
        assert_eq!(code(&server.url("/a")).await, expected, "{location}");
    }
    let server = Server::start(|_, _| reply(302, "", "")).await;
    assert_eq!(code(&server.url("/a")).await, 11200);
}

#[tokio::test]
async fn a_server_that_hangs_ends_within_rt_or_tt() {
    let server = Server::start(|_, _| vec![Step::Hang]).await;
    let error = post(&server.url("/#rt=150")).await.unwrap_err();
    assert_eq!((error.code, error.status), (11200, None));
    assert!(error.ms >= 150, "{}", error.ms);
    server.reached(1).await;
    assert_eq!(server.connections(), 1, "a read timeout is not retried unless asked");
    assert_eq!(code(&server.url("/#rt=100&rc=2&rp=rt")).await, 11200);
    server.reached(4).await;
    assert_eq!(server.connections(), 4);
    let error = post(&server.url("/#tt=150")).await.unwrap_err();
    assert_eq!(error.code, 11203);
    assert!(error.ms >= 150);
    assert_eq!(
        code(&server.url("/#tt=250&rt=100&rc=5&rp=all")).await,
        11203,
        "retries stay within the total"
    );
}

#[tokio::test]
async fn bodies_that_stall_or_never_end() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<Resp";
    let server = Server::start(move |_, _| vec![Step::Send(head.into()), Step::Hang]).await;
    let error = post(&server.url("/#rt=500&rc=3&rp=all")).await.unwrap_err();
    assert_eq!((error.code, error.status), (11200, Some(200)));
    assert_eq!(server.connections(), 1, "never again after a partial response");

    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let server = Server::start(move |_, _| {
        let mut steps = vec![Step::Send(head.into())];
        steps.extend((0..50).map(|_| Step::Send(b"1\r\nx\r\n".to_vec())));
        steps.push(Step::Hang);
        steps
    })
    .await;
    assert_eq!(code(&server.url("/#tt=200")).await, 11203);

    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<Resp";
    let server = Server::start(move |_, _| raw(cut)).await;
    assert_eq!(code(&server.url("/")).await, 11200);
}

#[tokio::test]
async fn body_limits() {
    let server = Server::start(|_, seen| {
        let octets = seen.target.trim_start_matches('/').parse().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {octets}\r\n\r\n");
        vec![Step::Send(head.into_bytes()), Step::Flood(octets)]
    })
    .await;
    let exact = post(&server.url(&format!("/{BODY_MAX}"))).await.unwrap();
    assert_eq!(exact.body.len(), BODY_MAX);
    assert_eq!(code(&server.url(&format!("/{}", BODY_MAX + 1))).await, 11750);
    assert_eq!(code(&server.url("/1000000000")).await, 11750);

    let audio = Server::start(|_, _| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: {}\r\n\r\n", 2 * BODY_MAX);
        vec![Step::Send(head.into_bytes()), Step::Flood(2 * BODY_MAX)]
    })
    .await;
    let whole = post(&audio.url("/")).await.unwrap();
    assert_eq!(whole.body.len(), 2 * BODY_MAX, "the answer is itself what is played");

    let unannounced = Server::start(|_, seen| {
        let octets = seen.target.trim_start_matches('/').parse().unwrap();
        vec![Step::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Step::Flood(octets)]
    })
    .await;
    let exact = post(&unannounced.url(&format!("/{BODY_MAX}"))).await.unwrap();
    assert_eq!(exact.body.len(), BODY_MAX);
    assert_eq!(code(&unannounced.url(&format!("/{}", BODY_MAX + 1))).await, 11750);

    let endless = Server::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n";
        vec![Step::Send(head.into()), Step::Flood(1_000_000_000)]
    })
    .await;
    assert_eq!(code(&endless.url("/")).await, 11750, "also where no length was announced");

    let server =
        Server::start(|_, _| raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).await;
    assert_eq!(code(&server.url("/")).await, 11770);
    let server = Server::start(|_, _| reply(204, "", "")).await;
    assert_eq!(post(&server.url("/")).await.unwrap().status, 204);
    let server = Server::start(|_, _| reply(200, "Content-Encoding: gzip\r\n", "\u{1f}\u{8b}")).await;
    assert_eq!(code(&server.url("/")).await, 11200, "nothing is decompressed");
}

#[tokio::test]
async fn what_is_no_answer() {
    let server = Server::start(|_, _| raw("220 mail.test ESMTP\r\n\r\n")).await;
    assert_eq!(code(&server.url("/")).await, 11206);
    let server = Server::start(|_, _| raw("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n")).await;
    assert_eq!(code(&server.url("/")).await, 11206);
    let server = Server::start(|_, _| vec![]).await;
    assert_eq!(code(&server.url("/")).await, 11200);
    assert_eq!(server.connections(), 1, "the request may have been processed: not again");
    let server = Server::start(|_, _| vec![Step::Reset]).await;
    assert_eq!(code(&server.url("/")).await, 11200);
    let error = post(&format!("http://{}/", closed_port().await)).await.unwrap_err();
    assert_eq!((error.code, error.status), (11202, None));
}

#[tokio::test]
async fn a_connection_that_never_stands_is_tried_twice() {
    let (address, held) = silent().await;
    let error = post(&format!("https://{address}/#ct=150")).await.unwrap_err();
    assert_eq!(error.code, 11201);
    assert!(error.ms >= 300, "two attempts of 150 ms: {}", error.ms);
    let reached = async |n: usize| {
        while held.lock().unwrap().len() < n {
            tokio::task::yield_now().await;
        }
        held.lock().unwrap().len()
    };
    assert_eq!(reached(2).await, 2);
    assert_eq!(code(&format!("https://{address}/#ct=100&rc=0")).await, 11201);
    assert_eq!(reached(3).await, 3);
    let (address, count) = slammed().await;
    assert_eq!(code(&format!("https://{address}/")).await, 11220, "a handshake that is cut off");
    assert_eq!(*count.lock().unwrap(), 2, "is a failed connection too");
}

#[tokio::test]
async fn answers_from_400_fail_with_their_status_and_are_retried_when_asked() {
    let server =
        Server::start(|nth, _| if nth < 2 { reply(503, "Retry-After: 9\r\n", "") } else { ok("<R/>") }).await;
    let error = post(&server.url("/")).await.unwrap_err();
    assert_eq!((error.code, error.status), (11200, Some(503)));
    assert!(post(&server.url("/#rc=1&rp=5xx")).await.is_ok());
    let tokens: Vec<String> =
        server.seen().iter().map(|s| s.header("i-twilio-idempotency-token").unwrap().to_string()).collect();
    assert_eq!(tokens, ["the-token", "the-token", "the-token"]);
    let server = Server::start(|_, _| reply(404, "", "gone")).await;
    let error = post(&server.url("/#rc=2&rp=4xx")).await.unwrap_err();
    assert_eq!((error.code, error.status, server.connections()), (11200, Some(404), 3));
    assert!(!error.words.contains("gone"), "bodies of strangers are not repeated");
}

#[tokio::test]
async fn user_info_is_sent_only_after_a_challenge() {
    let server = Server::start(|_, seen| match seen.header("authorization") {
        // ada:lovelace
        Some("Basic YWRhOmxvdmVsYWNl") => ok("<Response/>"),
        _ => reply(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", ""),
    })
    .await;
    let url = format!("http://ada:lovelace@{}/p", server.address);
    assert!(post(&url).await.is_ok());
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].header("authorization")), (2, None));
    assert!(sign::verify(
        TOKEN,
        &server.url("/p"),
        &seen[1].form(),
        seen[1].header("x-twilio-signature").unwrap()
    ));
    let error = post(&format!("http://ada:wrong@{}/p", server.address)).await.unwrap_err();
    assert_eq!((error.code, error.status, server.seen().len()), (11200, Some(401), 4));
    assert!(!error.words.contains("wrong"));
    assert_eq!(post(&server.url("/p")).await.unwrap_err().status, Some(401));
}

#[tokio::test]
async fn digest_is_answered_with_the_strongest_algorithm_offered() {
    let server = Server::start(|_, seen| match seen.header("authorization") {
        Some(value) if value.starts_with("Digest ") => ok("<Response/>"),
        _ => reply(
            401,
            "WWW-Authenticate: Digest realm=\"a, b\", nonce=\"n1\", qop=\"auth,auth-int\", opaque=\"o\"\r\n\
             WWW-Authenticate: Digest realm=\"a, b\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"\r\n",
            "",
        ),
    })
    .await;
    post(&format!("http://ada:lovelace@{}/p?q=1", server.address)).await.unwrap();
    let value = server.seen()[1].header("authorization").unwrap().to_string();
    for part in [
        "username=\"ada\"",
        "realm=\"a, b\"",
        "nonce=\"n2\"",
        "uri=\"/p?q=1\"",
        "algorithm=SHA-256",
        "qop=auth",
        "nc=00000001",
    ] {
        assert!(value.contains(part), "{part} in {value}");
    }
}

#[tokio::test]
async fn a_call_stays_logged_in_until_the_nonce_is_stale() {
    let challenge = |nonce: &str| {
        reply(401, &format!("WWW-Authenticate: Digest realm=\"a\", nonce=\"{nonce}\", qop=\"auth\"\r\n"), "")
    };
    let server = Server::start(move |nth, seen| match (nth, seen.header("authorization")) {
        (0, _) => challenge("n1"),
        (3, _) => challenge("n2"),
        (_, Some(_)) => ok("<Response/>"),
        _ => reply(500, "", ""),
    })
    .await;
    let mut r =
        request(Purpose::Document, Method::Post, &format!("http://ada:lovelace@{}/p", server.address));
    for _ in 0..3 {
        r.login = fetcher(None).fetch(r.clone()).await.unwrap().login;
    }
    let used: Vec<Option<String>> = server
        .seen()
        .iter()
        .map(|s| {
            let value = s.header("authorization")?;
            let part = |name: &str| {
                value.split(name).nth(1).unwrap().split([',', ' ']).next().unwrap().replace('"', "")
            };
            Some(format!("{} {}", part("nonce="), part("nc=")))
        })
        .collect();
    let some = |s: &str| Some(s.to_string());
    assert_eq!(
        used,
        [None, some("n1 00000001"), some("n1 00000002"), some("n1 00000003"), some("n2 00000001")]
    );
    assert!(!format!("{:?}", r.login).contains("lovelace"), "it holds no secret");
    // Another origin is not told.
    let other = Server::start(|_, _| ok("<Response/>")).await;
    r.url = format!("http://ada:lovelace@{}/p", other.address);
    fetcher(None).fetch(r).await.unwrap();
    assert_eq!(other.seen()[0].header("authorization"), None);
}

#[test]
fn digest_answers_match_the_example_of_rfc_7616() {
    let challenge = |algorithm: &str| {
        vec![format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )]
    };
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let asking = chorus::webhooks::digest::Asking {
            user: "Mufasa",
            password: "Circle of Life",
            method: Method::Get,
            path: "/dir/index.html",
            cnonce,
            uses: 1,
        };
        let value = chorus::webhooks::digest::authorization(&challenge(algorithm), asking).unwrap();
        assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
    }
}

#[tokio::test]
async fn credentials_and_cookies_stay_with_their_host() {
    let other = Server::start(|_, _| reply(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "")).await;
    let location = format!("http://other.test:{}/", other.address.port());
    let server =
        Server::start(move |_, _| reply(302, &format!("Location: {location}\r\nSet-Cookie: s=1\r\n"), ""))
            .await;
    let error = post(&format!("http://ada:lovelace@{}/", server.address)).await.unwrap_err();
    assert_eq!(error.status, Some(401));
    let seen = other.seen();
    assert_eq!((seen.len(), seen[0].header("authorization"), seen[0].header("cookie")), (1, None, None));
}

#[tokio::test]
async fn a_calls_cookies_come_back() {
    let server =
        Server::start(|_, _| reply(200, "Set-Cookie: a=1\r\nSet-Cookie: b=2; Path=/other\r\n", "")).await;
    let mut r = request(Purpose::Document, Method::Post, &server.url("/"));
    let jar = fetcher(None).fetch(r.clone()).await.unwrap().cookies;
    assert_eq!(jar.len(), 2);
    r.cookies = jar;
    fetcher(None).fetch(r).await.unwrap();
    assert_eq!(server.seen()[1].header("cookie"), Some("a=1"));
}

#[tokio::test]
async fn a_callback_is_delivered_once_its_status_came() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
    let server = Server::start(move |_, _| vec![Step::Send(head.into()), Step::Hang]).await;
    let callback = request(Purpose::Callback, Method::Post, &server.url("/#tt=1000"));
    let fetched = fetcher(None).fetch(callback).await.unwrap();
    assert_eq!((fetched.status, fetched.body.len()), (200, 0));
}

#[tokio::test]
async fn a_fetcher_of_a_public_server_dials_no_loopback() {
    use chorus::webhooks::{fetch::Fetcher, guard::Guard, tls};
    let server = Server::start(|_, _| ok("<Response/>")).await;
    let guard = Guard::with_lookup(Vec::new(), false, all_names_are_local());
    let fetcher = Fetcher::new(guard, &tls::client_config(None).unwrap()).unwrap();
    for host in ["127.0.0.1", "innocent.test", "2130706433", "localhost."] {
        let url = format!("http://{host}:{}/", server.address.port());
        let error = fetcher.fetch(request(Purpose::Document, Method::Post, &url)).await.unwrap_err();
        assert_eq!(error.code, 11205, "{host}: {}", error.words);
    }
    // A name that changes its mind at every lookup does not get through either.
    let turn = AtomicUsize::new(0);
    let lists: [&[&str]; 4] =
        [&["127.0.0.1"], &["10.0.0.1", "127.0.0.1"], &["::ffff:127.0.0.1"], &["0.0.0.0"]];
    let lookup: Lookup = Arc::new(move |_| {
        let list = lists[turn.fetch_add(1, Ordering::SeqCst) % lists.len()];
        Box::pin(async move { Ok(list.iter().map(|s| s.parse().unwrap()).collect()) })
    });
    let guard = Guard::with_lookup(Vec::new(), false, lookup);
    let fetcher = Fetcher::new(guard, &tls::client_config(None).unwrap()).unwrap();
    let url = format!("http://rebind.test:{}/#rc=5&rp=all", server.address.port());
    for _ in 0..500 {
        let error = fetcher.fetch(request(Purpose::Document, Method::Post, &url)).await.unwrap_err();
        assert_eq!(error.code, 11205, "{}", error.words);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_systems_resolver_knows_localhost() {
    use chorus::webhooks::{fetch::Fetcher, guard::Guard, tls};
    let server = Server::start(|_, _| ok("<Response/>")).await;
    let fetcher = Fetcher::new(Guard::new(Vec::new(), true), &tls::client_config(None).unwrap()).unwrap();
    let url = format!("http://localhost:{}/", server.address.port());
    assert_eq!(fetcher.fetch(request(Purpose::Document, Method::Post, &url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn one_round_of_delivery_says_what_became_of_it() {
    use chorus::webhooks::{outbox, schedule::RoundResult};
    let server = Server::start(|nth, _| reply(if nth == 0 { 500 } else { 204 }, "", "")).await;
    let callback = request(Purpose::Callback, Method::Post, &server.url("/"));
    let (id, result) = outbox::round(fetcher(None), 7, callback.clone()).await;
    let words = "the application answered 500".to_string();
    assert_eq!((id, result), (7, RoundResult::Failed { code: 11200, status: Some(500), words }));
    let (_, result) = outbox::round(fetcher(None), 7, callback).await;
    assert_eq!(result, RoundResult::Delivered { status: 204 });
}
