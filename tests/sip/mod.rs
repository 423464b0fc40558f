//! Tests of sip.
