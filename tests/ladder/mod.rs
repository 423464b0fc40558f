//! Tests of ladder.
