//! Tests of kit.
