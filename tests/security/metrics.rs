//! `/metrics` is one table: the code, the page and the table agree. No label can name a call, an account, a number or an address:
//! its values are words that the table knows.

use chorus::error;
use chorus::store::rows::CallStatus;
use chorus::telemetry::metrics::{METRICS, page};
use std::collections::BTreeSet;
use std::path::Path;

fn names_in(dir: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names_in(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("telemetry/metrics.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let squeezed: String = text.split_whitespace().collect();
            for macro_name in [
                "counter!(\"",
                "gauge!(\"",
                "histogram!(\"",
                "set(\"chorus",
                "plain(\"chorus",
                "labelled(\"chorus",
            ] {
                for part in squeezed.split(macro_name).skip(1) {
                    let name = part.split('"').next().unwrap();
                    let prefix = if macro_name.ends_with("chorus") { "chorus" } else { "" };
                    out.insert(format!("{prefix}{name}"));
                }
            }
        }
    }
}

#[test]
fn every_metric_is_declared_and_every_declared_one_is_used() {
    let mut used = BTreeSet::new();
    names_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
    let declared: BTreeSet<String> = METRICS.iter().map(|m| m.name.to_owned()).collect();
    assert_eq!(used, declared);
}

#[test]
fn the_page_is_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/METRICS.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page(), "UPDATE=1 writes it anew");
}

/// Twilio's words for how a call is.
const STATUSES: &[CallStatus] = &[
    CallStatus::Queued,
    CallStatus::Initiated,
    CallStatus::Ringing,
    CallStatus::InProgress,
    CallStatus::Completed,
    CallStatus::Busy,
    CallStatus::Failed,
    CallStatus::NoAnswer,
    CallStatus::Canceled,
];

/// May this label of this metric have this value? `labels` is its row in the table: `name (word, word), name (words)`.
fn is_known(labels: &str, label: &str, value: &str) -> bool {
    let Some(words) = labels.split("), ").find_map(|l| l.strip_prefix(label)?.strip_prefix(" (")) else {
        return false;
    };
    let class = value.len() == 3 && value.ends_with("xx") && value.starts_with(|c: char| c.is_ascii_digit());
    let code = value.parse().is_ok_and(|code: u32| error::entry(code).is_some());
    words.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|w| w == value)
        || words.contains("xx") && class
        || words.contains("error code") && code
        || words.contains("Twilio's words") && STATUSES.iter().any(|s| s.as_str() == value)
}

/// Lines of `/metrics` with a label or a value that the table does not know.
fn strangers(text: &str) -> Vec<&str> {
    let samples = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    let strange = samples.filter(|line| {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap_or(line.len()));
        let ends = ["_bucket", "_sum", "_count"];
        let row = METRICS
            .iter()
            .find(|m| m.name == name || ends.iter().any(|e| name.strip_suffix(e) == Some(m.name)));
        let Some(row) = row else { return true };
        let Some((labels, _)) = rest.strip_prefix('{').and_then(|r| r.rsplit_once('}')) else { return false };
        !labels.split(',').filter_map(|l| l.split_once('=')).all(|(label, value)| {
            let value = value.trim_matches('"');
            label == "le" && (value == "+Inf" || value.parse::<f64>().is_ok())
                || is_known(row.labels, label, value)
        })
    });
    strange.collect()
}

/// What a server that had calls shows must pass this.
#[track_caller]
pub fn names_nobody(text: &str) {
    assert!(text.contains("chorus_calls_ended_total{"), "no call ended before this was read: {text}");
    assert_eq!(strangers(text), Vec::<&str>::new());
}

#[test]
fn a_label_that_names_somebody_is_noticed() {
    let fine = "# HELP chorus_calls_live calls that live\nchorus_timers 3\n\
                chorus_calls_live{direction=\"inbound\",status=\"in-progress\"} 1\n\
                chorus_webhooks_total{purpose=\"callback\",outcome=\"2xx\"} 7\n\
                chorus_webhooks_total{purpose=\"document\",outcome=\"11200\"} 1\n\
                chorus_webhook_seconds_bucket{purpose=\"media\",le=\"0.005\"} 7";
    assert_eq!(strangers(fine), Vec::<&str>::new());
    for bad in [
        "chorus_calls_live{direction=\"inbound\",status=\"CA0123456789abcdef0123456789abcdef\"} 1",
        "chorus_calls_live{direction=\"inbound\",to=\"+15005550006\"} 1",
        "chorus_webhooks_total{purpose=\"callback\",outcome=\"15005\"} 1",
        "chorus_webhooks_total{purpose=\"callback\",host=\"127.0.0.1\"} 1",
        "chorus_sip_received_total{transport=\"192.0.2.1\"} 1",
        "chorus_timers{account=\"AC0123456789abcdef0123456789abcdef\"} 1",
        "chorus_calls_of_somebody 1",
    ] {
        assert_eq!(strangers(bad), [bad]);
    }
}
