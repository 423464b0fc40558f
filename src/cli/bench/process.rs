//! (s) The processes that are measured, as the kernel counts them.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Ticks of a second in /proc/PID/stat: the same on every Linux that we build for.
const USER_HZ: u64 = 100;

/// CPU time since the process began, microseconds.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// In the program.
    pub user: u64,
    /// In the kernel for it.
    pub system: u64,
}

impl Cpu {
    /// Both.
    pub fn all(self) -> u64 {
        self.user.saturating_add(self.system)
    }

    /// What was used since `before`.
    pub fn since(self, before: Cpu) -> Cpu {
        Cpu { user: self.user.saturating_sub(before.user), system: self.system.saturating_sub(before.system) }
    }
}

/// A child that ends with its owner.
pub struct Process {
    child: Child,
    /// Closed: a floor ends and tells its figures.
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a program that talks by its standard input and output.
    ///
    /// # Errors
    /// The kernel's word, with the name of the program.
    pub fn floor(program: &Path, arguments: &[String]) -> Result<Process, String> {
        let mut c = Command::new(program);
        c.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = c.spawn().map_err(|e| {
            format!("{}: {e}; the floor programs are built by `cargo build --release`", program.display())
        })?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Ok(Process { child, stdin, stdout })
    }

    /// Starts a server.
    ///
    /// # Errors
    /// The kernel's word.
    pub fn server(mut command: Command) -> Result<Process, String> {
        let child =
            command.stdin(Stdio::null()).spawn().map_err(|e| format!("the server cannot be started: {e}"))?;
        Ok(Process { child, stdin: None, stdout: None })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints, without the word before `sep`.
    ///
    /// # Errors
    /// It ended, or said something else.
    pub fn line(&mut self, word: &str) -> Result<String, String> {
        let mut line = String::new();
        let read = self.stdout.as_mut().map(|s| s.read_line(&mut line));
        match (read, line.trim().strip_prefix(word)) {
            (Some(Ok(_)), Some(rest)) => Ok(rest.to_owned()),
            _ => Err(format!("a floor said '{}' instead of '{word}'", line.trim())),
        }
    }

    /// Tells a floor to end; its last words.
    pub fn finish(mut self) -> String {
        self.stdin = None;
        let mut text = String::new();
        if let Some(mut out) = self.stdout.take() {
            let _ = out.read_to_string(&mut text);
        }
        text.trim().to_owned()
    }

    /// CPU so far.
    ///
    /// # Errors
    /// It is gone.
    pub fn cpu(&self) -> Result<Cpu, String> {
        cpu_of(&self.pid().to_string())
    }

    /// Resident memory, KB.
    ///
    /// # Errors
    /// It is gone.
    pub fn rss_kb(&self) -> Result<u64, String> {
        let gone = || format!("process {} is gone", self.pid());
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).map_err(|_| gone())?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).ok_or_else(gone)?;
        line.trim().split(' ').next().and_then(|n| n.parse().ok()).ok_or_else(gone)
    }
}

/// CPU of this program so far.
///
/// # Errors
/// There is no /proc.
pub fn own() -> Result<Cpu, String> {
    cpu_of("self")
}

fn cpu_of(pid: &str) -> Result<Cpu, String> {
    let gone = || format!("process {pid} is gone");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|_| gone())?;
    let (_, fields) = stat.rsplit_once(')').ok_or_else(gone)?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let mut next = || times.next()?.ok().map(|t| t.saturating_mul(1_000_000 / USER_HZ));
    Ok(Cpu { user: next().ok_or_else(gone)?, system: next().ok_or_else(gone)? })
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
