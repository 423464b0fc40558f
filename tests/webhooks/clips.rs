//! Play: every kind of file, and the cache.

use super::server::*;
use chorus::media::clip::*;
use chorus::media::codec::g711::ulaw_from_pcm as ulaw;
use chorus::media::decode::*;
use chorus::media::lru::Lru;
use chorus::media::plan::Clip;
use chorus::sid::AccountSid;
use std::sync::Arc;

/// A WAV file of format `tag` (1 PCM, 6 A-law, 7 mu-law).
pub fn wav(channels: u16, tag: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut f = Vec::new();
    f.extend(b"RIFF");
    f.extend((36 + data.len() as u32).to_le_bytes());
    f.extend(b"WAVEfmt ");
    f.extend(16_u32.to_le_bytes());
    f.extend(tag.to_le_bytes());
    f.extend(channels.to_le_bytes());
    f.extend(rate.to_le_bytes());
    f.extend((rate * u32::from(block)).to_le_bytes());
    f.extend(block.to_le_bytes());
    f.extend(bits.to_le_bytes());
    f.extend(b"data");
    f.extend((data.len() as u32).to_le_bytes());
    f.extend(data);
    f
}

/// Half a second of 440 Hz, 16 bit.
fn tone(rate: u32, channels: u16) -> Vec<u8> {
    (0..rate / 2)
        .flat_map(|i| {
            let s = (12_000.0 * (2.0 * std::f64::consts::PI * 440.0 * f64::from(i) / f64::from(rate)).sin())
                as i16;
            std::iter::repeat_n(s.to_le_bytes(), channels.into()).flatten()
        })
        .collect()
}

fn linear(code: u8) -> f64 {
    let code = !code;
    let magnitude = ((i32::from(code & 0x0f) << 3) + 132) << (code >> 4 & 7);
    f64::from(if code & 0x80 == 0 { magnitude - 132 } else { 132 - magnitude })
}

/// How much of the energy lies at 440 Hz, away from the edges.
fn purity(clip: &Clip) -> f64 {
    let middle: Vec<f64> = clip.ulaw[400..clip.ulaw.len() - 400].iter().map(|c| linear(*c)).collect();
    let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
    for (i, s) in middle.iter().enumerate() {
        let phase = 2.0 * std::f64::consts::PI * 440.0 * i as f64 / 8_000.0;
        re += s * phase.cos();
        im += s * phase.sin();
        energy += s * s;
    }
    2.0 * (re * re + im * im) / (middle.len() as f64 * energy)
}

fn riff(bytes: Vec<u8>) -> Result<Clip, DecodeError> {
    decode(bytes.into(), Container::Riff)
}

#[test]
fn wav_of_any_rate_and_channels_becomes_the_same_tone() {
    for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
        for channels in [1, 2] {
            let clip = riff(wav(channels, 1, rate, 16, &tone(rate, channels))).unwrap();
            let what = format!("{rate} Hz, {channels} channels: {} samples", clip.ulaw.len());
            assert!((3_999..=4_001).contains(&clip.ulaw.len()), "{what}");
            assert!(purity(&clip) > 0.99, "{what}, {}", purity(&clip));
        }
    }
}

#[test]
fn g711_and_eight_bit_files() {
    let all: Vec<u8> = (0..=255).collect();
    let clip = riff(wav(1, 7, 8_000, 8, &all)).unwrap();
    assert_eq!(clip.ulaw, all, "mu-law passes unchanged");
    // Two channels take the long way: decoded, mixed, encoded again. Negative zero is the one code with a twin.
    let twice: Vec<u8> = all.iter().flat_map(|c| [*c, *c]).collect();
    let expected: Vec<u8> = all.iter().map(|c| if *c == 0x7f { 0xff } else { *c }).collect();
    assert_eq!(riff(wav(2, 7, 8_000, 8, &twice)).unwrap().ulaw, expected);
    // A-law 0xd5 and 0x55 are the smallest magnitudes, 0xaa and 0x2a the largest.
    let clip = riff(wav(1, 6, 8_000, 8, &[0xd5, 0x55, 0xaa, 0x2a])).unwrap();
    let values: Vec<f64> = clip.ulaw.iter().map(|c| linear(*c)).collect();
    assert!(values[0].abs() < 20.0 && values[1].abs() < 20.0, "{values:?}");
    assert!(values[2] > 31_000.0 && values[3] < -31_000.0, "{values:?}");
    let eight: Vec<u8> =
        tone(8_000, 1).chunks(2).map(|b| (i16::from_le_bytes([b[0], b[1]]) >> 8) as u8 ^ 0x80).collect();
    assert!(purity(&riff(wav(1, 1, 8_000, 8, &eight)).unwrap()) > 0.98);
    assert_eq!(decode(vec![1, 2, 3].into(), Container::RawUlaw).unwrap().ulaw, [1, 2, 3]);
}

