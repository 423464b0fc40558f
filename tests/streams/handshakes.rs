//! The URL, the request and the verdict on the answer.

use chorus::streams::handshake::{Handshake, Verdict, accept_of};
use chorus::streams::{codes, target::Target};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

#[test]
fn urls_are_taken_apart_without_query_user_and_fragment() {
    for (url, requested, host, port, tls) in [
        ("wss://a.example/m", "wss://a.example/m", "a.example", 443, true),
        ("wss://u:p@a.example:8443/m?x=1&y#f", "wss://a.example:8443/m", "a.example", 8443, true),
        ("WSS://A.Example", "wss://a.example/", "a.example", 443, true),
        ("ws://127.0.0.1:9/", "ws://127.0.0.1:9/", "127.0.0.1", 9, false),
        ("ws://[::1]/x", "ws://[::1]/x", "::1", 80, false),
        ("wss://a.example:443/m", "wss://a.example/m", "a.example", 443, true),
    ] {
        let t = Target::parse(url).unwrap();
        assert_eq!((t.requested().as_str(), t.host.as_str(), t.port, t.tls), (requested, host, port, tls));
    }
    for (url, code) in [
        ("https://a.example/m", codes::SCHEME),
        ("/relative", codes::MALFORMED_URL),
        ("wss://", codes::MALFORMED_URL),
        ("wss://a b/", codes::MALFORMED_URL),
        ("", codes::MALFORMED_URL),
        (&format!("wss://a/{}", "x".repeat(4_000)), codes::MALFORMED_URL),
    ] {
        assert_eq!(Target::parse(url).unwrap_err().code, code, "{url:.40}");
    }
}

#[test]
fn the_request_has_twilios_headers_and_no_others() {
    let t = Target::parse("wss://agent.example:8443/media/in?secret=1").unwrap();
    let h = Handshake::new(&t, *b"0123456789abcdef", "sig=");
    let text = std::str::from_utf8(h.request()).unwrap();
    let expected = "GET /media/in HTTP/1.1\r\nHost: agent.example:8443\r\nUser-Agent: Twilio.TmeWs/1.0\r\n\
        Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\
        Sec-WebSocket-Version: 13\r\nX-Twilio-Signature: sig=\r\n\r\n";
    assert_eq!(text, expected);
}

const NONCE: [u8; 16] = [7; 16];

fn shake() -> Handshake {
    Handshake::new(&Target::parse("wss://a.example/").unwrap(), NONCE, "s")
}

fn accept() -> String {
    derive_accept_key(base64_simd::STANDARD.encode_to_string(NONCE).as_bytes())
}

fn good() -> String {
    let accept = accept();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept:{accept}\r\n\r\n"
    )
}

#[test]
fn the_accept_key_is_that_of_tungstenite_and_of_the_rfc() {
    assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(accept_of("x"), derive_accept_key(b"x"));
}

#[test]
fn frames_behind_the_101_are_left_for_the_session_however_it_is_cut() {
    let answer = [good().as_bytes(), b"\x81\x02hi"].concat();
    let head = answer.len() - 4;
    for cut in 0..answer.len() {
        let mut h = shake();
        let first = h.on_bytes(&answer[..cut]);
        if cut < head {
            assert_eq!(first, Verdict::More, "after {cut}");
            assert_eq!(h.on_bytes(&answer[cut..]), Verdict::Open { used: head - cut });
        } else {
            assert_eq!(first, Verdict::Open { used: head });
        }
    }
}

#[test]
fn answers_that_are_no_upgrade_have_their_code() {
    let good = good();
    for (answer, code) in [
        ("HTTP/1.1 200 OK\r\n\r\n".to_owned(), codes::NOT_101),
        ("HTTP/1.1 302 Found\r\nLocation: wss://b/\r\n\r\n".to_owned(), codes::NOT_101),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!".to_owned(), codes::NOT_101),
        ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), codes::NOT_101),
        ("HTTP/1.1 xyz\r\n\r\n".to_owned(), codes::NOT_101),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), codes::NOT_101),
        (format!("HTTP/1.1 101 x\r\nA: {}", "y".repeat(20_000)), codes::NOT_101),
        (good.replace(&accept(), "AAAA"), codes::PROTOCOL),
        (good.replace("WebSocket", "h2c"), codes::PROTOCOL),
        (good.replace("Upgrade", "close"), codes::PROTOCOL),
        (good.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: audio.twilio.com\r\n\r\n"), codes::PROTOCOL),
        (
            good.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
            codes::PROTOCOL,
        ),
    ] {
        let verdict = shake().on_bytes(answer.as_bytes());
        assert!(
            matches!(&verdict, Verdict::Failed { code: c, .. } if *c == code),
            "{answer:.60}: {verdict:?}"
        );
    }
    let mut h = shake();
    let verdicts: Vec<_> = good.bytes().map(|b| h.on_bytes(&[b])).collect();
    assert_eq!(verdicts.last(), Some(&Verdict::Open { used: 1 }));
    assert!(verdicts[..verdicts.len() - 1].iter().all(|v| *v == Verdict::More));
}
