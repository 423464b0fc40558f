//! One row a transition of the four machines (RFC 3261 17, RFC 6026): state, event, state after, actions, deadline.

use bytes::Bytes;
use chorus::clock::Mono;
use chorus::sip::transaction::{
    Action, Client, ClientEvent, ClientState, Failure, InviteClient, InviteClientEvent, InviteClientState,
    InviteServer, InviteServerEvent, InviteServerState, Server, ServerEvent, ServerState, Timer,
};

const fn ms(n: u64) -> Mono {
    Mono(n * 1_000)
}

fn b(s: &'static str) -> Bytes {
    Bytes::from_static(s.as_bytes())
}

fn short(actions: &[Action]) -> String {
    let one = |a: &Action| match a {
        Action::Send(bytes) => format!("send {}", String::from_utf8_lossy(bytes)),
        Action::Pass => "pass".to_owned(),
        Action::Fail(Failure::Timeout) => "timeout".to_owned(),
        Action::Fail(Failure::Transport) => "transport".to_owned(),
        Action::Done => "done".to_owned(),
    };
    actions.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A machine is brought to a state by the events before it; then one event is the row.
macro_rules! walk {
    ($machine:expr, $rows:expr) => {{
        let mut machine = $machine;
        for (at, (time, event, state, actions, deadline)) in $rows.into_iter().enumerate() {
            let mut out = Vec::new();
            machine.on(ms(time), event, &mut out);
            assert_eq!(machine.state(), state, "state after row {at}");
            assert_eq!(short(&out), actions, "actions of row {at}");
            assert_eq!(machine.deadline(), deadline.map(ms), "deadline after row {at}");
        }
    }};
}

fn invite_client(reliable: bool) -> InviteClient {
    let mut out = Vec::new();
    let machine = InviteClient::new(ms(0), b("INVITE"), reliable, &mut out);
    assert_eq!(short(&out), "send INVITE");
    machine
}

#[test]
fn invite_client_retransmits_by_timer_a_until_timer_b() {
    use InviteClientEvent::Time;
    use InviteClientState::*;
    let mut m = invite_client(false);
    assert_eq!(m.deadline(), Some(ms(500)));
    let mut sent = Vec::new();
    let mut last = String::new();
    while let Some(at) = m.deadline() {
        let timer = m.due(at).unwrap();
        let mut out = Vec::new();
        m.on(at, Time(timer), &mut out);
        last = short(&out);
        sent.push((at.0 / 1_000, timer));
    }
    use Timer::{A, B};
    let expected = [(500, A), (1500, A), (3500, A), (7500, A), (15500, A), (31500, A), (32000, B)];
    assert_eq!(sent, expected);
    assert_eq!((last.as_str(), m.state()), ("timeout, done", Terminated));
}

#[test]
fn an_invite_that_was_given_up_is_not_sent_again_but_still_answered() {
    use InviteClientEvent::{Failure as No, *};
    use InviteClientState::*;
    let rows = vec![
        (4_000, Hush, Calling, "", Some(32_000)),
        (9_000, Provisional, Proceeding, "pass", None),
        (9_100, No(b("ACK")), Completed, "send ACK, pass", Some(41_100)),
    ];
    walk!(invite_client(false), rows);
}

#[test]
fn invite_client_on_a_stream_sends_once_and_still_times_out() {
    let m = invite_client(true);
    assert_eq!(m.deadline(), Some(ms(32_000)));
}

#[test]
fn invite_client_transitions_on_udp() {
    use InviteClientEvent::{Failure as No, *};
    use InviteClientState::*;
    let rows = vec![
        (10, Provisional, Proceeding, "pass", None),
        (20, Provisional, Proceeding, "pass", None),
        (30, TransportError, Proceeding, "", None),
        (40, No(b("ACK")), Completed, "send ACK, pass", Some(32_040)),
        (50, No(b("other")), Completed, "send ACK", Some(32_040)),
        (60, Provisional, Completed, "", Some(32_040)),
        (70, Success, Completed, "", Some(32_040)),
        (32_040, Time(Timer::D), Terminated, "done", None),
        (32_050, No(b("ACK")), Terminated, "", None),
    ];
    walk!(invite_client(false), rows);
}

#[test]
fn invite_client_passes_every_2xx_until_timer_m() {
    use InviteClientEvent::{Failure as No, *};
    use InviteClientState::*;
    let rows = vec![
        (10, Success, Accepted, "pass", Some(32_010)),
        (20, Success, Accepted, "pass", Some(32_010)),
        (30, Provisional, Accepted, "", Some(32_010)),
        (40, No(b("ACK")), Accepted, "", Some(32_010)),
        (50, TransportError, Accepted, "", Some(32_010)),
        (32_010, Time(Timer::M), Terminated, "done", None),
    ];
    walk!(invite_client(false), rows);
    let rows = vec![(5, Provisional, Proceeding, "pass", None), (9, Success, Accepted, "pass", Some(32_009))];
    walk!(invite_client(true), rows);
}

#[test]
fn invite_client_ends_at_once_where_timer_d_is_zero_or_the_transport_fails() {
    use InviteClientEvent::{Failure as No, *};
    use InviteClientState::*;
    walk!(invite_client(true), vec![(1, No(b("ACK")), Terminated, "send ACK, pass, done", None)]);
    walk!(invite_client(false), vec![(1, TransportError, Terminated, "transport, done", None)]);
    let rows = vec![
        (1, No(b("ACK")), Completed, "send ACK, pass", Some(32_001)),
        (2, TransportError, Terminated, "transport, done", None),
    ];
    walk!(invite_client(false), rows);
}

#[test]
fn invite_server_transitions_on_udp() {
    use InviteServerEvent::{Failure as No, *};
    use InviteServerState::*;
    let rows = vec![
        (0, Request, Proceeding, "", None),
        (1, Provisional(b("100")), Proceeding, "send 100", None),
        (2, Request, Proceeding, "send 100", None),
        (3, Provisional(b("180")), Proceeding, "send 180", None),
        (4, Request, Proceeding, "send 180", None),
        (5, Ack, Proceeding, "", None),
        (6, TransportError, Proceeding, "transport", None),
        (10, No(b("486")), Completed, "send 486", Some(510)),
        (20, Request, Completed, "send 486", Some(510)),
        (30, Success(b("200")), Completed, "", Some(510)),
        (40, TransportError, Completed, "transport", Some(510)),
        (510, Time(Timer::G), Completed, "send 486", Some(1_510)),
        (1_510, Time(Timer::G), Completed, "send 486", Some(3_510)),
        (3_510, Time(Timer::G), Completed, "send 486", Some(7_510)),
        (7_510, Time(Timer::G), Completed, "send 486", Some(11_510)),
        (11_600, Ack, Confirmed, "", Some(16_600)),
        (11_700, Ack, Confirmed, "", Some(16_600)),
        (11_800, Request, Confirmed, "", Some(16_600)),
        (16_600, Time(Timer::I), Terminated, "done", None),
    ];
    walk!(InviteServer::new(false), rows);
}

#[test]
fn invite_server_gives_up_by_timer_h_and_ends_at_once_on_a_stream() {
    use InviteServerEvent::{Failure as No, *};
    use InviteServerState::*;
    let rows = vec![
        (0, No(b("486")), Completed, "send 486", Some(32_000)),
        (32_000, Time(Timer::H), Terminated, "timeout, done", None),
    ];
    walk!(InviteServer::new(true), rows);
    let rows =
        vec![(0, No(b("486")), Completed, "send 486", Some(32_000)), (1, Ack, Terminated, "done", None)];
    walk!(InviteServer::new(true), rows);
}

#[test]
fn invite_server_absorbs_retransmissions_after_a_2xx_and_passes_acks() {
    use InviteServerEvent::*;
    use InviteServerState::*;
    let rows = vec![
        (0, Success(b("200")), Accepted, "send 200", Some(32_000)),
        (1, Request, Accepted, "", Some(32_000)),
        (2, Success(b("200")), Accepted, "send 200", Some(32_000)),
        (3, Ack, Accepted, "pass", Some(32_000)),
        (4, Ack, Accepted, "pass", Some(32_000)),
        (5, TransportError, Accepted, "transport", Some(32_000)),
        (32_000, Time(Timer::L), Terminated, "done", None),
    ];
    walk!(InviteServer::new(false), rows);
}

fn client(reliable: bool) -> Client {
    let mut out = Vec::new();
    let machine = Client::new(ms(0), b("BYE"), reliable, &mut out);
    assert_eq!(short(&out), "send BYE");
    machine
}

#[test]
fn client_retransmits_by_timer_e_up_to_t2_until_timer_f() {
    let mut m = client(false);
    let mut sent = Vec::new();
    while let Some(at) = m.deadline() {
        let timer = m.due(at).unwrap();
        m.on(at, ClientEvent::Time(timer), &mut Vec::new());
        sent.push(at.0 / 1_000);
    }
    let expected = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000];
    assert_eq!(sent, expected);
    assert_eq!(m.state(), ClientState::Terminated);
}