#[test]
fn wider_samples_extensible_headers_and_aiff() {
    let narrow: Vec<i16> = tone(8_000, 1).chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let expected = riff(wav(1, 1, 8_000, 16, &tone(8_000, 1))).unwrap();
    let wide = |octets: usize| -> Vec<u8> {
        narrow.iter().flat_map(|s| (i32::from(*s) << 16).to_le_bytes()[4 - octets..].to_vec()).collect()
    };
    assert_eq!(riff(wav(1, 1, 8_000, 24, &wide(3))).unwrap(), expected);
    assert_eq!(riff(wav(1, 1, 8_000, 32, &wide(4))).unwrap(), expected);
    let float: Vec<u8> = narrow.iter().flat_map(|s| (f32::from(*s) / 32_768.0).to_le_bytes()).collect();
    assert_eq!(riff(wav(1, 3, 8_000, 32, &float)).unwrap(), expected);
    let double: Vec<u8> = narrow.iter().flat_map(|s| (f64::from(*s) / 32_768.0).to_le_bytes()).collect();
    assert_eq!(riff(wav(1, 3, 8_000, 64, &double)).unwrap(), expected);

    let mut extensible = wav(1, 0xfffe, 8_000, 16, &tone(8_000, 1));
    extensible[16] = 40;
    let mut tail = vec![22, 0, 16, 0, 4, 0, 0, 0, 1, 0];
    tail.extend([0; 14]);
    extensible.splice(36..36, tail);
    assert_eq!(riff(extensible).unwrap(), expected);
    // An odd chunk before the data is padded; a streamed file has a made-up length.
    let mut listed = wav(1, 1, 8_000, 16, &tone(8_000, 1));
    listed[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    listed.splice(36..36, *b"LIST\x03\0\0\0abc\0");
    assert_eq!(riff(listed).unwrap(), expected);

    let mut aiff = b"FORM\0\0\0\0AIFFCOMM\0\0\0\x12\0\x01".to_vec();
    aiff.extend((narrow.len() as u32).to_be_bytes());
    aiff.extend([0, 16, 0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0]);
    aiff.extend(b"SSND");
    aiff.extend((narrow.len() as u32 * 2 + 8).to_be_bytes());
    aiff.extend([0; 8]);
    aiff.extend(narrow.iter().flat_map(|s| s.to_be_bytes()));
    let length = (aiff.len() as u32 - 8).to_be_bytes();
    aiff[4..8].copy_from_slice(&length);
    assert_eq!(riff(aiff).unwrap(), expected);
}

/// Both fixtures are half a second of the sine above, encoded by LAME: 22.05 kHz mono, 44.1 kHz stereo.
#[test]
fn mp3_mono_and_stereo() {
    for file in [&include_bytes!("tone.mp3")[..], &include_bytes!("stereo.mp3")[..]] {
        let clip = decode(file.to_vec().into(), Container::Mp3).unwrap();
        assert!(
            (4_000..4_900).contains(&clip.ulaw.len()),
            "half a second and an encoder's padding: {}",
            clip.ulaw.len()
        );
        assert!(purity(&clip) > 0.95, "{}", purity(&clip));
    }
}

#[test]
fn what_a_file_is_counts_for_more_than_what_it_is_called() {
    let mp3 = || bytes::Bytes::from_static(include_bytes!("tone.mp3"));
    assert_eq!(decode(mp3(), Container::Riff).unwrap(), decode(mp3(), Container::Mp3).unwrap());
    let file = || wav(1, 1, 8_000, 16, &tone(8_000, 1)).into();
    assert_eq!(decode(file(), Container::Mp3).unwrap(), decode(file(), Container::Riff).unwrap());
}

#[test]
fn what_is_no_audio_is_an_error() {
    assert!(riff(b"<html>not found</html>".to_vec()).is_err());
    assert!(riff(Vec::new()).is_err());
    assert!(riff(wav(1, 1, 8_000, 16, &[])).is_err());
    assert!(riff(wav(1, 1, 10, 16, &tone(8_000, 1))).is_err(), "10 Hz");
    assert!(decode(b"ID3".to_vec().into(), Container::Mp3).is_err());
    assert!(decode(vec![0; 10].into(), Container::Gsm).unwrap_err().0.contains("GSM"));
    let mut cut = wav(1, 1, 8_000, 16, &tone(8_000, 1));
    cut.truncate(4_044);
    assert_eq!(riff(cut).unwrap().ulaw.len(), 2_000, "a file that is cut off plays up to the cut");
}

#[test]
fn a_clip_ends_after_forty_minutes() {
    let long = vec![0xff; CLIP_SAMPLES_MAX + 8_000];
    assert_eq!(riff(wav(1, 7, 8_000, 8, &long)).unwrap().ulaw.len(), CLIP_SAMPLES_MAX);
    assert_eq!(decode(long.into(), Container::RawUlaw).unwrap().ulaw.len(), CLIP_SAMPLES_MAX);
}

#[test]
fn mulaw_encoding_is_g711() {
    for (sample, code) in
        [(0, 0xff), (-1, 0x7f), (8, 0xfe), (32_767, 0x80), (-32_768, 0x00), (1_000, 0xce), (-1_000, 0x4e)]
    {
        assert_eq!(ulaw(sample), code, "{sample}");
    }
    for code in 0..=255_u8 {
        let back = ulaw(linear(code) as i16);
        assert!(back == code || (code == 0x7f && back == 0xff), "{code:#x} became {back:#x}");
    }
}

#[test]
fn the_cache_holds_no_more_than_it_may() {
    let clip = |n: usize| Arc::new(Clip { ulaw: vec![0; n] });
    let mut lru: Lru<u32, ()> = Lru::new(10_000);
    for key in 0..100 {
        lru.put(key, clip(1_000), ());
        assert!(lru.octets() <= 10_000);
        lru.get(&0);
    }
    assert!(lru.get(&0).is_some(), "what is used stays");
    assert!(lru.get(&1).is_none() && lru.get(&99).is_some());
    lru.put(7, clip(20_000), ());
    assert!(lru.get(&7).is_none());
    lru.remove(&0);
    assert!(!lru.is_empty() && lru.get(&0).is_none());
}

fn body(tag: &str) -> Vec<Step> {
    let file = wav(1, 1, 8_000, 16, &tone(8_000, 1));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: audio/x-wav\r\n{tag}Content-Length: {}\r\n\r\n",
        file.len()
    );
    vec![Step::Send(head.into_bytes()), Step::Send(file)]
}

