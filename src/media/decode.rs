//! Files of audio (WAV, AIFF, MP3, raw mu-law) become a [`Clip`]: mu-law, 8 kHz, mono. Packet by packet, so that 40 minutes of
//! stereo never lie in memory uncompressed.

use super::codec::g711::ulaw_from_pcm;
use super::plan::Clip;
use super::wav_read::{self, Format};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler};
use std::io::Cursor;
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::{FormatOptions, TrackType, probe::Hint};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// Samples of the longest clip: 40 minutes. What comes after is not played.
pub const CLIP_SAMPLES_MAX: usize = 40 * 60 * RATE;
const RATE: usize = 8_000;
/// Frames the resampler takes at a time.
const CHUNK: usize = 1_024;
/// Sample rates taken, in Hz.
const RATES: std::ops::RangeInclusive<usize> = 1_000..=384_000;
/// Undecodable packets of one file that are passed over before it is given up.
const BAD_PACKETS_MAX: usize = 100;

/// Not audio that can be played; a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(pub String);

/// How the octets are packed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// WAV or AIFF.
    Riff,
    /// MP3.
    Mp3,
    /// mu-law, 8 kHz, mono, without a header.
    RawUlaw,
    /// GSM 06.10, which no decoder here reads.
    Gsm,
}

/// The container of a Content-Type that Play takes (twiml.md 3.10). None: 13420.
pub fn container(content_type: &str) -> Option<Container> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.strip_prefix("audio/")? {
        "mpeg" => Some(Container::Mp3),
        "wav" | "wave" | "x-wav" | "aiff" | "x-aifc" | "x-aiff" => Some(Container::Riff),
        "ulaw" => Some(Container::RawUlaw),
        "x-gsm" | "gsm" => Some(Container::Gsm),
        _ => None,
    }
}

/// Decodes a whole file. Costs about a millisecond per second of MP3: not for the driver's thread.
///
/// # Errors
/// What is wrong with the file.
pub fn decode(bytes: bytes::Bytes, container: Container) -> Result<Clip, DecodeError> {
    match container {
        Container::RawUlaw => {
            let mut ulaw = bytes;
            ulaw.truncate(CLIP_SAMPLES_MAX);
            if ulaw.is_empty() {
                return Err(DecodeError("the file holds no audio".to_owned()));
            }
            Ok(Clip { ulaw: ulaw.into() })
        }
        Container::Gsm => Err(DecodeError("GSM 06.10 is not decoded here; offer WAV or MP3".to_owned())),
        // What it says it is counts for less than what it is.
        Container::Riff | Container::Mp3 if bytes.starts_with(b"FORM") => probe(bytes, "aiff"),
        Container::Riff | Container::Mp3 if bytes.starts_with(b"RIFF") => wav(&bytes),
        Container::Riff if !is_mp3(&bytes) => Err(DecodeError("the file is no WAV".to_owned())),
        Container::Riff | Container::Mp3 => probe(bytes, "mp3"),
    }
}

/// Begins with a tag or with a frame of layer III.
fn is_mp3(bytes: &[u8]) -> bool {
    bytes.starts_with(b"ID3") || matches!(bytes, [0xff, second, ..] if second & 0xe6 == 0xe2)
}

/// PCM 16 bit little endian, mono, of any rate: what speech engines call `pcm`.
///
/// # Errors
/// A rate out of range.
pub fn decode_pcm16(bytes: &[u8], rate: usize) -> Result<Clip, DecodeError> {
    let mut out = ToUlaw::new(rate)?;
    let samples: Vec<f32> =
        bytes.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32_768.0).collect();
    out.push(&samples, 1)?;
    out.finish()
}

