//! Our documents.

use super::{
    CN_PT, DTMF_PT, Direction, Local, PTIME, PTIME_RANGE,
    read::{Audio, Remote},
};
use crate::media::plan::Codec;
use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

/// Our name in `o=`.
const USERNAME: &str = "chorus";

/// An offer of both G.711 codecs, keys and comfort noise.
pub fn offer(local: &Local, direction: Direction) -> String {
    let pts = [(0, "PCMU"), (8, "PCMA"), (CN_PT, "CN"), (DTMF_PT, "telephone-event")];
    let audio = audio("audio", local.port, "RTP/AVP", &pts, Some(DTMF_PT), PTIME, direction);
    document(local, vec![audio])
}

/// The answer to `remote`, whose `audio` line is taken with this codec.
pub(super) fn answer(remote: &Remote, taken: &Audio, local: &Local, codec: Codec, pt: u8) -> String {
    let name = match codec {
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
    };
    let mut pts = vec![(pt, name)];
    pts.extend(taken.cn_pt().map(|pt| (pt, "CN")));
    pts.extend(taken.dtmf_pt().map(|pt| (pt, "telephone-event")));
    let medias = remote.media.iter().enumerate().map(|(n, line)| {
        if n == taken.index {
            let direction = taken.direction.mirrored();
            return audio(&line.kind, local.port, &line.proto, &pts, taken.dtmf_pt(), taken.ptime, direction);
        }
        media(&line.kind, 0, &line.proto, line.formats.clone())
    });
    document(local, medias.collect())
}

fn audio(
    kind: &str,
    port: u16,
    proto: &str,
    pts: &[(u8, &str)],
    dtmf: Option<u8>,
    ptime: u8,
    direction: Direction,
) -> Media {
    let list: Vec<String> = pts.iter().map(|(pt, _)| pt.to_string()).collect();
    let mut out = media(kind, port, proto, list.join(" "));
    let rtpmap = |(pt, name): &(u8, &str)| Attribute::with_value("rtpmap", format!("{pt} {name}/8000"));
    out.attributes.extend(pts.iter().map(rtpmap));
    // 16 is flash; what we cannot use we ignore.
    out.attributes.extend(dtmf.map(|pt| Attribute::with_value("fmtp", format!("{pt} 0-16"))));
    out.attributes.push(Attribute::with_value("ptime", ptime));
    // Longer packets are not taken.
    out.attributes.push(Attribute::with_value("maxptime", PTIME_RANGE.1));
    out.attributes.push(Attribute::new(direction.as_str()));
    out
}

fn media(kind: &str, port: u16, proto: &str, fmt: String) -> Media {
    Media {
        media: kind.to_owned(),
        port,
        num_ports: None,
        proto: proto.to_owned(),
        fmt,
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn document(local: &Local, medias: Vec<Media>) -> String {
    let ip = local.ip.to_canonical();
    let mut origin = Origin::with_ip_addr(local.session_id, local.version, ip);
    origin.set_username(USERNAME);
    let mut session = Session::new(origin, "-");
    session.connection = Some(Connection::from_ip_addr(ip));
    session.times = vec![Time::new(0, 0)];
    session.medias = medias;
    let mut out = Vec::with_capacity(512);
    // Writing into memory cannot fail, and all that was put in is UTF-8.
    let _ = session.write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}
