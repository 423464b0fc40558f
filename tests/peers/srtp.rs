//! baresip with its srtp module, calling and called: both ends heard, keys arrive.

use super::baresip::{Baresip, Scene, scene_with};
use super::installed;

const NUMBER: &str = "+15550000001";

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

async fn call(s: &Scene) {
    let url = s.app.url("/voice");
    let form = [("To", "+12125550001"), ("From", NUMBER), ("Url", &*url)];
    let made = s.server.post("/Calls.json", &form).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
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
    call(&s).await;
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
    call(&s).await;
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
    call(&s).await;
    s.conversation(phone).await;
}
