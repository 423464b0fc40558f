//! (s) Once a second: what an operator sees at `/metrics`. The names are declared in [`crate::telemetry::metrics`].

use super::Driver;
use crate::media::worker::Counters;
use crate::sip::event::Transport;
use crate::telemetry::metrics as table;
use metrics::{counter, gauge};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// SIP messages since the start: UDP, TCP, TLS.
#[derive(Copy, Clone, Debug, Default)]
pub struct Traffic {
    received: [u64; 3],
    sent: [u64; 3],
}

const TRANSPORTS: [&str; 3] = ["udp", "tcp", "tls"];

fn add(counts: &mut [u64; 3], transport: Transport) {
    let [udp, tcp, tls] = counts;
    let count = match transport {
        Transport::Udp => udp,
        Transport::Tcp => tcp,
        Transport::Tls => tls,
    };
    *count = count.wrapping_add(1);
}

impl Traffic {
    /// One message came.
    pub fn received(&mut self, transport: Transport) {
        add(&mut self.received, transport);
    }

    /// One message went.
    pub fn sent(&mut self, transport: Transport) {
        add(&mut self.sent, transport);
    }
}

/// What was shown last. Counters grow by the difference, so that several servers in one process (tests) add up.
#[derive(Debug, Default)]
pub struct Shown(HashMap<(&'static str, &'static str, &'static str), u64>);

impl Shown {
    /// How much a total has grown since the last look. Bounded by the table and its labels.
    fn grown(&mut self, name: &'static str, labels: (&'static str, &'static str), total: u64) -> u64 {
        let before = self.0.insert((name, labels.0, labels.1), total).unwrap_or(0);
        total.saturating_sub(before)
    }

    fn plain(&mut self, name: &'static str, total: u64) {
        counter!(name).increment(self.grown(name, ("", ""), total));
    }

    fn labelled(&mut self, name: &'static str, label: (&'static str, &'static str), total: u64) {
        counter!(name, label.0 => label.1).increment(self.grown(name, label, total));
    }
}

fn set(name: &'static str, n: usize) {
    gauge!(name).set(n as f64);
}

impl Driver {
    /// Sets every gauge and every counter that is kept elsewhere.
    pub(super) fn publish(&mut self) {
        let mut shown = std::mem::take(&mut self.shown);
        let c = self.parts.switch.counts();
        let connections = self.parts.transport.connections();
        if self.wave.is_over(c.calls + c.transactions + c.dialogs + connections) {
            tokio::task::spawn_blocking(crate::heap::give_back);
        }
        set("chorus_outbox_pending", c.outbox);
        set("chorus_sip_transactions", c.transactions);
        set("chorus_sip_dialogs", c.dialogs);
        set("chorus_timers", c.timers);
        set("chorus_work_pending", c.pending);
        set("chorus_store_journal", c.journal);
        set("chorus_sip_connections", connections);
        for ((direction, status), n) in self.parts.switch.census() {
            gauge!("chorus_calls_live", "direction" => direction, "status" => status).set(n as f64);
        }
        for (direction, status, n) in self.parts.switch.ended().iter() {
            counter!("chorus_calls_ended_total", "direction" => direction, "status" => status)
                .increment(shown.grown("chorus_calls_ended_total", (direction, status), n));
        }
        let r = self.parts.switch.refusals();
        shown.plain("chorus_sip_dropped_total", r.dropped);
        shown.plain("chorus_sip_refused_total", r.answered);
        shown.plain("chorus_calls_refused_total", r.calls);
        shown.plain("chorus_sip_identifiers_ignored_total", r.identifiers);
        for ((name, received), sent) in TRANSPORTS.iter().zip(self.traffic.received).zip(self.traffic.sent) {
            shown.labelled("chorus_sip_received_total", ("transport", name), received);
            shown.labelled("chorus_sip_sent_total", ("transport", name), sent);
        }
        self.publish_media(&mut shown);
        self.shown = shown;
        table::upkeep();
    }

    fn publish_media(&mut self, shown: &mut Shown) {
        let now = self.now().mono;
        let ports = self.parts.media.ports(now);
        set("chorus_ports_used", ports.used);
        set("chorus_ports_draining", ports.draining);
        set("chorus_ports_free", ports.free);
        shown.plain("chorus_ports_exhausted_total", ports.exhausted);
        let all: Vec<&Counters> = self.parts.media.counters().collect();
        let sum = |of: fn(&Counters) -> &AtomicU64| {
            all.iter().fold(0_u64, |n, c| n.wrapping_add(of(c).load(Ordering::Relaxed)))
        };
        shown.plain("chorus_rtp_received_total", sum(|c| &c.received));
        shown.plain("chorus_rtp_sent_total", sum(|c| &c.sent));
        shown.plain("chorus_rtp_dropped_total", sum(|c| &c.dropped));
        shown.plain("chorus_rtp_unsent_total", sum(|c| &c.unsent));
        shown.plain("chorus_rtp_late_total", sum(|c| &c.late));
        shown.labelled("chorus_stream_octets_total", ("direction", "in"), sum(|c| &c.stream_in));
        shown.labelled("chorus_stream_octets_total", ("direction", "out"), sum(|c| &c.stream_out));
        shown.plain("chorus_stream_frames_dropped_total", sum(|c| &c.stream_dropped));
        shown.plain("chorus_media_ticks_total", sum(|c| &c.ticks));
        shown.plain("chorus_media_ticks_late_total", sum(|c| &c.ticks_late));
        shown.plain("chorus_media_ticks_missed_total", sum(|c| &c.ticks_missed));
        shown.plain("chorus_media_events_lost_total", sum(|c| &c.events_lost));
        shown.plain("chorus_media_panics_total", sum(|c| &c.panics));
        shown.plain("chorus_disk_refused_total", sum(|c| &c.disk_refused));
        gauge!("chorus_media_legs").set(sum(|c| &c.legs) as f64);
        gauge!("chorus_streams_live").set(sum(|c| &c.streams) as f64);
    }
}
