//! (s) The recorder behind `/metrics`, and the table of everything it shows. docs/METRICS.md is made from the table; a test holds
//! the table to the names in the code.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// How a metric behaves.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// How it is now; at most a second old.
    Gauge,
    /// Buckets of how long or how many.
    Histogram(&'static [f64]),
}

/// A row of the table.
#[derive(Copy, Clone, Debug)]
pub struct Metric {
    /// As Prometheus shows it.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its labels, with what they can be. None of them grows with the calls.
    pub labels: &'static str,
    /// What it says.
    pub words: &'static str,
}

/// Seconds of a request to an application: its limit is 15 s for one answer, 60 s with all redirects.
const REQUEST_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// Seconds of a commit.
const COMMIT_SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];
/// Transactions of a commit.
const GROUP_SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

const fn counter(name: &'static str, labels: &'static str, words: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, words }
}

const fn gauge(name: &'static str, labels: &'static str, words: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, words }
}

const fn histogram(
    name: &'static str,
    buckets: &'static [f64],
    labels: &'static str,
    words: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram(buckets), labels, words }
}

const CALL: &str = "direction (inbound, outbound-api, outbound-dial, trunking-terminating, trunking-originating), status (Twilio's words)";
const TRANSPORT: &str = "transport (udp, tcp, tls)";

/// Everything, in the order of a call.
pub const METRICS: &[Metric] = &[
    gauge("chorus_calls_live", CALL, "calls that live"),
    counter("chorus_calls_ended_total", CALL, "calls that ended, by their last status"),
    counter(
        "chorus_calls_refused_total",
        "",
        "INVITEs of known trunks that no call came of: no such number, no handler, no room",
    ),
    counter("chorus_sip_received_total", TRANSPORT, "SIP messages that came"),
    counter("chorus_sip_sent_total", TRANSPORT, "SIP messages that went, retransmissions included"),
    counter(
        "chorus_sip_dropped_total",
        "",
        "SIP messages dropped without an answer: unreadable, or from an address of no trunk",
    ),
    counter("chorus_sip_refused_total", "", "requests answered with a refusal before a call came of them"),
    counter(
        "chorus_sip_identifiers_ignored_total",
        "",
        "X-Chorus-Client-Identifier of senders that are not in CHORUS_TRUSTED_PROXIES: it changed nothing",
    ),
    counter(
        "chorus_sip_queue_full_total",
        "",
        "datagrams dropped because the server was behind: it needs a faster machine or fewer calls",
    ),
    counter("chorus_sip_unsent_total", "transport (udp, tcp)", "SIP messages that the socket did not take"),
    counter(
        "chorus_sip_socket_errors_total",
        "transport (udp, tcp)",
        "errors of the sockets: ICMP answers, or no file descriptors left",
    ),
    counter(
        "chorus_sip_connections_refused_total",
        "",
        "TCP and TLS connections closed because there were too many: those of strangers first",
    ),
    counter(
        "chorus_sip_lost_unreported_total",
        "",
        "broken TCP connections and undelivered datagrams that a busy driver was not told of; timers notice",
    ),
    counter("chorus_sip_tls_refused_total", "", "TLS handshakes of peers that came to nothing"),
    gauge("chorus_sip_connections", "", "open TCP and TLS connections"),
    gauge("chorus_sip_transactions", "", "SIP transactions"),
    gauge("chorus_sip_dialogs", "", "SIP dialogs, and Call-IDs that are remembered for late answers"),
    gauge("chorus_timers", "", "armed timers"),
    gauge("chorus_work_pending", "", "requests, clips and commits that calls wait for"),
    counter("chorus_rtp_received_total", "", "RTP and RTCP packets that came to ports in use"),
    counter("chorus_rtp_sent_total", "", "RTP and RTCP packets that went"),
    counter(
        "chorus_rtp_dropped_total",
        "",
        "packets dropped: not from the peer, malformed, of a format nobody agreed on",
    ),
    counter("chorus_rtp_unsent_total", "", "packets that the kernel did not take"),
    counter("chorus_rtp_late_total", "", "packets that left more than 20 ms after their time"),
    gauge("chorus_ports_used", "", "RTP port pairs in use"),
    gauge("chorus_ports_draining", "", "RTP port pairs that rest before they are used again"),
    gauge("chorus_ports_free", "", "RTP port pairs that can be had now"),
    counter(
        "chorus_ports_exhausted_total",
        "",
        "times that no RTP port pair was to be had: widen CHORUS_RTP_PORTS",
    ),
    gauge("chorus_media_legs", "", "legs with media"),
    counter("chorus_media_ticks_total", "", "5 ms ticks of the media workers"),
    counter("chorus_media_ticks_late_total", "", "ticks that began more than 5 ms late"),
    counter("chorus_media_ticks_missed_total", "", "ticks left out after a stall"),
    counter("chorus_media_events_lost_total", "", "events of workers that a busy driver did not take"),
    counter(
        "chorus_media_panics_total",
        "",
        "mistakes of Chorus that ended the media of a leg; please report them",
    ),
    counter(
        "chorus_disk_refused_total",
        "",
        "disk operations refused by a full queue; the recording ends as failed",
    ),
    gauge("chorus_streams_live", "", "connections to streaming agents"),
    counter("chorus_stream_octets_total", "direction (in, out)", "octets from and to streaming agents"),
    counter("chorus_stream_frames_dropped_total", "", "frames dropped because an agent did not read"),
    counter(
        "chorus_webhooks_total",
        "purpose (document, callback, media), outcome (2xx, 3xx or Twilio's error code)",
        "requests to applications, with all their redirects and retries",
    ),
    histogram(
        "chorus_webhook_seconds",
        REQUEST_SECONDS,
        "purpose (document, callback, media)",
        "how long they took",
    ),
    gauge("chorus_outbox_pending", "", "callbacks not delivered yet"),
    counter(
        "chorus_http_requests_total",
        "status (2xx, 4xx, 5xx ...)",
        "requests to the REST API by the class of their answer",
    ),
    counter("chorus_store_commits_total", "outcome (done, failed)", "groups of transactions written"),
    histogram("chorus_store_commit_seconds", COMMIT_SECONDS, "", "how long a group took"),
    histogram("chorus_store_group_size", GROUP_SIZES, "", "transactions in a group"),
    counter(
        "chorus_store_listener_panics_total",
        "",
        "mistakes of Chorus after a commit; please report them",
    ),
    counter(
        "chorus_store_refused_total",
        "queue (writes, reads)",
        "transactions and reads refused because too many waited",
    ),
    gauge("chorus_store_healthy", "", "1 while the database takes what is written"),
    gauge("chorus_store_journal", "", "transactions of live calls that wait for the database to come back"),
];

