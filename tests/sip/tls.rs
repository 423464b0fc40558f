//! TLS on real loopback: whole calls, whom we believe, whom we let in.

use super::net::udp;
use super::peer::{Bench, PEER, Req, SDP, US};
use super::transport::{Phone, dial, run, until};
use crate::kit::rows::trunk;
use chorus::certificate::Reloader;
use chorus::sid::TrunkSid;
use chorus::sip::event::{Caller, Cause, Flow, InviteCmd, Proof, SipCmd, SipEvent, Transport as Kind};
use chorus::sip::transport::Config;
use chorus::store::rows::{TrunkRow, TrunkTls};
use chorus::trunk::Snapshot;
use chorus::trunk::tls::fingerprint;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const OURS: TrunkSid = TrunkSid(1);

/// Makes certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

#[derive(Clone)]
struct Certificate {
    pem: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, chorus::api::rng().hex(12));
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// As PBXs make them: its own authority is what it shows.
    fn itself(name: &str) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        Certificate { pem: made.pem(), key: key.serialize_pem(), der: made.der().clone() }
    }

    fn certificate(&self, name: &str, expired: bool) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        }
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Certificate { pem: made.pem(), key: key.serialize_pem(), der: made.der().clone() }
    }
}

/// The files of a certificate that is shown, removed at the end.
struct Shown {
    dir: PathBuf,
    reloader: Reloader,
}

