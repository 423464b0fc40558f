//! The audio of recordings: whole, in parts, mixed.

use super::harness::*;
use crate::media::audio::{share, sine};
use chorus::api::wav;
use chorus::media::codec::g711::pcm_from_ulaw;
use chorus::media::decode::{Container, decode};
use chorus::store::rows::CallStatus;

fn fetch(server: &Server, path: &str, range: Option<&str>) -> Reply {
    let auth = server.auth();
    let mut head = vec![("Authorization", auth.as_str())];
    head.extend(range.map(|r| ("Range", r)));
    server.send("GET", &server.path(path), &head, b"")
}

#[test]
fn a_recording_is_heard_whole_and_mixed() {
    let server = Server::start();
    let call = server.seed_call(server.account.sid, CallStatus::Completed);
    let row = server.seed_recording(&call, 2);
    for suffix in [".wav", ""] {
        let whole = fetch(&server, &format!("/Recordings/{}{suffix}", row.sid), None);
        assert_eq!((whole.status, whole.headers["content-type"].as_str()), (200, "audio/x-wav"));
        assert_eq!(whole.body, wav(2));
    }
    let mixed = fetch(&server, &format!("/Recordings/{}.wav?RequestedChannels=1", row.sid), None);
    let mut reader = hound::WavReader::new(mixed.body.as_slice()).unwrap();
    assert_eq!((reader.spec().channels, reader.len()), (1, 8_000));
    assert!(reader.samples::<i16>().all(|s| s.unwrap() == 1_200));
    let both = fetch(&server, &format!("/Recordings/{}.wav?RequestedChannels=2", row.sid), None);
    assert_eq!(both.body, wav(2));
    assert_eq!(server.get(&format!("/Recordings/{}.json", row.sid)).good(200)["channels"], 2);
    let mono = server.seed_recording(&call, 1);
    fetch(&server, &format!("/Recordings/{}.wav?RequestedChannels=2", mono.sid), None).bad(400, 16113);
    assert_eq!(
        fetch(&server, &format!("/Recordings/{}.wav?RequestedChannels=1", mono.sid), None).body,
        wav(1)
    );
}

#[test]
fn every_part_is_the_same_part_of_the_whole() {
    let server = Server::start();
    let call = server.seed_call(server.account.sid, CallStatus::Completed);
    let row = server.seed_recording(&call, 2);
    for query in ["", "?RequestedChannels=1"] {
        let path = format!("/Recordings/{}.wav{query}", row.sid);
        let whole = fetch(&server, &path, None).body;
        let last = whole.len() - 1;
        for (from, to) in [
            (0, 0),
            (0, 43),
            (10, 50),
            (43, 44),
            (44, 45),
            (45, 45),
            (46, 1_001),
            (last, last),
            (1_000, last),
        ] {
            let part = fetch(&server, &path, Some(&format!("bytes={from}-{to}")));
            assert_eq!(part.status, 206);
            assert_eq!(part.headers["content-range"], format!("bytes {from}-{to}/{}", whole.len()));
            assert_eq!(part.body, whole[from..=to], "{query} {from}-{to}");
        }
        assert_eq!(fetch(&server, &path, Some("bytes=-7")).body, whole[last - 6..]);
        assert_eq!(fetch(&server, &path, Some("bytes=100-")).body, whole[100..]);
        assert_eq!(fetch(&server, &path, Some("bytes=5-999999999")).body, whole[5..]);
        let outside = fetch(&server, &path, Some(&format!("bytes={}-", whole.len())));
        outside.bad(416, 20416);
        assert_eq!(outside.headers["content-range"], format!("bytes */{}", whole.len()));
        // We name no version of the file, so that no client can hold the same one.
        let auth = server.auth();
        let resumed = [("Authorization", auth.as_str()), ("Range", "bytes=5-"), ("If-Range", "\"a\"")];
        let resumed = server.send("GET", &server.path(&path), &resumed, b"");
        assert_eq!((resumed.status, resumed.body), (200, whole.clone()));
        for ignored in ["lines=1-2", "bytes=2-1", "bytes=0-1,3-4", "bytes=x-"] {
            assert_eq!(fetch(&server, &path, Some(ignored)).status, 200, "{ignored}");
        }
    }
    let head = server.send(
        "HEAD",
        &server.path(&format!("/Recordings/{}.wav", row.sid)),
        &[("Authorization", &server.auth())],
        b"",
    );
    assert_eq!(
        (head.status, head.headers["content-length"].clone(), head.body.len()),
        (200, wav(2).len().to_string(), 0)
    );
}

