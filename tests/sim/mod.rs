//! Tests of sim.
