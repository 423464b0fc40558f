//! Codecs. Inside the worker audio is mu-law; PCM appears only where samples are added up or written to a file.

pub mod g711;
