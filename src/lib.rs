//! Chorus: Twilio Programmable Voice as one binary. THE MAP, in the order of a call:
//!
//! ```text
//!  INVITE --> sip::transport --> +------------------- switch (pure) --------------------+
//!             (bytes)            | sip::endpoint -> call -> twiml::Interpreter           |
//!  POST /Calls --> api --------> |  transactions,  one per leg: row, leg, program, phase |--> Fetch --> webhooks --> the user's app
//!             (a Command)        |  dialogs        webhooks::schedule, timers, gates     |<-- Fetched <--          (TwiML)
//!                                +-------------------------------------------------------+
//!                                  | Commit{tx}  ^ Committed      | Engine(plan)  ^ MediaEvent
//!                                  v             |                v               |
//!                                store writer (row + callbacks) media::engine (pure) in a worker thread:
//!                                  |                             RTP, jitter, keys, taps, stream sockets <--> phones, agents
//!                                  +--> webhooks::schedule --> StatusCallback
//! ```
//!
//! Three sentences: everything that decides takes `now` and returns outputs; only `call::status` can make a change of status, and
//! what it makes holds the row and its callbacks for one transaction; only `server` knows everyone.
//!
//! A file whose first line is `//! (s)` is shell: sockets, threads, clocks. Every other file is pure, and `tests/tidy.rs` holds it to
//! that.
//!
//! | room | what it is |
//! | --- | --- |
//! | [`api`] | HTTP in: the route table, who may, how much, what; one file a resource; `command` is what it asks of live calls |
//! | [`sip`] | RFC 3261: `wire` reads and writes, `transaction` one state machine a file, `dialog`, `digest`, `registrar` of who registers here, `registration` of ours elsewhere, `endpoint` joins them, `transport` has the sockets |
//! | [`sdp`] | offer and answer for one G.711 stream |
//! | [`trunk`] | who is calling: `door`s, sources, numbers, and why not; which way a number goes, how it is written there (`normalise`); `names` of domains; the `doctor` of a trunk |
//! | [`call`] | the heart: one call is its row, its leg, its program and one phase; a Dial's child is a call of its own |
//! | [`media`] | what a leg shall do (`plan`), the engine that does it, the worker that gives it sockets; Play's clips |
//! | [`streams`] | Twilio Media Streams: frames, handshake, messages, sessions |
//! | [`speech`] | Say, behind a small trait |
//! | [`webhooks`] | parameters, signatures, policy, the guard, fetching, and the schedule of callbacks |
//! | [`store`] | a transaction as data; memory, SQLite, PostgreSQL; the one writer; reads |
//! | [`switch`] | everything that decides, as one value |
//! | [`driver`] | the one task that feeds the switch and performs what it says |
//! | [`server`] | wiring, readiness, drain |
//! | [`first_start`] | what a first start makes: key, account, token |
//! | [`retention`] | lets go what is old, once an hour |
//! | [`telemetry`] | log, metrics, timelines as ladders |
//! | [`cli`] | the commands |
//! | [`certificate`] | what we show over TLS |
//! | [`clock`], [`rng`], [`sid`] | time, chance and names as data |
//! | [`error`] | one table of Twilio's codes |
//! | [`heap`] | what the process holds free, and gives back |
//! | [`idmap`] | maps by ids of our own |
//! | [`config`] | one table of settings |
//! | [`fuzz`] | one table of all that reads octets from outside |
//! | [`mutants`] | planted bugs, for the simulation to find |

pub mod api;
pub mod call;
pub mod certificate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod driver;
pub mod error;
pub mod first_start;
pub mod fuzz;
pub mod heap;
pub mod idmap;
pub mod media;
pub mod mutants;
pub mod retention;
pub mod rng;
pub mod sdp;
pub mod server;
pub mod sid;
pub mod sip;
pub mod speech;
pub mod store;
pub mod streams;
pub mod switch;
pub mod telemetry;
pub mod trunk;
pub mod webhooks;
