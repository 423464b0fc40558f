//! Tests of sip.

mod checks;
mod digest_client;
mod fuzz;
mod ipv6;
mod oracle;
mod own_torture;
mod samples;
mod sdp;
mod sdp_awkward;
mod torture_wire;
mod wire_frame;
mod wire_read;
mod wire_values;
mod wire_write;
