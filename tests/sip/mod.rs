//! Tests of sip.

mod inbound;
mod machines;
mod net;
mod offers;
mod outbound;
mod peer;
mod simulation;
mod torture_wire;
mod trunks;
