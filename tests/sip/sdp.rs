//! Offer and answer: what is agreed on, what is refused, what the answer looks like.

use chorus::media::plan::{Codec, Peer};
use chorus::sdp::{Direction, Local, SdpError, accept_answer, answer, offer, read};

const LOCAL: Local = Local {
    ip: std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1)),
    port: 20_000,
    session_id: 77,
    version: 3,
};

/// An offer with these m-lines and attributes.
fn doc(lines: &[&str]) -> String {
    let head = "v=0\r\no=pbx 9 4 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n";
    lines.iter().fold(head.to_owned(), |doc, l| format!("{doc}{l}\r\n"))
}

fn answered(lines: &[&str]) -> (String, Peer) {
    answer(&read(doc(lines).as_bytes()).unwrap(), &LOCAL).unwrap()
}

#[test]
fn the_answer_takes_the_first_codec_of_the_offer() {
    let (sdp, peer) = answered(&[
        "m=audio 4000 RTP/AVP 9 8 0 13 96 101",
        "a=rtpmap:96 telephone-event/16000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:30",
        "a=rtcp:4009",
    ]);
    assert_eq!(
        sdp,
        "v=0\r\no=chorus 77 3 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
         m=audio 20000 RTP/AVP 8 13 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:30\r\na=maxptime:60\r\na=sendrecv\r\n"
    );
    let wanted = Peer {
        rtp: Some("192.0.2.7:4000".parse().unwrap()),
        rtcp: Some("192.0.2.7:4009".parse().unwrap()),
        codec: Codec::Pcma,
        pt: 8,
        dtmf: Default::default(),
        dtmf_pt: Some(101),
        cn_pt: Some(13),
        send: true,
        recv: true,
        ptime: 30,
        crypto: None,
        epoch: 0,
    };
    assert_eq!(peer, wanted);
}

#[test]
fn dynamic_payload_types_keep_the_peers_numbers() {
    let (sdp, peer) = answered(&[
        "m=audio 4000 RTP/AVP 98 97",
        "a=rtpmap:97 Telephone-Event/8000",
        "a=rtpmap:98 pcmu/8000/1",
    ]);
    assert_eq!((peer.codec, peer.pt, peer.dtmf_pt, peer.cn_pt), (Codec::Pcmu, 98, Some(97), None));
    assert!(sdp.contains("m=audio 20000 RTP/AVP 98 97\r\na=rtpmap:98 PCMU/8000\r\n"), "{sdp}");
}

#[test]
fn an_rtpmap_wins_over_the_static_table_and_stereo_is_not_ours() {
    let refused = |lines: &[&str]| answer(&read(doc(lines).as_bytes()).unwrap(), &LOCAL).unwrap_err().code;
    assert_eq!(refused(&["m=audio 4000 RTP/AVP 0", "a=rtpmap:0 G722/8000"]), 305);
    assert_eq!(refused(&["m=audio 4000 RTP/AVP 98", "a=rtpmap:98 PCMU/8000/2"]), 305);
    assert_eq!(refused(&["m=audio 4000 RTP/AVP 98", "a=rtpmap:98 PCMU/16000"]), 305);
    assert_eq!(refused(&["m=audio 4000 RTP/AVP 98"]), 305);
}

#[test]
fn other_lines_come_back_refused_in_their_places() {
    let (sdp, peer) = answered(&[
        "m=video 5000 RTP/AVP 31 34",
        "m=audio 0 RTP/AVP 0",
        "m=audio 6000 RTP/SAVP 0",
        "m=audio 4000 RTP/AVP 0",
        "m=image 7000 udptl t38",
        "m=audio 4002 RTP/AVP 0",
    ]);
    let lines: Vec<_> = sdp.lines().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 31 34",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 20000 RTP/AVP 0",
            "m=image 0 udptl t38",
            "m=audio 0 RTP/AVP 0"
        ]
    );
    assert_eq!(peer.rtp, Some("192.0.2.7:4000".parse().unwrap()));
}

