//! The readable specification: whole conversations, byte-stable. Each begins with the sentence of the issue that it shows.

mod inbound;