#[test]
fn there_is_no_audio_while_it_is_made_nor_after_deletion() {
    let server = Server::start();
    let call = server.live_call();
    let made = server.post(&format!("/Calls/{}/Recordings.json", call.sid), &[]).good(201);
    fetch(&server, &format!("/Recordings/{}.wav", made["sid"].as_str().unwrap()), None).bad(404, 20404);
    let row = server.seed_recording(&call, 1);
    let file = server.dir.join("recordings").join(&row.file);
    assert!(file.exists());
    assert_eq!(server.delete(&format!("/Recordings/{}.json", row.sid)).status, 204);
    fetch(&server, &format!("/Recordings/{}.wav", row.sid), None).bad(404, 20404);
    assert!(!file.exists());
}

/// A second of 440 Hz on the left and 900 Hz on the right.
fn two_tones() -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut out = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
    for (left, right) in sine(440.0, 1_000, 8_000.0).into_iter().zip(sine(900.0, 1_000, 8_000.0)) {
        writer.write_sample(left).unwrap();
        writer.write_sample(right).unwrap();
    }
    writer.finalize().unwrap();
    out.into_inner()
}

#[test]
fn mp3_comes_from_an_installed_encoder_or_is_refused_in_words() {
    let server = Server::start();
    let call = server.seed_call(server.account.sid, CallStatus::Completed);
    let row = server.seed_recording(&call, 2);
    std::fs::write(server.dir.join("recordings").join(&row.file), two_tones()).unwrap();
    let get = |query: &str| fetch(&server, &format!("/Recordings/{}.mp3{query}", row.sid), None);
    let installed =
        ["lame", "ffmpeg"].iter().any(|p| std::process::Command::new(p).arg("-h").output().is_ok());
    if !installed {
        assert!(std::env::var_os("CHORUS_CI").is_none(), "lame is not installed");
        assert!(get("").bad(406, 20406).contains("lame or ffmpeg"));
        return;
    }
    // The last two bits of an MPEG header's third octet: 3 is one channel.
    let channels = |mp3: &[u8]| if mp3[3] >> 6 == 3 { 1 } else { 2 };
    for (query, expected) in [("", 2), ("?RequestedChannels=2", 2), ("?RequestedChannels=1", 1)] {
        let reply = get(query);
        assert_eq!((reply.status, reply.headers["content-type"].as_str()), (200, "audio/mpeg"));
        assert_eq!((reply.body[0], channels(&reply.body)), (0xFF, expected), "{query}");
        let clip = decode(reply.body.into(), Container::Mp3).unwrap();
        assert!((950..1_300).contains(&clip.ms()), "{query}: {} ms", clip.ms());
        let heard: Vec<i16> = clip.ulaw.iter().map(|o| pcm_from_ulaw(*o)).collect();
        let (left, right) = (share(&heard[1_000..7_000], 440.0), share(&heard[1_000..7_000], 900.0));
        assert!(left > 0.4 && right > 0.4, "{query}: both are heard: {left} {right}");
    }
    let part = fetch(&server, &format!("/Recordings/{}.mp3", row.sid), Some("bytes=0-99"));
    assert_eq!((part.status, part.body.len()), (206, 100));
}

#[test]
fn a_files_name_stays_in_its_directory() {
    let server = Server::start();
    let call = server.seed_call(server.account.sid, CallStatus::Completed);
    let mut row = server.seed_recording(&call, 1);
    std::fs::write(server.dir.join("outside.wav"), wav(1)).unwrap();
    for file in ["../outside.wav", "/etc/passwd", "", "a/../../outside.wav"] {
        row.file = file.to_string();
        server.put(chorus::store::tx::Op::PutRecording(Box::new(row.clone())));
        fetch(&server, &format!("/Recordings/{}.wav", row.sid), None).bad(404, 20404);
    }
}

#[test]
fn a_torn_header_shows_what_is_there() {
    let whole = wav(1);
    let layout = wav::layout(&whole, whole.len() as u64).unwrap();
    assert_eq!((layout.channels, layout.rate, layout.data, layout.length), (1, 8_000, 44, 16_000));
    let short = wav::layout(&whole[..100], 100).unwrap();
    assert_eq!(short.length, 56);
    for cut in 0..44 {
        assert!(wav::layout(&whole[..cut], cut as u64).is_none());
    }
    let loud = [0xff, 0x7f, 0xff, 0x7f, 0x00, 0x80, 0x00, 0x80];
    assert_eq!(wav::mix(&loud), [0xff, 0x7f, 0x00, 0x80]);
}
