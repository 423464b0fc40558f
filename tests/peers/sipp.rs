//! sipp as a child process: one scenario, one call.

use super::scenario;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// Seconds after which sipp gives up.
const LIMIT: &str = "60s";

pub struct Sipp {
    name: String,
    process: Child,
    dir: PathBuf,
}

impl Sipp {
    fn start(dir: &Path, name: &str, file: &Path, more: &[&str]) -> Sipp {
        let of = |what: &str| dir.join(format!("{name}.{what}"));
        let mut command = Command::new("sipp");
        // What the test says comes last, and counts.
        command.args(["-i", "127.0.0.1", "-m", "1", "-timeout", LIMIT, "-timeout_error", "-nostdin"]);
        command.args(more);
        command.arg("-sf").arg(file).arg("-trace_err").arg("-error_file").arg(of("err"));
        command.arg("-trace_msg").arg("-message_file").arg(of("msg")).current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        Sipp { name: name.to_owned(), process: command.spawn().unwrap(), dir: dir.to_owned() }
    }

    /// sipp calls `number` at the server.
    pub fn caller(dir: &Path, name: &str, server: SocketAddr, number: &str, more: &[&str]) -> Sipp {
        let file = name.split('-').next().unwrap();
        Sipp::calls(dir, name, &scenario(file), server, number, more)
    }

    /// The same with a scenario of its own.
    pub fn calls(
        dir: &Path,
        name: &str,
        file: &Path,
        server: SocketAddr,
        number: &str,
        more: &[&str],
    ) -> Sipp {
        let to = server.to_string();
        let mut all = vec![to.as_str(), "-s", number];
        all.extend_from_slice(more);
        Sipp::start(dir, name, file, &all)
    }

    /// sipp waits for a call at `at`. It is there when its port is taken.
    pub async fn callee(dir: &Path, name: &str, file: &Path, at: SocketAddr) -> Sipp {
        Sipp::callee_with(dir, name, file, at, &[]).await
    }

    /// The same with more arguments.
    pub async fn callee_with(dir: &Path, name: &str, file: &Path, at: SocketAddr, more: &[&str]) -> Sipp {
        let port = at.port().to_string();
        let sipp = Sipp::start(dir, name, file, &[&["-p", port.as_str()], more].concat());
        let protocol = if more.contains(&"t1") { "tcp" } else { "udp" };
        let mut looks = tokio::time::interval(std::time::Duration::from_millis(10));
        while !is_taken(protocol, at.port()) {
            looks.tick().await;
        }
        sipp
    }

    /// Waits for its end; everything it sent and received. It panics with sipp's words if the scenario did not go through.
    pub async fn passes(mut self) -> String {
        let status = self.process.wait().await.unwrap();
        let read = |what: &str| {
            let bytes = std::fs::read(self.dir.join(format!("{}.{what}", self.name))).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let trace = read("msg");
        assert!(status.success(), "sipp {} ends with {status}: {}\n{trace}", self.name, read("err"));
        trace
    }
}

/// Has somebody on this host this port? Who tried to take it would be in the way of whoever wants it.
fn is_taken(protocol: &str, port: u16) -> bool {
    let all = std::fs::read_to_string(format!("/proc/thread-self/net/{protocol}")).unwrap();
    let port = format!(":{port:04X}");
    all.lines().filter_map(|l| l.split_whitespace().nth(1)).any(|local| local.ends_with(&port))
}

/// The messages of a trace that came from the server.
pub fn received(trace: &str) -> impl Iterator<Item = &str> {
    trace
        .split("-----------------------------------------------")
        .filter_map(|m| m.split_once(" message received ").map(|(_, m)| m))
}
