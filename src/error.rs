//! ONE table: Twilio code <-> HTTP status <-> SIP cause <-> sentence <-> whose fault <-> retryable.
