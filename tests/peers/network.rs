//! Hosts with cables between them: network namespaces of the kernel, joined by pairs of interfaces. Unlike loopback such a cable has an
//! MTU, a router can stand in it, and a firewall. A host ends with the last process and file that holds it: nothing is left behind,
//! however a test ends.

use super::installed;
use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::process::{Command, Stdio};

/// A network stack of its own.
pub struct Host(File);

fn of_this_thread() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

fn enter(stack: &File) {
    // SAFETY: the descriptor is open; the call moves this thread alone.
    let entered = unsafe { libc::setns(stack.as_raw_fd(), libc::CLONE_NEWNET) };
    assert_eq!(entered, 0, "{}", io::Error::last_os_error());
}

/// This thread goes back when it is dropped.
struct Visit(File);

impl Drop for Visit {
    fn drop(&mut self) {
        enter(&self.0);
    }
}

/// Can this machine do it? Programs can be installed, a kernel's consent cannot: without it the test is named as not run, in CI too.
pub fn possible(what: &str, trial: impl FnOnce() + Send + 'static) -> bool {
    let done = std::thread::spawn(trial).join().is_ok();
    if !done {
        println!("not run: this machine does not let us make {what}");
    }
    done
}

fn two_hosts() {
    let (one, other) = (Host::made().unwrap(), Host::made().unwrap());
    one.joined(&other, 0);
}

/// Runs a test on a thread of its own, whose host is the first of `hosts`, each joined to the next: `198.18.N.1` and `198.18.N.2`
/// at the ends of cable N.
pub fn on_hosts<F: Future<Output = ()>>(hosts: usize, test: impl FnOnce(Vec<Host>) -> F + Send + 'static) {
    if !installed("ip") || !possible("hosts and cables (it needs root)", two_hosts) {
        return;
    }
    let thread = std::thread::spawn(move || {
        let hosts: Vec<Host> = (0..hosts).map(|_| Host::made().unwrap()).collect();
        hosts.iter().for_each(|host| host.ip("link set lo up"));
        for (cable, pair) in hosts.windows(2).enumerate() {
            pair[0].joined(&pair[1], cable);
        }
        enter(&hosts[0].0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test(hosts));
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

impl Host {
    /// A host of its own, without any cable.
    pub fn made() -> io::Result<Host> {
        let new = std::thread::spawn(|| {
            // SAFETY: no preconditions; the thread ends with this, and the stack lives on in the file.
            match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
                0 => of_this_thread(),
                _ => Err(io::Error::last_os_error()),
            }
        });
        new.join().unwrap().map(Host)
    }

    fn visit(&self) -> Visit {
        let back = Visit(of_this_thread().unwrap());
        enter(&self.0);
        back
    }

    /// What the future does it does on this host: the sockets that it opens, the programs that it starts.
    pub async fn does<T>(&self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        std::future::poll_fn(|cx| {
            let _visit = self.visit();
            what.as_mut().poll(cx)
        })
        .await
    }

    /// `ip` with these words, on this host.
    pub fn ip(&self, words: &str) {
        let _visit = self.visit();
        let out = Command::new("ip").args(words.split(' ')).output().unwrap();
        assert!(out.status.success(), "ip {words}: {}", String::from_utf8_lossy(&out.stderr));
    }

    fn joined(&self, other: &Host, cable: usize) {
        let there = format!("/proc/{}/fd/{}", std::process::id(), other.0.as_raw_fd());
        self.ip(&format!("link add right type veth peer name left netns {there}"));
        for (host, name, end) in [(self, "right", 1), (other, "left", 2)] {
            host.ip(&format!("addr add 198.18.{cable}.{end}/30 dev {name}"));
            host.ip(&format!("link set {name} up"));
        }
    }

    /// What comes in by `interface` and is of `protocol` is dropped without a word.
    pub fn drops(&self, protocol: &str, interface: &str) {
        // Rules are asked in their order, and the one for the host's own addresses is the first.
        self.ip("rule add pref 10 lookup local");
        self.ip("rule del pref 0");
        self.ip(&format!("rule add pref 1 iif {interface} ipproto {protocol} blackhole"));
    }

    /// It passes packets on.
    pub fn routes(&self) {
        let _visit = self.visit();
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    }

    /// What goes out by `interface` gets this host's address there and a port of the router's choice, and answers find their way back.
    pub fn masks(&self, interface: &str) {
        let _visit = self.visit();
        let rules = format!(
            "table ip nat {{\nchain out {{\ntype nat hook postrouting priority 100\noifname \"{interface}\" masquerade random\n}}\n}}\n"
        );
        let nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut nft = nft.unwrap();
        nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        let out = nft.wait_with_output().unwrap();
        assert!(out.status.success(), "nft: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// A counter of the kernel's IP on this host (RFC 4293): `ReasmOKs`, `FragCreates`.
    pub fn counted(&self, name: &str) -> u64 {
        let _visit = self.visit();
        let all = std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
        let mut lines = all.lines().filter_map(|l| l.strip_prefix("Ip: ")).map(|l| l.split(' '));
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        let found = names.zip(values).find(|(n, _)| *n == name);
        found.unwrap_or_else(|| panic!("{name} in {all}")).1.parse().unwrap()
    }
}
