//! Tests of sip.

mod machines;
mod net;
mod simulation;
mod torture_wire;