fn get(account: u128, url: &str) -> chorus::webhooks::request::FetchRequest {
    media_request(AccountSid(account), None, url).unwrap()
}

#[tokio::test]
async fn a_media_request_is_a_bare_get() {
    let server = Server::start(|_, _| body("")).await;
    let clips = Clips::new(fetcher(None), 1);
    let clip = clips.play(get(1, &server.url("/a.wav?x=1#rc=0"))).await.unwrap();
    assert_eq!((clip.ulaw.len(), clip.ms()), (4_000, 500));
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str(), seen.body.as_str()), ("GET", "/a.wav?x=1", ""));
    assert!(seen.header("x-twilio-signature").is_none());
}

#[tokio::test]
async fn a_fresh_copy_is_shared_and_an_old_one_is_checked() {
    let server = Server::start(|_, seen| match (seen.target.as_str(), seen.header("if-none-match")) {
        ("/fresh", _) => body("Cache-Control: public, max-age=60\r\n"),
        ("/tagged", Some("\"v1\"")) => raw("HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("/tagged", _) => body("ETag: \"v1\"\r\nCache-Control: no-cache\r\n"),
        ("/never", _) => body("Cache-Control: no-store, max-age=60\r\n"),
        _ => body(""),
    })
    .await;
    let clips = Clips::new(fetcher(None), 1);
    let play = async |path: &str| clips.play(get(1, &server.url(path))).await.unwrap();
    let fetches = |path: &str| server.seen().iter().filter(|s| s.target == path).count();

    let first = play("/fresh").await;
    assert!(Arc::ptr_eq(&first, &play("/fresh").await));
    assert_eq!(fetches("/fresh"), 1);
    let first = play("/tagged").await;
    assert!(Arc::ptr_eq(&first, &play("/tagged").await));
    assert_eq!(fetches("/tagged"), 2);
    let first = play("/plain").await;
    assert!(Arc::ptr_eq(&first, &play("/plain").await), "the same octets are decoded once");
    assert_eq!(fetches("/plain"), 2);
    let first = play("/never").await;
    assert!(!Arc::ptr_eq(&first, &play("/never").await));
    let other = clips.play(get(2, &server.url("/fresh"))).await.unwrap();
    assert_eq!((fetches("/fresh"), other.ulaw.len()), (2, 4_000), "accounts share nothing");
    assert_eq!(clips.held().1, 4);
}