fn wav(bytes: &[u8]) -> Result<Clip, DecodeError> {
    let wav = wav_read::read(bytes).map_err(DecodeError)?;
    if wav.format == Format::Ulaw && wav.rate == RATE && wav.channels == 1 {
        return decode(bytes::Bytes::copy_from_slice(wav.data), Container::RawUlaw);
    }
    let mut out = ToUlaw::new(wav.rate)?;
    let mut samples = wav.samples();
    let mut part: Vec<f32> = Vec::new();
    while !out.full() {
        part.clear();
        part.extend(samples.by_ref().take(CHUNK * wav.channels));
        if part.is_empty() {
            break;
        }
        out.push(&part, wav.channels)?;
    }
    out.finish()
}

fn failed(e: &SymphoniaError) -> DecodeError {
    DecodeError(format!("the audio cannot be decoded: {e}"))
}

/// The library's reader of WAV is left out of the build, ours is used. Its others may compute with what files say and overflow, as that one did
/// (found by fuzzing); such a file is one that cannot be
/// decoded, as any other. What was half read is dropped with the panic, so that nothing broken is kept.
fn probe(bytes: bytes::Bytes, extension: &str) -> Result<Clip, DecodeError> {
    let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read_with(bytes, extension)));
    decoded.unwrap_or_else(|_| Err(DecodeError("the audio is damaged".to_owned())))
}

fn read_with(bytes: bytes::Bytes, extension: &str) -> Result<Clip, DecodeError> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut hint = Hint::new();
    hint.with_extension(extension);
    let mut reader = symphonia::default::get_probe()
        .probe(&hint, source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|e| failed(&e))?;
    let none = || DecodeError("the file has no audio track".to_owned());
    let track = reader.default_track(TrackType::Audio).ok_or_else(none)?;
    let id = track.id;
    let params = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(none)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|e| failed(&e))?;
    let mut out: Option<(usize, ToUlaw)> = None;
    let mut bad = 0;
    while !out.as_ref().is_some_and(|(_, out)| out.full()) {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == id => packet,
            Ok(Some(_)) => continue,
            // A file that is cut off plays up to the cut.
            Ok(None) | Err(SymphoniaError::IoError(_)) => break,
            Err(e) => return Err(failed(&e)),
        };
        match decoder.decode(&packet) {
            Ok(audio) => take(&mut out, &audio)?,
            Err(SymphoniaError::DecodeError(_) | SymphoniaError::IoError(_)) if bad < BAD_PACKETS_MAX => {
                bad += 1
            }
            // One that is damaged from some place on plays up to there.
            Err(_) if out.is_some() => break,
            Err(e) => return Err(failed(&e)),
        }
    }
    match out {
        Some((_, out)) => out.finish(),
        None => Err(DecodeError("the file holds no audio".to_owned())),
    }
}

/// The first packet decides the rate; one that changes inside a file is damage, and passed over.
fn take(out: &mut Option<(usize, ToUlaw)>, audio: &GenericAudioBufferRef<'_>) -> Result<(), DecodeError> {
    let rate = audio.spec().rate() as usize;
    let (first, out) = match out {
        Some(have) => have,
        None => out.insert((rate, ToUlaw::new(rate)?)),
    };
    if *first != rate {
        return Ok(());
    }
    let mut samples: Vec<f32> = Vec::new();
    audio.copy_to_vec_interleaved(&mut samples);
    out.push(&samples, audio.spec().channels().count())
}

/// Mixes down, resamples and encodes what is pushed.
struct ToUlaw {
    resampler: Option<Fft<f32>>,
    pending: Vec<f32>,
    scratch: Vec<f32>,
    taken: u64,
    rate: usize,
    ulaw: Vec<u8>,
    lead: usize,
}

impl ToUlaw {
    fn new(rate: usize) -> Result<ToUlaw, DecodeError> {
        if !RATES.contains(&rate) {
            return Err(DecodeError(format!("a sample rate of {rate} Hz is not played")));
        }
        let resampler = match rate {
            RATE => None,
            _ => Some(
                Fft::<f32>::new(rate, RATE, CHUNK, 1, FixedSync::Input)
                    .map_err(|e| DecodeError(format!("{rate} Hz cannot be resampled: {e}")))?,
            ),
        };
        let lead = resampler.as_ref().map_or(0, Resampler::output_delay);
        let scratch = vec![0.0; resampler.as_ref().map_or(0, Resampler::output_frames_max)];
        Ok(ToUlaw { resampler, pending: Vec::new(), scratch, taken: 0, rate, ulaw: Vec::new(), lead })
    }