/// Installs the recorder once for the process; None if something else installed one. Before anything is counted.
pub fn recorder() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> Option<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for m in METRICS {
        if let Kind::Histogram(buckets) = m.kind {
            let full = metrics_exporter_prometheus::Matcher::Full(m.name.to_owned());
            builder = builder.set_buckets_for_metric(full, buckets).ok()?;
        }
    }
    let handle = builder.install_recorder().ok()?;
    for m in METRICS {
        match m.kind {
            Kind::Counter => metrics::describe_counter!(m.name, m.words),
            Kind::Gauge => metrics::describe_gauge!(m.name, m.words),
            Kind::Histogram(_) => metrics::describe_histogram!(m.name, m.words),
        }
    }
    Some(handle)
}

/// Moves what histograms gathered into their buckets; without it they grow until somebody reads `/metrics`.
pub fn upkeep() {
    if let Some(handle) = recorder() {
        handle.run_upkeep();
    }
}

/// docs/METRICS.md.
pub fn page() -> String {
    let mut out = String::from(
        "# What /metrics shows\n\nMade from the table in `src/telemetry/metrics.rs` (`UPDATE=1 scripts/test --quick` writes it anew). \
         Gauges are refreshed once a second. No label holds a number, a SID or an address, so the count of series does not grow \
         with the calls.\n\n| name | kind | labels | what it says |\n| --- | --- | --- | --- |\n",
    );
    for m in METRICS {
        let kind = match m.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        out.push_str(&format!("| `{}` | {kind} | {} | {} |\n", m.name, m.labels, m.words));
    }
    out
}
