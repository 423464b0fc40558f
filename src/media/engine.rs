//! The media engine: every leg of one worker, its RTP, sources, taps and streams, as one pure value.

pub mod out;

pub use out::{DiskOp, DiskReport, Item, Out, StreamInput};
