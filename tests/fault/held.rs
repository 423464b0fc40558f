//! A process held to a share of one core: by a cgroup where this machine lets us make one, else by stopping and continuing it. It
//! says which, and never lets it run free.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The kernel's default period of a quota.
const PERIOD: Duration = Duration::from_millis(100);

/// Lets go when it is dropped.
pub enum Held {
    Cgroup { folder: PathBuf, pid: u32 },
    Stopping { over: Arc<AtomicBool>, thread: Option<std::thread::JoinHandle<()>> },
}

/// Where the kernel shows a hierarchy: `cgroup` with the controller `cpu` (version 1), or `cgroup2`.
fn mounted(kind: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, is, options) = (fields.next()?, fields.next()?, fields.next()?);
        (is == kind && (kind == "cgroup2" || options.split(',').any(|o| o == "cpu"))).then(|| place.into())
    })
}

/// A group of its own with this quota, with the process in it.
fn group(parent: &Path, quota: (&str, String), pid: u32) -> std::io::Result<PathBuf> {
    let folder = parent.join(format!("chorus-held-{pid}"));
    fs::create_dir(&folder)?;
    let made = fs::write(folder.join(quota.0), quota.1)
        .and_then(|()| fs::write(folder.join("cgroup.procs"), pid.to_string()));
    match made {
        Ok(()) => Ok(folder),
        Err(e) => {
            let _ = fs::remove_dir(&folder);
            Err(e)
        }
    }
}

/// All of its threads on one core: a share of the time is then a share of one core.
fn on_one_core(pid: u32) {
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let id: i32 = task.file_name().to_str().unwrap().parse().unwrap();
        // SAFETY: an all-zero set is empty, and the kernel only reads it.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(0, &mut set);
            libc::sched_setaffinity(id, std::mem::size_of_val(&set), &raw const set);
        }
    }
}

fn signal(pid: u32, signal: i32) {
    // SAFETY: no preconditions; the process is a child of ours that nobody has waited for.
    unsafe { libc::kill(pid as i32, signal) };
}

impl Held {
    /// Holds it to so many hundredths of a core.
    pub fn to(hundredths: u32, pid: u32) -> Held {
        let share = PERIOD * hundredths / 100;
        let (quota, period) = (share.as_micros(), PERIOD.as_micros());
        let files = [
            ("cgroup", ("cpu.cfs_quota_us", quota.to_string())),
            ("cgroup2", ("cpu.max", format!("{quota} {period}"))),
        ];
        for (kind, file) in files {
            match mounted(kind).map(|place| group(&place, file, pid)) {
                Some(Ok(folder)) => {
                    println!("held to {hundredths} % of a core by {} ({kind})", folder.display());
                    return Held::Cgroup { folder, pid };
                }
                Some(Err(e)) => println!("no {kind} of our own here: {e}"),
                None => println!("no {kind} with a processor here"),
            }
        }
        println!("held to {hundredths} % of one core by SIGSTOP and SIGCONT");
        on_one_core(pid);
        let over = Arc::new(AtomicBool::new(false));
        let done = over.clone();
        let thread = std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                signal(pid, libc::SIGCONT);
                std::thread::sleep(share);
                signal(pid, libc::SIGSTOP);
                std::thread::sleep(PERIOD - share);
            }
            signal(pid, libc::SIGCONT);
        });
        Held::Stopping { over, thread: Some(thread) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        match self {
            Held::Cgroup { folder, pid } => {
                let parent = folder.parent().unwrap().join("cgroup.procs");
                let _ = fs::write(parent, pid.to_string());
                // The kernel takes a moment to see that it is empty; a group that stays behind holds nobody.
                for _ in 0..100 {
                    if fs::remove_dir(&*folder).is_ok() {
                        break;
                    }
                    std::thread::yield_now();
                }
            }
            Held::Stopping { over, thread } => {
                over.store(true, Ordering::Relaxed);
                let _ = thread.take().map(std::thread::JoinHandle::join);
            }
        }
    }
}
