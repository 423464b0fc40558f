//! Tests of sip.

mod torture_wire;
