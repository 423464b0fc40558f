//! sipp loses every fifth message in both directions, and yet each call goes through and ends once.

use super::installed;
use super::scene::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// Loses 20 %, repeats as often as 32 s allow, and takes it as it is that an ACK comes late or never.
const LOSSY: [&str; 10] = [
    "-lost",
    "20",
    "-max_retrans",
    "11",
    "-timeout",
    "100s",
    "-l",
    "1000",
    "-default_behaviors",
    "all,-abortunexp",
];

/// Every row is completed, and each call's end was told once.
async fn one_end_each(s: &Scene, calls: usize) {
    s.until_told("completed", calls).await;
    let rows = s.rows().await;
    assert_eq!(rows.len(), calls);
    for row in &rows {
        assert_eq!(row["status"], "completed", "{row}");
    }
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for r in
        s.app.seen().iter().filter(|r| r.path.starts_with("/status") && r.get("CallStatus") == "completed")
    {
        *told.entry(r.get("CallSid").to_owned()).or_default() += 1;
    }
    assert_eq!(told.len(), calls);
    assert!(told.values().all(|n| *n == 1), "{told:?}");
}

#[tokio::test]
async fn three_hundred_calls_from_sipp_are_complete_at_20_percent_loss() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-lossy", &[]).await;
    let more = [&LOSSY[..], &["-m", "300", "-r", "20"]].concat();
    s.caller_with("lossy", HANGUP, &more, |text| text).await;
    one_end_each(&s, 300).await;
}

#[tokio::test]
async fn a_hundred_calls_to_sipp_are_complete_at_20_percent_loss() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-lossy", &[]).await;
    let more = [&LOSSY[..], &["-m", "100"]].concat();
    let sipp = s.callee_at("uas_lossy", s.peer, &more, |text| text).await;
    let status = s.app.url("/status");
    let form = [("To", CALLEE), ("From", SHORT), ("Twiml", "<Response><Hangup/></Response>")];
    let form = [&form[..], &[("StatusCallback", status.as_str())]].concat();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..100 {
        // 503: the machine is busy with other tests, nothing was begun, and as any client we come again.
        while s.server.post("/Calls.json", &form).await.unwrap().status == 503 {
            seconds.tick().await;
        }
    }
    sipp.passes().await;
    one_end_each(&s, 100).await;
}
