//! (s) MP3 of a recording: encoders under the LGPL are not linked, so `lame` or `ffmpeg` runs as a child where it is
//! installed (ruling 2.19), few at once and not for long.

use super::Api;
use super::refusal::Refusal;
use bytes::Bytes;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

/// Children at once.
pub const AT_ONCE: usize = 2;
/// A child may take so long; four hours of speech take about one minute.
const WITHIN: Duration = Duration::from_secs(120);
/// Octets of an MP3; four hours at 32 kbit/s are 58 MB.
const OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// Converts a WAV file, if `mixed` to one channel; 20406 with what to do if no encoder is installed.
pub async fn of(api: &Api, wav: &Path, mixed: bool) -> Result<Bytes, Refusal> {
    let Ok(_turn) = api.converting.clone().try_acquire_owned() else {
        return Err(Refusal::new(20429, "Too many recordings are being converted to MP3. Try again."));
    };
    let quiet = |program: &str, before: &[&str], after: &[&str]| {
        let mut command = Command::new(program);
        command.args(before).arg(wav).args(after);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        command
    };
    let one_channel = |option: &'static [&'static str]| if mixed { option } else { &[] };
    let encoders = [
        quiet("lame", &[&["--quiet", "-b", "32"], one_channel(&["-m", "m"])].concat(), &["-"]),
        quiet(
            "ffmpeg",
            &["-v", "error", "-i"],
            &[one_channel(&["-ac", "1"]), &["-b:a", "32k", "-id3v2_version", "0", "-f", "mp3", "-"]].concat(),
        ),
    ];
    for mut command in encoders {
        if let Ok(child) = command.spawn() {
            yield_to_calls(&child);
            let run = tokio::time::timeout(WITHIN, collect(child)).await;
            return match run {
                Ok(Ok(bytes)) if !bytes.is_empty() => Ok(Bytes::from(bytes)),
                _ => Err(Refusal::new(20500, "The encoder failed. The WAV form is at the same address.")),
            };
        }
    }
    Err(Refusal::new(
        20406,
        "MP3 needs lame or ffmpeg on the server, and neither is installed. Fetch the .wav instead.",
    ))
}

/// An encoder takes a whole core; the media of calls comes first.
fn yield_to_calls(child: &Child) {
    let Some(id) = child.id() else { return };
    // SAFETY: a plain system call on a child that is ours and not yet waited for. Should it fail, the encoder runs as others do.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, id, 19) };
}

async fn collect(mut child: Child) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(OCTETS_MAX).read_to_end(&mut out).await?;
    }
    let status = child.wait().await?;
    if status.success() { Ok(out) } else { Ok(Vec::new()) }
}