#[tokio::test]
async fn many_calls_at_once_make_one_request() {
    let server = Server::start(|_, _| body("")).await;
    let clips = Clips::new(fetcher(None), 2);
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (clips, request) = (clips.clone(), get(1, &server.url("/same")));
            tokio::spawn(async move { clips.play(request).await.unwrap() })
        })
        .collect();
    let mut all = Vec::new();
    for call in calls {
        all.push(call.await.unwrap());
    }
    assert!(all.windows(2).all(|w| Arc::ptr_eq(&w[0], &w[1])));
    assert!(server.connections() < 50, "{}", server.connections());
}

#[tokio::test]
async fn a_fetch_ends_when_nobody_waits_for_it_any_more() {
    let server = Server::start(|nth, _| if nth == 0 { vec![Step::Hang] } else { body("") }).await;
    let clips = Clips::new(fetcher(None), 1);
    let wait = |clips: Arc<Clips>, url: String| tokio::spawn(async move { clips.play(get(1, &url)).await });
    let first = wait(clips.clone(), server.url("/a"));
    let second = wait(clips.clone(), server.url("/a"));
    server.reached(1).await;
    first.abort();
    second.abort();
    while clips.held().2 > 0 {
        tokio::task::yield_now().await;
    }
    assert!(clips.play(get(1, &server.url("/a"))).await.is_ok(), "and the next call begins anew");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn one_accounts_slow_server_does_not_delay_another_account() {
    let server =
        Server::start(|_, seen| if seen.target.starts_with("/slow") { vec![Step::Hang] } else { body("") })
            .await;
    let clips = Clips::new(fetcher(None), 1);
    let slow: Vec<_> = (0..FETCHES_MAX * 2)
        .map(|n| {
            let (clips, request) = (clips.clone(), get(1, &server.url(&format!("/slow/{n}"))));
            tokio::spawn(async move { clips.play(request).await })
        })
        .collect();
    server.reached(FETCHES_PER_ACCOUNT).await;
    assert!(clips.play(get(2, &server.url("/quick"))).await.is_ok());
    assert_eq!(server.connections(), FETCHES_PER_ACCOUNT + 1);
    for call in slow {
        call.abort();
    }
}

#[tokio::test]
async fn failures_have_their_codes_and_are_not_kept() {
    let server = Server::start(|_, seen| match seen.target.as_str() {
        "/html" => reply(200, "Content-Type: text/html\r\n", "<html>"),
        "/untyped" => reply(200, "", "RIFF"),
        "/liar" => reply(200, "Content-Type: audio/wav\r\n", "<html>"),
        "/gsm" => reply(200, "Content-Type: audio/x-gsm\r\n", "xxx"),
        "/304" => raw("HTTP/1.1 304 Not Modified\r\n\r\n"),
        "/large" => raw("HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 900000000\r\n\r\n"),
        _ => reply(404, "", ""),
    })
    .await;
    let clips = Clips::new(fetcher(None), 1);
    for (path, code) in [
        ("/html", 13420),
        ("/untyped", 13420),
        ("/liar", 13420),
        ("/gsm", 13420),
        ("/304", 11200),
        ("/large", 11750),
        ("/none", 11200),
    ] {
        assert_eq!(clips.play(get(1, &server.url(path))).await.unwrap_err().code, code, "{path}");
    }
    assert_eq!(clips.held(), (0, 0, 0));
    assert_eq!(clips.play(get(1, "http://10.0.0.1/a.wav")).await.unwrap_err().code, 11205);
    for (kind, expected) in [
        ("audio/mpeg", Some(Container::Mp3)),
        ("Audio/X-WAV; a=b", Some(Container::Riff)),
        ("audio/ogg", None),
    ] {
        assert_eq!(container(kind), expected);
    }
}
