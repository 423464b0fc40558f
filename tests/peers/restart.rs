//! The server is killed while a softphone is registered: its binding over UDP is there when it starts again, one over a connection is
//! not, until the phone registers anew.

use super::baresip::{NUMBER, softphone};
use super::installed;
use std::time::Duration;
use tokio::time::interval;

#[tokio::test]
async fn a_softphone_that_registered_over_udp_is_called_after_a_restart() {
    if !installed("baresip") {
        return;
    }
    let (mut s, phone) = softphone("restart-udp", "udp").await;
    // A binding is written behind its 200; what is written after it says that it is there.
    s.server.number("+15550000002", &[]).await;
    s.server.kill().await;
    s.server = s.place.start().await;
    s.calls("sip:alice@chorus").await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_softphone_that_registered_over_tcp_is_not_there_after_a_restart() {
    if !installed("baresip") {
        return;
    }
    let (mut s, _phone) = softphone("restart-tcp", "tcp").await;
    s.server.number("+15550000002", &[]).await;
    s.server.kill().await;
    s.server = s.place.start().await;
    let form = [("To", "sip:alice@chorus"), ("From", NUMBER), ("Twiml", "<Response/>")];
    let made = s.server.post("/Calls.json", &form).await.unwrap().json();
    let path = format!("/Calls/{}.json", made["sid"].as_str().unwrap());
    let mut looks = interval(Duration::from_millis(20));
    let end = loop {
        looks.tick().await;
        let status = s.server.get(&path).await.json()["status"].as_str().unwrap().to_owned();
        if !matches!(status.as_str(), "queued" | "initiated") {
            break status;
        }
    };
    assert_eq!(end, "no-answer");
}
