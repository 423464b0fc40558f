//! Applications that hang, flood, loop or lie: each ends in its documented error within its limit, the debugger says so, and the caller
//! hears what the fallback says (issue, section 7.6).

use super::house::{House, Phone, twiml};
use crate::webhooks::server::{Seen, Step, raw, reply};

/// A path that misbehaves, overrides that make its limit short, and the code it ends in.
const LIES: &[(&str, &str, &str)] = &[
    ("/hang", "#rt=150", "11200"),
    ("/hang-in-the-body", "#rt=150", "11200"),
    ("/trickle", "#tt=400", "11203"),
    ("/reset", "", "11200"),
    ("/flood", "", "11750"),
    ("/flood-without-length", "", "11750"),
    ("/shorter-than-announced", "", "11200"),
    ("/two-lengths", "", "11206"),
    ("/broken-chunks", "", "11200"),
    ("/empty-chunks", "", "11770"),
    ("/gzip", "", "11200"),
    ("/redirects", "", "11215"),
    ("/redirects-in-two", "", "11215"),
    ("/away", "", "11205"),
    ("/image", "", "12300"),
    ("/json", "", "12300"),
    ("/html", "", "12100"),
    ("/unknown-charset", "", "12100"),
    ("/another-charset", "", "12100"),
    ("/no-http", "", "11206"),
    ("/status", "", "11200"),
    ("/documents", "", "12400"),
];

const GIGABYTE: usize = 1 << 30;

fn liar(_: usize, seen: &Seen) -> Vec<Step> {
    let head = |more: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n{more}\r\n").into_bytes();
    match seen.target.split('?').next().unwrap_or_default() {
        "/hang" => vec![Step::Hang],
        "/trickle" => {
            vec![Step::Send(head("Content-Length: 100\r\n")), Step::Send(b"<Res".to_vec()), Step::Hang]
        }
        "/reset" => vec![Step::Reset],
        "/flood" => vec![Step::Send(head(&format!("Content-Length: {GIGABYTE}\r\n"))), Step::Flood(GIGABYTE)],
        "/flood-without-length" => vec![Step::Send(head("")), Step::Flood(GIGABYTE)],
        "/hang-in-the-body" => {
            vec![Step::Send(head("Content-Length: 100\r\n")), Step::Send(b"<Response>".to_vec()), Step::Hang]
        }
        "/shorter-than-announced" => {
            vec![Step::Send(head("Content-Length: 100\r\n")), Step::Send(b"<Response/>".to_vec())]
        }
        "/two-lengths" => {
            vec![
                Step::Send(head("Content-Length: 11\r\nContent-Length: 12\r\n")),
                Step::Send(b"<Response/>".to_vec()),
            ]
        }
        "/broken-chunks" => {
            vec![
                Step::Send(head("Transfer-Encoding: chunked\r\n")),
                Step::Send(b"no length\r\n<Response/>".to_vec()),
            ]
        }
        "/empty-chunks" => {
            vec![Step::Send(head("Transfer-Encoding: chunked\r\n")), Step::Send(b"0\r\n\r\n".to_vec())]
        }
        "/gzip" => reply(200, "Content-Type: text/xml\r\nContent-Encoding: gzip\r\n", "<Response/>"),
        "/redirects" => reply(302, "Location: /redirects\r\n", ""),
        "/redirects-in-two" => reply(302, "Location: /and-back\r\n", ""),
        "/and-back" => reply(307, "Location: /redirects-in-two\r\n", ""),
        "/away" => reply(302, "Location: http://192.168.255.254/\r\n", ""),
        "/image" => reply(200, "Content-Type: image/png\r\n", "<Response/>"),
        "/json" => reply(200, "Content-Type: application/json\r\n", "{}"),
        "/unknown-charset" => reply(200, "Content-Type: text/xml; charset=utf-7\r\n", "<Response/>"),
        // Says UTF-8, is not.
        "/another-charset" => vec![
            Step::Send(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 27\r\n\r\n"
                    .to_vec(),
            ),
            Step::Send(b"<Response>\xe9t\xe9 12</Response>".to_vec()),
        ],
        "/html" => reply(200, "Content-Type: text/xml\r\n", "<html><body>It works!</body>"),
        "/no-http" => raw("220 mail.test ESMTP\r\n\r\n"),
        "/status" => reply(503, "", "busy"),
        "/documents" => twiml("<Redirect/>"),
        _ => twiml("<Hangup/>"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lie_ends_in_its_error_and_the_caller_is_looked_after() {
    let house = House::start(liar).await;
    house.trunk(serde_json::json!({})).await;
    house.number(&[]).await;
    let numbers = house.api("GET", "/IncomingPhoneNumbers.json", &[]).await.json();
    let sid = numbers["incoming_phone_numbers"][0]["sid"].as_str().unwrap().to_owned();
    let mut wrong = Vec::new();
    for (path, overrides, code) in LIES {
        let voice = house.app.url(&format!("{path}{overrides}"));
        let fallback = house.app.url(&format!("/fallback?of={path}"));
        let form = [("VoiceUrl", voice.as_str()), ("VoiceFallbackUrl", fallback.as_str())];
        let changed = house.api("POST", &format!("/IncomingPhoneNumbers/{sid}.json"), &form).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        let mut phone = Phone::new(house.server.sip).await;
        phone.dial().await;
        phone.ended().await;
        let asked: Vec<Seen> =
            house.app.seen().into_iter().filter(|s| s.target == format!("/fallback?of={path}")).collect();
        let told: Vec<String> =
            asked.iter().flat_map(Seen::form).filter(|(n, _)| n == "ErrorCode").map(|(_, v)| v).collect();
        // A document that asks for itself for ever is no failed document: the call ends, there is nothing to fall back from.
        let expected: &[&str] = if *path == "/documents" { &[] } else { &[code] };
        if told != expected {
            wrong.push(format!("{path}: the fallback was told {told:?} instead of {expected:?}"));
        }
        let about = |n: &serde_json::Value| n["error_code"] == *code;
        let any = |n: &serde_json::Value| n["notifications"].as_array().unwrap().iter().any(about);
        house.until(path, "/Notifications.json?PageSize=200", any).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    house.end().await;
}
