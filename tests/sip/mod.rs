//! Tests of sip.

mod checks;
mod cost;
mod digest_client;
mod disorder;
mod fuzz;
mod inbound;
mod ipv6;
mod machines;
mod net;
mod offers;
mod oracle;
mod outbound;
mod own_torture;
mod peer;
mod samples;
mod sdp;
mod sdp_awkward;
mod simulation;
mod torture_endpoint;
mod torture_wire;
mod transport;
mod trunks;
mod wire_frame;
mod wire_read;
mod wire_values;
mod wire_write;