#[test]
fn an_audio_line_without_our_codecs_gives_way_to_a_later_one() {
    let (sdp, _) = answered(&["m=audio 4000 RTP/AVP 9", "m=audio 4002 RTP/AVP 8"]);
    assert!(sdp.contains("m=audio 0 RTP/AVP 9\r\nm=audio 20000 RTP/AVP 8\r\n"), "{sdp}");
}

#[test]
fn refusals_name_the_codecs() {
    let refused = |lines: &[&str]| answer(&read(doc(lines).as_bytes()).unwrap(), &LOCAL).unwrap_err();
    let r = refused(&[
        "m=audio 4000 RTP/AVP 9 96 3 101",
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:101 telephone-event/8000",
    ]);
    assert_eq!(r.code, 305);
    assert_eq!(
        r.warning("chorus.example"),
        "305 chorus.example \"no common codec: the peer offered G722/8000, opus/48000/stereo, GSM/8000; PCMU and PCMA are spoken here\""
    );
    let keys_alone = refused(&["m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"]);
    assert!(keys_alone.words().contains("the peer offered none;"), "{}", keys_alone.words());
    assert_eq!(refused(&["m=image 7000 udptl t38"]).code, 304);
    assert_eq!(refused(&["m=audio 0 RTP/AVP 0"]).code, 304);
    assert_eq!(refused(&[]).code, 304);
    let srtp = refused(&["m=audio 4000 RTP/SAVP 0 8"]);
    assert_eq!(srtp.code, 302);
    assert!(srtp.words().contains("RTP/SAVP"));
    assert_eq!(refused(&["m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::7"]).code, 301);
}

#[test]
fn directions_are_mirrored() {
    let cases = [
        ("a=sendrecv", "a=sendrecv", true, true),
        ("a=sendonly", "a=recvonly", false, true),
        ("a=recvonly", "a=sendonly", true, false),
        ("a=inactive", "a=inactive", false, false),
        ("a=x-nothing", "a=sendrecv", true, true),
    ];
    for (offered, ours, send, recv) in cases {
        let (sdp, peer) = answered(&["m=audio 4000 RTP/AVP 0", offered]);
        assert!(sdp.ends_with(&format!("{ours}\r\n")), "{offered}: {sdp}");
        assert_eq!((peer.send, peer.recv), (send, recv), "{offered}");
    }
    let session = doc(&["a=sendonly", "m=audio 4000 RTP/AVP 0"]);
    assert!(
        !answer(&read(session.as_bytes()).unwrap(), &LOCAL).unwrap().1.send,
        "the session's attribute counts"
    );
}

#[test]
fn hold_by_a_zero_address() {
    let (sdp, peer) = answered(&["m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0"]);
    assert_eq!((peer.rtp, peer.send, peer.recv), (None, false, true));
    assert!(sdp.contains("m=audio 20000"), "hold is no refusal");
}

#[test]
fn the_medias_own_address_and_rtcp_address_win() {
    let (_, peer) =
        answered(&["m=audio 4000 RTP/AVP 0", "c=IN IP4 192.0.2.99", "a=rtcp:53 IN IP4 192.0.2.98"]);
    assert_eq!(peer.rtp, Some("192.0.2.99:4000".parse().unwrap()));
    assert_eq!(peer.rtcp, Some("192.0.2.98:53".parse().unwrap()));
    let named = doc(&["m=audio 4000 RTP/AVP 0"]).replace("c=IN IP4 192.0.2.7", "c=IN IP4 pbx.example");
    let (_, peer) = answer(&read(named.as_bytes()).unwrap(), &LOCAL).unwrap();
    assert_eq!((peer.rtp, peer.send), (None, true), "a name: the first packets tell");
}

#[test]
fn rtcp_mux_is_declined_by_silence() {
    let (sdp, peer) = answered(&["m=audio 4000 RTP/AVPF 0", "a=rtcp-mux", "a=mid:0"]);
    assert!(!sdp.contains("mux") && sdp.contains("m=audio 20000 RTP/AVPF 0"), "{sdp}");
    assert_eq!(peer.rtcp, None);
}

