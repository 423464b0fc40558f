//! Who is calling and where to send it.
