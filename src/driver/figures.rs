//! (s) Once a second: what an operator sees at `/metrics`. The names are declared in [`crate::telemetry::metrics`].

use super::Driver;
use crate::media::worker::Counters;
use crate::sip::event::Transport;
use crate::telemetry::metrics as table;
use metrics::{counter, gauge};
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

fn set(name: &'static str, n: usize) {
    gauge!(name).set(n as f64);
}

impl Driver {
    /// Sets every gauge and every counter that is kept elsewhere.
    pub(super) fn publish(&mut self) {
        let c = self.parts.switch.counts();
        set("chorus_outbox_pending", c.outbox);
        set("chorus_sip_transactions", c.transactions);
        set("chorus_sip_dialogs", c.dialogs);
        set("chorus_timers", c.timers);
        set("chorus_work_pending", c.pending);
        set("chorus_store_journal", c.journal);
        set("chorus_sip_connections", self.parts.transport.connections());
        for ((direction, status), n) in self.parts.switch.census() {
            gauge!("chorus_calls_live", "direction" => direction, "status" => status).set(n as f64);
        }
        for (direction, status, n) in self.parts.switch.ended().iter() {
            counter!("chorus_calls_ended_total", "direction" => direction, "status" => status).absolute(n);
        }
        let r = self.parts.switch.refusals();
        counter!("chorus_sip_dropped_total").absolute(r.dropped);
        counter!("chorus_sip_refused_total").absolute(r.answered);
        counter!("chorus_calls_refused_total").absolute(r.calls);
        for ((name, received), sent) in TRANSPORTS.iter().zip(self.traffic.received).zip(self.traffic.sent) {
            counter!("chorus_sip_received_total", "transport" => *name).absolute(received);
            counter!("chorus_sip_sent_total", "transport" => *name).absolute(sent);
        }
        self.publish_media();
        table::upkeep();
    }

    fn publish_media(&mut self) {
        let now = self.now().mono;
        let ports = self.parts.media.ports(now);
        set("chorus_ports_used", ports.used);
        set("chorus_ports_draining", ports.draining);
        set("chorus_ports_free", ports.free);
        counter!("chorus_ports_exhausted_total").absolute(ports.exhausted);
        let all: Vec<&Counters> = self.parts.media.counters().collect();
        let sum = |of: fn(&Counters) -> &AtomicU64| {
            all.iter().fold(0_u64, |n, c| n.wrapping_add(of(c).load(Ordering::Relaxed)))
        };
        counter!("chorus_rtp_received_total").absolute(sum(|c| &c.received));
        counter!("chorus_rtp_sent_total").absolute(sum(|c| &c.sent));
        counter!("chorus_rtp_dropped_total").absolute(sum(|c| &c.dropped));
        counter!("chorus_rtp_unsent_total").absolute(sum(|c| &c.unsent));
        counter!("chorus_rtp_late_total").absolute(sum(|c| &c.late));
        counter!("chorus_stream_octets_total", "direction" => "in").absolute(sum(|c| &c.stream_in));
        counter!("chorus_stream_octets_total", "direction" => "out").absolute(sum(|c| &c.stream_out));
        counter!("chorus_stream_frames_dropped_total").absolute(sum(|c| &c.stream_dropped));
        counter!("chorus_media_ticks_total").absolute(sum(|c| &c.ticks));
        counter!("chorus_media_ticks_late_total").absolute(sum(|c| &c.ticks_late));
        counter!("chorus_media_ticks_missed_total").absolute(sum(|c| &c.ticks_missed));
        counter!("chorus_media_events_lost_total").absolute(sum(|c| &c.events_lost));
        counter!("chorus_media_panics_total").absolute(sum(|c| &c.panics));
        counter!("chorus_disk_refused_total").absolute(sum(|c| &c.disk_refused));
        gauge!("chorus_media_legs").set(sum(|c| &c.legs) as f64);
        gauge!("chorus_streams_live").set(sum(|c| &c.streams) as f64);
    }
}