#[test]
fn packet_times_are_kept_in_range() {
    let ptime = |lines: &[&str]| {
        let all: Vec<&str> = [&["m=audio 4000 RTP/AVP 0"], lines].concat();
        answered(&all).1.ptime
    };
    assert_eq!(ptime(&[]), 20);
    assert_eq!(ptime(&["a=ptime:40"]), 40);
    assert_eq!(ptime(&["a=ptime: 20.5"]), 20);
    assert_eq!(ptime(&["a=ptime:0"]), 20);
    assert_eq!(ptime(&["a=ptime:1"]), 10);
    assert_eq!(ptime(&["a=ptime:99999999999"]), 60);
    assert_eq!(ptime(&["a=ptime:40", "a=maxptime:30"]), 30);
    assert_eq!(ptime(&["a=ptime:x"]), 20);
}

#[test]
fn our_offer_and_the_answer_to_it() {
    let ours = offer(&LOCAL, Direction::SendRecv);
    assert!(ours.contains("m=audio 20000 RTP/AVP 0 8 13 101\r\n"), "{ours}");
    let as_they_see_it = read(ours.as_bytes()).unwrap();
    let them = Local { ip: "192.0.2.200".parse().unwrap(), port: 7_000, session_id: 1, version: 1 };
    let (sdp, peer) = answer(&as_they_see_it, &them).unwrap();
    assert_eq!(
        (peer.codec, peer.dtmf_pt, peer.rtp),
        (Codec::Pcmu, Some(101), Some("198.51.100.1:20000".parse().unwrap()))
    );
    let back = accept_answer(&read(sdp.as_bytes()).unwrap()).unwrap();
    assert_eq!((back.codec, back.pt, back.rtp), (Codec::Pcmu, 0, Some("192.0.2.200:7000".parse().unwrap())));
    assert!(back.send && back.recv);
    let refused = read(doc(&["m=audio 0 RTP/AVP 0"]).as_bytes()).unwrap();
    assert_eq!(accept_answer(&refused).unwrap_err().code, 304);
    assert!(offer(&LOCAL, Direction::Inactive).ends_with("a=inactive\r\n"));
    let v6 = Local { ip: "2001:db8::1".parse().unwrap(), ..LOCAL };
    assert!(offer(&v6, Direction::SendRecv).contains("c=IN IP6 2001:db8::1\r\n"));
}

#[test]
fn the_same_version_is_a_refresh() {
    let one = read(doc(&["m=audio 4000 RTP/AVP 0"]).as_bytes()).unwrap();
    let two = read(doc(&["m=audio 4000 RTP/AVP 0"]).replace("9 4 IN", "9 5 IN").as_bytes()).unwrap();
    assert!(one.clone().is_refresh_of(&one));
    assert!(!two.is_refresh_of(&one));
    let bare = read(b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 1 RTP/AVP 0\r\n").unwrap();
    assert!(!bare.is_refresh_of(&bare), "without o= nothing says that it is the same");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    assert_eq!(read(b""), Err(SdpError::NotSdp));
    assert_eq!(read(b"hello"), Err(SdpError::NotSdp));
    assert_eq!(read(b"v=1\r\n"), Err(SdpError::NotSdp));
    assert_eq!(read(&[b'a'; 20_000]), Err(SdpError::TooLong));
    assert_eq!(read(doc(&["m=audio 1 RTP/AVP 0"; 33]).as_bytes()), Err(SdpError::TooLong));
    for lines in [&["m=audio"][..], &["m=audio 70000 RTP/AVP 0"], &["m=audio x RTP/AVP 0"]] {
        assert!(matches!(read(doc(lines).as_bytes()), Err(SdpError::Malformed(_))), "{lines:?}");
    }
    let multicast = doc(&["m=audio 1 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"]);
    assert!(matches!(read(multicast.as_bytes()), Err(SdpError::Malformed(_))));
    let lost = doc(&["m=audio 1 RTP/AVP 0"]).replace("c=IN IP4 192.0.2.7\r\n", "");
    assert!(matches!(read(lost.as_bytes()), Err(SdpError::Malformed(_))));
}
