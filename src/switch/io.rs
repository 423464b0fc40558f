//! What the switch is fed, and what it wants done.

use super::WorkerId;
use crate::api::command::{Answer, Request};
use crate::call::event::{PortError, StreamConnect, Ticket};
use crate::call::tables::Tables;
use crate::media::event::{EngineCommand, MediaEvent};
use crate::media::plan::Clip;
use crate::sid::{AccountSid, CallSid};
use crate::sip::event::{Flow, LegId, Lookup, Proof, ResolveId};
use crate::speech::{ClipId, Speech, SpeechError};
use crate::store::rows::Line;
use crate::store::tx::{StoreError, Tx, TxId};
use crate::webhooks::request::{FetchError, FetchId, FetchRequest, Fetched};
use bytes::Bytes;
use std::{net::SocketAddr, sync::Arc};

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// A datagram, or one framed message of a stream.
    Sip(Flow, Bytes),
    /// A connection is gone.
    FlowLost(Flow),
    /// A connection could not be made, and why.
    Unreachable(Flow, String),
    /// Who a connection's peer is, by its certificate.
    Proved(Proof),
    /// A host lookup came back.
    Resolved(ResolveId, Vec<Flow>),
    /// From a worker.
    Media(MediaEvent),
    /// A request was answered, or not.
    Fetched(FetchId, Result<Fetched, FetchError>),
    /// Audio was spoken, fetched or decoded, or not.
    Clip(ClipId, Result<Arc<Clip>, SpeechError>),
    /// The voice that speaks is not the one that was asked for: Twilio's code and a sentence.
    Warned(ClipId, u32, String),
    /// A port was opened, or not.
    Port(LegId, Result<SocketAddr, PortError>),
    /// A transaction was written, or not.
    Committed(TxId, Result<(), StoreError>),
    /// The REST API asks.
    Command(Ticket, Request),
    /// New tables.
    Tables(Arc<Tables>),
    /// Pending outbox rows that were asked for, and when the next is due that is not among them.
    Outbox(Vec<crate::store::rows::OutboxRow>, Option<crate::clock::Wall>),
    /// No new calls from now on (SIGTERM).
    Drain,
    /// A timer may be due.
    Time,
}

/// What goes out.
#[derive(Debug)]
pub enum Output {
    /// A SIP message.
    Send(Flow, Bytes),
    /// Looks a next hop up; the number names the answer.
    Resolve(ResolveId, Lookup),
    /// Writes.
    Commit(TxId, Tx),
    /// Requests.
    Fetch(FetchId, Box<FetchRequest>),
    /// Speaks.
    Speak(ClipId, AccountSid, Speech),
    /// Fetches and decodes audio.
    Load(ClipId, Box<FetchRequest>),
    /// Decodes audio.
    Decode(ClipId, String, Bytes),
    /// Opens a port and gives its sockets to the worker.
    OpenPort {
        /// Whose.
        leg: LegId,
        /// Where it will live.
        worker: WorkerId,
        /// Chooses our address.
        near: Option<SocketAddr>,
        /// Our SSRC.
        ssrc: u32,
    },
    /// To a worker's engine.
    Engine(WorkerId, EngineCommand),
    /// Takes a leg from one worker to another.
    Move {
        /// Which.
        leg: LegId,
        /// Where it lives.
        from: WorkerId,
        /// Where it will live.
        to: WorkerId,
    },
    /// Connects a stream's socket and gives it to the worker.
    Connect(WorkerId, Box<StreamConnect>),
    /// Answers the REST API.
    Reply(Ticket, Box<Answer>),
    /// Wants pending outbox rows due up to this time.
    LoadOutbox(crate::clock::Wall),
    /// A line of a call's timeline, for who watches.
    Trace(CallSid, Line),
    /// A sentence for the log: a refusal that no account owns, a dropped source.
    Log(String),
}