#[test]
fn client_transitions_on_udp() {
    use ClientEvent::*;
    use ClientState::*;
    let rows = vec![
        (10, Provisional, Proceeding, "pass", Some(500)),
        (500, Time(Timer::E), Proceeding, "send BYE", Some(4_500)),
        (600, Provisional, Proceeding, "pass", Some(4_500)),
        (700, Final, Completed, "pass", Some(5_700)),
        (800, Final, Completed, "", Some(5_700)),
        (900, TransportError, Completed, "", Some(5_700)),
        (5_700, Time(Timer::K), Terminated, "done", None),
    ];
    walk!(client(false), rows);
    let rows = vec![
        (10, Provisional, Proceeding, "pass", Some(500)),
        (32_000, Time(Timer::F), Terminated, "timeout, done", None),
    ];
    walk!(client(false), rows);
}

#[test]
fn client_ends_at_once_on_a_stream_or_a_transport_error() {
    use ClientEvent::*;
    use ClientState::*;
    walk!(client(true), vec![(1, Final, Terminated, "pass, done", None)]);
    walk!(client(false), vec![(1, TransportError, Terminated, "transport, done", None)]);
    let rows = vec![
        (1, Provisional, Proceeding, "pass", Some(32_000)),
        (2, TransportError, Terminated, "transport, done", None),
    ];
    walk!(client(true), rows);
}

#[test]
fn server_transitions() {
    use ServerEvent::*;
    use ServerState::*;
    let rows = vec![
        (1, Request, Trying, "", None),
        (2, TransportError, Trying, "", None),
        (3, Provisional(b("100")), Proceeding, "send 100", None),
        (4, Request, Proceeding, "send 100", None),
        (5, TransportError, Proceeding, "transport", None),
        (6, Provisional(b("180")), Proceeding, "send 180", None),
        (7, Final(b("200")), Completed, "send 200", Some(32_007)),
        (8, Request, Completed, "send 200", Some(32_007)),
        (9, Final(b("500")), Completed, "", Some(32_007)),
        (10, Provisional(b("180")), Completed, "", Some(32_007)),
        (11, TransportError, Completed, "transport", Some(32_007)),
        (32_007, Time(Timer::J), Terminated, "done", None),
    ];
    walk!(Server::new(false), rows);
    walk!(Server::new(false), vec![(0, Final(b("200")), Completed, "send 200", Some(32_000))]);
    walk!(Server::new(true), vec![(0, Final(b("200")), Terminated, "send 200, done", None)]);
}