    fn full(&self) -> bool {
        self.ulaw.len() >= CLIP_SAMPLES_MAX
    }

    fn push(&mut self, interleaved: &[f32], channels: usize) -> Result<(), DecodeError> {
        if channels == 0 {
            return Err(DecodeError("the file has no channel".to_owned()));
        }
        let frames = interleaved.chunks_exact(channels);
        self.taken = self.taken.saturating_add(frames.len() as u64);
        let share = 1.0 / channels as f32;
        self.pending.extend(frames.map(|frame| frame.iter().sum::<f32>() * share));
        self.drain(false)
    }

    fn drain(&mut self, last: bool) -> Result<(), DecodeError> {
        let Some(resampler) = &mut self.resampler else {
            self.ulaw.extend(self.pending.drain(..).map(encode));
            return Ok(());
        };
        let wrong = |e: &dyn std::fmt::Display| DecodeError(format!("resampling failed: {e}"));
        let mut from = 0;
        loop {
            let want = resampler.input_frames_next();
            let have = self.pending.len().saturating_sub(from);
            if have < want && !(last && have > 0) {
                break;
            }
            let part = self.pending.get(from..).unwrap_or_default();
            let input = InterleavedSlice::new(part, 1, have).map_err(|e| wrong(&e))?;
            let room = self.scratch.len();
            let mut output = InterleavedSlice::new_mut(&mut self.scratch, 1, room).map_err(|e| wrong(&e))?;
            let partial = Indexing { partial_len: (have < want).then_some(have), ..Indexing::default() };
            let (_, made) =
                resampler.process_into_buffer(&input, &mut output, Some(&partial)).map_err(|e| wrong(&e))?;
            let skipped = self.lead.min(made);
            self.lead -= skipped;
            self.ulaw.extend(self.scratch.iter().take(made).skip(skipped).copied().map(encode));
            from = from.saturating_add(want).min(self.pending.len());
        }
        self.pending.drain(..from);
        Ok(())
    }

    /// Pushes silence until everything that was taken has come out.
    fn finish(mut self) -> Result<Clip, DecodeError> {
        let expected = (u128::from(self.taken) * RATE as u128).div_ceil(self.rate as u128);
        let expected = usize::try_from(expected).unwrap_or(usize::MAX).min(CLIP_SAMPLES_MAX);
        self.drain(true)?;
        // Each chunk of silence gives at least one sample once the lead is gone, so this ends.
        let mut chunks = 0;
        while self.ulaw.len() < expected && self.resampler.is_some() && chunks < 1_000 {
            self.pending.resize(self.pending.len() + CHUNK, 0.0);
            self.drain(true)?;
            chunks += 1;
        }
        self.ulaw.truncate(expected);
        if self.ulaw.is_empty() {
            return Err(DecodeError("the file holds no audio".to_owned()));
        }
        self.ulaw.shrink_to_fit();
        Ok(Clip { ulaw: self.ulaw })
    }
}

fn encode(sample: f32) -> u8 {
    // A float too large or not a number becomes the nearest sample, or silence.
    ulaw_from_pcm((sample * 32_768.0).round() as i16)
}

/// For the fuzzer: the first octet chooses the container, the rest is the file.
pub fn fuzz_audio(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    let container = match kind % 3 {
        0 => Container::Riff,
        1 => Container::Mp3,
        _ => Container::RawUlaw,
    };
    let Ok(clip) = decode(bytes::Bytes::copy_from_slice(rest), container) else { return false };
    assert!(clip.ulaw.len() <= CLIP_SAMPLES_MAX, "a clip passed its limit");
    true
}
