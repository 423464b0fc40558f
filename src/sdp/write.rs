//! Our documents.

use super::{
    CN_PT, Direction, Local, PTIME_RANGE, crypto::CryptoLine, negotiate::Agreed, read::Remote, terms::Terms,
};
use crate::media::srtp::OwnKeys;
use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

/// Our name in `o=`.
const USERNAME: &str = "chorus";

/// An offer of both G.711 codecs, keys and comfort noise.
pub fn offer(local: &Local, direction: Direction) -> String {
    Terms::default().offer(local, direction)
}

impl Terms {
    /// An offer: the codecs in their order, keys as the trunk wants them, comfort noise.
    pub fn offer(&self, local: &Local, direction: Direction) -> String {
        let mut pts: Vec<(u8, &str)> = self.codecs.iter().map(|c| (c.pt(), c.name())).collect();
        pts.push((CN_PT, "CN"));
        pts.extend(self.offered_dtmf().map(|pt| (pt, "telephone-event")));
        let lines = (1..).zip(self.srtp.keys().into_iter().flat_map(OwnKeys::iter));
        let line = Line {
            kind: "audio",
            port: local.port,
            proto: if self.srtp.is_required() { "RTP/SAVP" } else { "RTP/AVP" },
            pts: &pts,
            dtmf: self.offered_dtmf(),
            crypto: lines.map(|(tag, key)| CryptoLine { tag, key: *key }).collect(),
            ptime: self.offered_ptime(),
            direction,
        };
        document(local, vec![line.media()])
    }
}

/// The answer to `remote`, of which this was agreed on.
pub(super) fn answer(remote: &Remote, agreed: &Agreed<'_>, local: &Local, terms: &Terms) -> String {
    let taken = agreed.audio;
    let dtmf = taken.dtmf_pt().filter(|_| terms.dtmf.by_events());
    let mut pts = vec![(agreed.pt, agreed.codec.name())];
    pts.extend(taken.cn_pt().map(|pt| (pt, "CN")));
    pts.extend(dtmf.map(|pt| (pt, "telephone-event")));
    // Our key under the number of their line.
    let own = |line: &CryptoLine| terms.srtp.keys()?.of(line.key.suite());
    let crypto = agreed.crypto.and_then(|line| Some(CryptoLine { key: own(&line)?, ..line }));
    let medias = remote.media.iter().enumerate().map(|(n, line)| {
        if n != taken.index {
            return media(&line.kind, 0, &line.proto, line.formats.clone());
        }
        let line = Line {
            kind: &line.kind,
            port: local.port,
            proto: &line.proto,
            pts: &pts,
            dtmf,
            crypto: crypto.into_iter().collect(),
            ptime: terms.ptime.unwrap_or_else(|| taken.packet_time(None)),
            direction: taken.direction.mirrored(),
        };
        line.media()
    });
    document(local, medias.collect())
}

/// Our audio line.
struct Line<'a> {
    kind: &'a str,
    port: u16,
    proto: &'a str,
    pts: &'a [(u8, &'a str)],
    dtmf: Option<u8>,
    crypto: Vec<CryptoLine>,
    ptime: u8,
    direction: Direction,
}

impl Line<'_> {
    fn media(&self) -> Media {
        let list: Vec<String> = self.pts.iter().map(|(pt, _)| pt.to_string()).collect();
        let mut out = media(self.kind, self.port, self.proto, list.join(" "));
        let rtpmap = |(pt, name): &(u8, &str)| Attribute::with_value("rtpmap", format!("{pt} {name}/8000"));
        out.attributes.extend(self.pts.iter().map(rtpmap));
        // 16 is flash; what we cannot use we ignore.
        out.attributes.extend(self.dtmf.map(|pt| Attribute::with_value("fmtp", format!("{pt} 0-16"))));
        out.attributes.extend(self.crypto.iter().map(|c| Attribute::with_value("crypto", c.value())));
        out.attributes.push(Attribute::with_value("ptime", self.ptime));
        // Longer packets are not taken.
        out.attributes.push(Attribute::with_value("maxptime", PTIME_RANGE.1));
        out.attributes.push(Attribute::new(self.direction.as_str()));
        out
    }
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