impl Shown {
    fn write(&self, certificate: &Certificate) {
        std::fs::write(self.dir.join("cert.pem"), &certificate.pem).unwrap();
        std::fs::write(self.dir.join("key.pem"), &certificate.key).unwrap();
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A phone that listens for TLS, and where.
async fn listener(seed: u64, certificate: &Certificate, rows: Vec<TrunkRow>) -> (Phone, SocketAddr, Shown) {
    let dir = std::env::temp_dir().join(format!("chorus-sip-tls-{}", chorus::api::rng().hex(12)));
    std::fs::create_dir_all(&dir).unwrap();
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&cert, &certificate.pem).unwrap();
    std::fs::write(&key, &certificate.key).unwrap();
    let (reloader, current) = Reloader::new(&cert, &key).unwrap();
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { tls: Some((loopback, current)), ..Config::new(loopback) };
    let phone = Phone::with(seed, config, rows).await;
    let address = phone.transport.tls_addr().unwrap();
    (phone, address, Shown { dir, reloader })
}

/// A phone that connects, by the rules of its trunk.
async fn caller(seed: u64, tls: TrunkTls, key: Option<String>) -> Phone {
    let row = TrunkRow { tls, tls_key: key, transport: "tls".into(), ..trunk(1, &["127.0.0.0/8"]) };
    Phone::with(seed, Config::new(([127, 0, 0, 1], 0).into()), vec![row]).await
}

fn over_trunk(uri: String) -> SipCmd {
    let SipCmd::Invite(cmd) = dial(uri, SDP.into()) else { unreachable!() };
    SipCmd::Invite(Box::new(InviteCmd { trunk: Some(OURS), ..*cmd }))
}

fn authority(pem: &str) -> TrunkTls {
    TrunkTls { ca: Some(pem.to_owned()), ..TrunkTls::default() }
}

/// Why a call over the trunk comes to nothing.
async fn why_not(tls: TrunkTls, key: Option<String>, to: &mut Phone, at: SocketAddr) -> String {
    let mut a = caller(1, tls, key).await;
    a.tell(over_trunk(format!("sip:bob@localhost:{};transport=tls", at.port())));
    let ended = until(&mut a, to, |e| matches!(e, SipEvent::Ended { .. })).await;
    let SipEvent::Ended { cause, .. } = ended else { unreachable!() };
    assert_eq!(cause.code, 503, "{cause:?}");
    assert!(to.events.is_empty(), "nothing came: {:?}", to.events);
    cause.words
}

async fn rings(a: &mut Phone, b: &mut Phone, at: SocketAddr) -> SipEvent {
    a.tell(over_trunk(format!("sip:bob@localhost:{};transport=tls", at.port())));
    until(b, a, |e| matches!(e, SipEvent::Incoming { .. })).await
}

async fn whole_call(uri: impl Fn(SocketAddr) -> String, contact: impl Fn(SocketAddr) -> String) {
    let house = Authority::new();
    let (mut b, at, _shown) =
        listener(2, &house.certificate("localhost", false), vec![trunk(1, &["127.0.0.0/8"])]).await;
    let mut a = caller(1, authority(&house.pem), None).await;
    a.tell(over_trunk(uri(at)));
    let incoming = until(&mut b, &mut a, |e| matches!(e, SipEvent::Incoming { .. })).await;
    let SipEvent::Incoming { leg, invite, .. } = incoming else { unreachable!() };
    assert_eq!(invite.flow.transport, Kind::Tls);
    assert_eq!(invite.dialog.remote_target, contact(a.transport.local_addr()));
    b.tell(SipCmd::Answer { leg, body: SDP.into(), headers: vec![] });
    let answered = until(&mut a, &mut b, |e| matches!(e, SipEvent::Answered { .. })).await;
    let SipEvent::Answered { dialog, .. } = answered else { unreachable!() };
    assert_eq!(dialog.remote_target, contact(at), "and the port of TLS");
    until(&mut b, &mut a, |e| matches!(e, SipEvent::Confirmed { .. })).await;
    // The callee hangs up: its BYE takes the connection that the caller made.
    b.tell(SipCmd::Hangup { leg, cause: Cause::new(200, "Done"), headers: vec![] });
    until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
    until(&mut b, &mut a, |e| matches!(e, SipEvent::Ended { .. })).await;
    assert_eq!((a.transport.connections(), b.transport.connections()), (1, 1));
}

#[test]
fn a_call_over_tls() {
    let uri = |at: SocketAddr| format!("sip:bob@localhost:{};transport=tls", at.port());
    run(whole_call(uri, |local| format!("sip:{local};transport=tls")));
}

#[test]
fn a_call_to_sips_has_contacts_of_sips() {
    run(whole_call(|at| format!("sips:bob@localhost:{}", at.port()), |local| format!("sips:{local}")));
}

#[test]
fn a_certificate_that_is_not_believed_ends_the_call_and_says_why() {
    run(async {
        let (house, others) = (Authority::new(), Authority::new());
        let good = house.certificate("localhost", false);
        let cases = [
            (house.certificate("localhost", true), authority(&house.pem), "its certificate has expired"),
            (good.clone(), authority(&others.pem), "of an authority that is not known here"),
            (good.clone(), TrunkTls::default(), "of an authority that is not known here"),
            (Authority::itself("localhost"), authority(&others.pem), "tls_peer_fingerprints of the trunk"),
            (
                house.certificate("pbx.test", false),
                authority(&house.pem),
                "not for this name but for pbx.test",
            ),
            (
                good.clone(),
                TrunkTls { names: vec!["sbc.test".into()], ..authority(&house.pem) },
                "not for this name but for localhost",
            ),
            (
                good.clone(),
                TrunkTls { fingerprints: vec!["00".repeat(32)], ..TrunkTls::default() },
                "none of tls_peer_fingerprints",
            ),
        ];
        for (n, (shown, tls, want)) in cases.into_iter().enumerate() {
            let (mut b, at, _shown) = listener(2, &shown, vec![trunk(1, &["127.0.0.0/8"])]).await;
            let words = why_not(tls, None, &mut b, at).await;
            assert!(words.starts_with("no TLS connection to localhost (127.0.0.1:"), "{n}: {words}");
            assert!(words.contains(want), "{n}: {words}");
        }
    });
}

#[test]
fn what_does_not_speak_tls_is_said_to_be_so() {
    run(async {
        let mut plain = Phone::with(2, Config::new(([127, 0, 0, 1], 0).into()), vec![]).await;
        let at = plain.transport.local_addr();
        // It answers nothing, so that the handshake runs into its end; or it closes.
        let words = why_not(TrunkTls::default(), None, &mut plain, at).await;
        assert!(words.contains("nothing answered in time") || words.contains("eof"), "{words}");
    });
}

#[test]
fn other_names_and_fingerprints_are_believed_in_place_of_the_host() {
    run(async {
        let house = Authority::new();
        let pbx = house.certificate("pbx.test", true);
        let named = house.certificate("pbx.test", false);
        let cases = [
            (named, TrunkTls { names: vec!["sbc.test".into(), "pbx.test".into()], ..authority(&house.pem) }),
            // Whatever else it says: even that its time is over.
            (pbx.clone(), TrunkTls { fingerprints: vec![fingerprint(&pbx.der)], ..TrunkTls::default() }),
        ];
        for (shown, tls) in cases {
            let (mut b, at, _shown) = listener(2, &shown, vec![trunk(1, &["127.0.0.0/8"])]).await;
            let mut a = caller(1, tls, None).await;
            rings(&mut a, &mut b, at).await;
        }
    });
}

#[test]
fn a_trunk_that_asks_for_a_certificate_is_known_by_nothing_else() {
    run(async {
        let house = Authority::new();
        let peer = house.certificate("peer.test", false);
        let stranger = house.certificate("stranger.test", false);
        let asks = |tls: TrunkTls, sources: &[&str]| TrunkRow {
            tls: TrunkTls { client_auth: true, ..tls },
            ..trunk(1, sources)
        };
        let by_name = || TrunkTls { names: vec!["peer.test".into()], ..authority(&house.pem) };
        let by_print = || TrunkTls { fingerprints: vec![fingerprint(&peer.der)], ..TrunkTls::default() };
        let shows = |c: &Certificate| {
            let tls = TrunkTls { certificate: Some(c.pem.clone()), ..authority(&house.pem) };
            (tls, Some(c.key.clone()))
        };
        for row in [
            asks(by_name(), &["127.0.0.0/8"]),
            asks(by_name(), &[]),
            asks(by_print(), &["127.0.0.0/8"]),
            asks(authority(&house.pem), &[]),
        ] {
            let (mut b, at, _shown) =
                listener(2, &house.certificate("localhost", false), vec![row.clone()]).await;
            let (tls, key) = shows(&peer);
            let mut a = caller(1, tls, key).await;
            let SipEvent::Incoming { caller: Caller::Trunks(trunks), .. } = rings(&mut a, &mut b, at).await
            else {
                unreachable!()
            };
            assert_eq!(trunks, [OURS]);
            // Without one, in clear, or with another's: strangers. The authority alone cannot tell the two apart.
            let other = if row.tls.names.is_empty() && row.tls.fingerprints.is_empty() {
                None
            } else {
                Some(shows(&stranger))
            };
            for (tls, key) in other.into_iter().chain([(authority(&house.pem), None)]) {
                let mut c = caller(3, tls, key).await;
                c.tell(over_trunk(format!("sip:bob@localhost:{};transport=tls", at.port())));
                until(&mut b, &mut c, |e| matches!(e, SipEvent::Refused { code: 0, .. })).await;
            }
            let mut d = caller(4, TrunkTls::default(), None).await;
            d.tell(over_trunk(format!("sip:bob@{}", b.transport.local_addr())));
            until(&mut b, &mut d, |e| matches!(e, SipEvent::Refused { code: 0, .. })).await;
        }
    });
}

/// A peer that took its session up again would show no certificate though a trunk has asked for one since.
#[test]
fn every_connection_is_shaken_hands_on_anew() {
    run(async {
        let house = Authority::new();
        let (_b, at, _shown) = listener(2, &house.certificate("localhost", false), vec![]).await;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(house.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let config = ClientConfig::builder_with_provider(provider.clone());
            let config = config.with_protocol_versions(&[version]).unwrap();
            let config = Arc::new(config.with_root_certificates(roots.clone()).with_no_client_auth());
            for _ in 0..2 {
                let stream = TcpStream::connect(at).await.unwrap();
                let host = ServerName::try_from("localhost").unwrap();
                let mut stream = TlsConnector::from(config.clone()).connect(host, stream).await.unwrap();
                // Tickets come before whatever else the server has to say.
                stream.write_all(b"\r\n\r\n").await.unwrap();
                stream.read_exact(&mut [0; 2]).await.unwrap();
                assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
            }
        }
    });
}

#[test]
fn a_peer_whose_certificate_is_taken_off_the_list_is_a_stranger_on_the_connection_that_it_has() {
    run(async {
        let house = Authority::new();
        let peer = house.certificate("peer.test", false);
        let row = |print: String| TrunkRow {
            tls: TrunkTls { client_auth: true, fingerprints: vec![print], ..TrunkTls::default() },
            ..trunk(1, &["127.0.0.0/8"])
        };
        let rows = vec![row(fingerprint(&peer.der))];
        let (mut b, at, _shown) = listener(2, &house.certificate("localhost", false), rows).await;
        let tls = TrunkTls { certificate: Some(peer.pem.clone()), ..authority(&house.pem) };
        let mut a = caller(1, tls, Some(peer.key.clone())).await;
        let SipEvent::Incoming { leg, .. } = rings(&mut a, &mut b, at).await else { unreachable!() };
        b.tell(SipCmd::Refuse { leg, cause: Cause::new(486, "Busy"), headers: vec![] });
        until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
        b.trunks(vec![row("00".repeat(32))]);
        let SipCmd::Invite(cmd) = over_trunk(format!("sip:bob@localhost:{};transport=tls", at.port())) else {
            unreachable!()
        };
        let again =
            InviteCmd { call_id: "again@127.0.0.1".into(), leg: chorus::sip::event::LegId(4), ..*cmd };
        a.tell(SipCmd::Invite(Box::new(again)));
        until(&mut b, &mut a, |e| matches!(e, SipEvent::Refused { code: 0, .. })).await;
        assert_eq!(b.transport.connections(), 1, "the same connection");
    });
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_and_the_old_ones_stay() {
    run(async {
        let (first, second) = (Authority::new(), Authority::new());
        let (mut b, at, shown) =
            listener(2, &first.certificate("localhost", false), vec![trunk(1, &["127.0.0.0/8"])]).await;
        let mut old = caller(1, authority(&first.pem), None).await;
        rings(&mut old, &mut b, at).await;
        shown.write(&second.certificate("localhost", false));
        shown.reloader.reload().unwrap();
        let mut new = caller(3, authority(&second.pem), None).await;
        let SipCmd::Invite(cmd) = over_trunk(format!("sip:bob@localhost:{};transport=tls", at.port())) else {
            unreachable!()
        };
        new.tell(SipCmd::Invite(Box::new(InviteCmd { call_id: "other@127.0.0.1".into(), ..*cmd })));
        until(&mut b, &mut new, |e| matches!(e, SipEvent::Incoming { .. })).await;
        assert_eq!((b.transport.connections(), old.transport.connections()), (2, 1));
    });
}

#[test]
fn two_names_at_one_address_are_two_peers() {
    run(async {
        let house = Authority::new();
        let (mut b, at, _shown) =
            listener(2, &house.certificate("localhost", false), vec![trunk(1, &["127.0.0.0/8"])]).await;
        let mut a = caller(1, authority(&house.pem), None).await;
        rings(&mut a, &mut b, at).await;
        // A connection stands to this address, but not to this name.
        let SipCmd::Invite(cmd) = over_trunk(format!("sips:bob@127.0.0.1:{}", at.port())) else {
            unreachable!()
        };
        let other =
            InviteCmd { call_id: "other@127.0.0.1".into(), leg: chorus::sip::event::LegId(4), ..*cmd };
        a.tell(SipCmd::Invite(Box::new(other)));
        let ended = until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
        let SipEvent::Ended { cause, .. } = ended else { unreachable!() };
        assert!(cause.words.contains("not for this name"), "{cause:?}");
    });
}

#[test]
fn a_pem_file_with_an_authority_of_no_use_is_named() {
    let row = TrunkRow { tls: authority("nonsense"), ..trunk(1, &[]) };
    let roots = Arc::new(rustls::RootCertStore::empty());
    let (field, words) = chorus::trunk::tls::Rules::of(&row, &roots).unwrap_err();
    assert_eq!((field, words.as_str()), ("tls_ca", "tls_ca holds no certificate in PEM form"));
}

/// The same peer is called again.
fn call_again(n: u64, at: SocketAddr) -> SipCmd {
    let SipCmd::Invite(cmd) = over_trunk(format!("sip:bob@localhost:{};transport=tls", at.port())) else {
        unreachable!()
    };
    let call_id = format!("again{n}@127.0.0.1");
    SipCmd::Invite(Box::new(InviteCmd { call_id, leg: chorus::sip::event::LegId(n * 2 + 2), ..*cmd }))
}

#[test]
fn a_connection_of_ours_ends_when_its_trunk_believes_somebody_else() {
    run(async {
        let house = Authority::new();
        let cert = house.certificate("localhost", false);
        let (mut b, at, _shown) = listener(2, &cert, vec![trunk(1, &["127.0.0.0/8"])]).await;
        let row = |n: u128, print: &str| TrunkRow {
            tls: TrunkTls { fingerprints: vec![print.to_owned()], ..TrunkTls::default() },
            transport: "tls".into(),
            ..trunk(n, &["127.0.0.0/8"])
        };
        let print = fingerprint(&cert.der);
        let other = "00".repeat(32);
        let mut a =
            Phone::with(1, Config::new(([127, 0, 0, 1], 0).into()), vec![row(1, &print), row(2, &print)])
                .await;
        let refuse = |leg| SipCmd::Refuse { leg, cause: Cause::new(486, "Busy"), headers: vec![] };
        let SipEvent::Incoming { leg, .. } = rings(&mut a, &mut b, at).await else { unreachable!() };
        b.tell(refuse(leg));
        until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
        // Another trunk's rules are none of its business, nor is the rest of its own row.
        let name = TrunkRow { name: "renamed".into(), ..row(1, &print) };
        a.trunks(vec![name, row(2, &other)]);
        assert_eq!(a.transport.connections(), 1);
        a.trunks(vec![row(1, &other), row(2, &other)]);
        assert_eq!(a.transport.connections(), 0);
        a.tell(call_again(1, at));
        let ended = until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
        let SipEvent::Ended { cause, .. } = ended else { unreachable!() };
        assert!(cause.words.contains("none of tls_peer_fingerprints"), "{cause:?}");
        a.trunks(vec![row(1, &print), row(2, &other)]);
        a.tell(call_again(2, at));
        until(&mut b, &mut a, |e| matches!(e, SipEvent::Incoming { .. })).await;
    });
}

#[test]
fn a_call_that_is_up_goes_on_over_a_connection_by_the_new_rules() {
    run(async {
        let house = Authority::new();
        let cert = house.certificate("localhost", false);
        let (mut b, at, _shown) = listener(2, &cert, vec![trunk(1, &["127.0.0.0/8"])]).await;
        let mut a = caller(1, authority(&house.pem), None).await;
        let SipEvent::Incoming { leg, .. } = rings(&mut a, &mut b, at).await else { unreachable!() };
        b.tell(SipCmd::Answer { leg, body: SDP.into(), headers: vec![] });
        until(&mut a, &mut b, |e| matches!(e, SipEvent::Answered { .. })).await;
        until(&mut b, &mut a, |e| matches!(e, SipEvent::Confirmed { .. })).await;
        let tls = TrunkTls { fingerprints: vec![fingerprint(&cert.der)], ..TrunkTls::default() };
        a.trunks(vec![TrunkRow { tls, transport: "tls".into(), ..trunk(1, &["127.0.0.0/8"]) }]);
        assert!(a.take(|e| matches!(e, SipEvent::Ended { .. })).is_none());
        let leg = chorus::sip::event::LegId(2);
        a.tell(SipCmd::Hangup { leg, cause: Cause::new(200, "Done"), headers: vec![] });
        until(&mut b, &mut a, |e| matches!(e, SipEvent::Ended { .. })).await;
        let ended = until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
        let SipEvent::Ended { cause, .. } = ended else { unreachable!() };
        assert_eq!(cause.code, 200);
    });
}

#[test]
fn of_two_words_on_a_connection_that_by_the_later_rules_counts() {
    let mut b = Bench::new();
    let row = TrunkRow { tls: TrunkTls { client_auth: true, ..TrunkTls::default() }, ..trunk(1, &[]) };
    b.sources(Arc::new(Snapshot::new(vec![row], vec![])));
    let flow = Flow { transport: Kind::Tls, conn: 7, ..udp(US, PEER) };
    let says = |trunks: &[TrunkSid], rules| Proof { flow, trunks: trunks.to_vec(), rules };
    let mut n = 0;
    let mut is_known = |b: &mut Bench| {
        n += 1;
        let text = Req::new("OPTIONS").call_id(&format!("o{n}")).branch(&format!("o{n}")).text();
        b.get_on(flow, text.replace("SIP/2.0/UDP", "SIP/2.0/TLS").as_bytes());
        b.take() == ["200 OPTIONS"]
    };
    assert!(!is_known(&mut b));
    b.endpoint.on_proved(says(&[OURS], 1));
    assert!(is_known(&mut b));
    b.endpoint.on_proved(says(&[], 2));
    assert!(!is_known(&mut b));
    b.endpoint.on_proved(says(&[OURS], 1));
    assert!(!is_known(&mut b), "what the handshake said was judged by the rules of before");
    b.endpoint.on_proved(says(&[OURS], 3));
    assert!(is_known(&mut b));
    b.lost(flow);
    assert!(!is_known(&mut b));
}
