//! Tests of twiml.
