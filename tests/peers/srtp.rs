//! baresip with its srtp module, calling and called: both ends heard, keys arrive.

use super::baresip::{Baresip, NUMBER, Scene, scene_with};
use super::installed;
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// A scene whose trunk says this of SRTP.
async fn scene(name: &str, srtp: &str) -> Scene {
    let s = scene_with(name, false).await;
    s.server.trunk(s.peer, &[("srtp", srtp)]).await;
    s
}

/// `mediaenc`: `srtp-mand` is RTP/SAVP, `srtp` is RTP/AVP with `a=crypto`.
fn phone(s: &Scene, mediaenc: &str, command: &[&str]) -> Baresip {
    let more = "regint=0;answermode=auto;audio_codecs=PCMU";
    let account = format!("<sip:+12125550001@{}>;{more};mediaenc={mediaenc}\n", s.peer);
    Baresip::with(&s.place, s.peer, &account, command)
}

#[tokio::test]
async fn baresip_calls_with_srtp_and_both_hear_each_other() {
    if !installed("baresip") {
        return;
    }
    let s = scene("baresip-srtp-caller", "required").await;
    let dial = format!("/dial sip:{NUMBER}@{}", s.server.sip);
    let mut phone = phone(&s, "srtp-mand", &["-e", &dial]);
    phone.says("SRTP is Enabled (cryptosuite=AES_CM_128_HMAC_SHA1_80)").await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn baresip_is_called_with_srtp_and_both_hear_each_other() {
    if !installed("baresip") {
        return;
    }
    let s = scene("baresip-srtp-callee", "required").await;
    let mut phone = phone(&s, "srtp-mand", &[]);
    phone.says("baresip is ready").await;
    s.calls("+12125550001").await;
    phone.says("SRTP is Enabled (cryptosuite=AES_CM_128_HMAC_SHA1_80)").await;
    s.conversation(phone).await;
}

/// RTP/AVP with `a=crypto`: what both only want.
#[tokio::test]
async fn baresip_and_the_server_agree_on_srtp_that_neither_requires() {
    if !installed("baresip") {
        return;
    }
    let s = scene("baresip-srtp-optional", "optional").await;
    let mut phone = phone(&s, "srtp", &[]);
    phone.says("baresip is ready").await;
    s.calls("+12125550001").await;
    phone.says("SRTP is Enabled").await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn baresip_without_srtp_is_called_where_it_is_optional() {
    if !installed("baresip") {
        return;
    }
    let s = scene("baresip-srtp-without", "optional").await;
    let mut phone = Baresip::start(&s.place, s.peer, &[]);
    phone.says("baresip is ready").await;
    s.calls("+12125550001").await;
    s.conversation(phone).await;
}

/// In front of a peer: of the keys that the server offers only one suite's get through. baresip takes the first that it knows, and
/// offers no other than the first itself.
async fn only(suite: &'static str, peer: SocketAddr) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut buffer, mut server) = (vec![0; 65_536], None);
        while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
            let message = &buffer[..n];
            if from == peer {
                let back: SocketAddr = server.expect("who answers was asked");
                let _ = socket.send_to(message, back).await;
            } else {
                server = Some(from);
                let _ = socket.send_to(narrowed(message, suite).as_bytes(), peer).await;
            }
        }
    });
    at
}

fn narrowed(message: &[u8], suite: &str) -> String {
    let text = std::str::from_utf8(message).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let kept = |line: &&str| !line.starts_with("a=crypto:") || line.contains(suite);
    let body: String = body.split_inclusive("\r\n").filter(kept).collect();
    let length = format!("Content-Length: {}", body.len());
    let head: Vec<&str> =
        head.split("\r\n").map(|l| if l.starts_with("Content-Length:") { &length } else { l }).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n"))
}

/// Both directions, media and RTCP, under the suite that baresip's libsrtp has too.
#[tokio::test]
async fn baresip_and_the_server_understand_each_other_under_gcm() {
    if !installed("baresip") {
        return;
    }
    let s = scene_with("baresip-srtp-gcm", false).await;
    let way = only("AEAD_AES_128_GCM", s.peer).await;
    s.server.trunk(way, &[("srtp", "required")]).await;
    let mut phone = phone(&s, "srtp-mand", &[]);
    phone.says("baresip is ready").await;
    s.calls("+12125550001").await;
    phone.says("SRTP is Enabled (cryptosuite=AEAD_AES_128_GCM)").await;
    s.conversation(phone).await;
}
