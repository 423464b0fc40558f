//! A power cut instead of a mere kill: the page cache survives kill -9, so only a disk that loses what was not synced
//! shows that an answer waits for its commit. `powercut.c` stands between the server and its syncs.

use super::child::Place;
use super::kill;
use std::path::{Path, PathBuf};
use std::process::Command;

const CUTS: usize = 8;
/// A sync of a tired disk; wide enough for a kill between a write and its sync.
const SYNC_MICROS: &str = "40000";

pub struct Power {
    library: PathBuf,
    /// What was synced.
    shadow: PathBuf,
}

/// What a cut cost: octets written and not synced, in files of the database and in others.
#[derive(Default, Debug)]
pub struct Lost {
    pub database: u64,
    pub other: u64,
}

impl Power {
    /// For a server in `dir`, before its first start.
    pub fn of(dir: &Path) -> Power {
        let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", dir.display()));
        let power = Power { library: beside("-powercut.so"), shadow: beside("-synced") };
        std::fs::create_dir_all(&power.shadow).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&power.library)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fault/powercut.c"))
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(built.success(), "powercut.c does not compile");
        power
    }

    /// What the server's process must be started with.
    pub fn settings(&self, dir: &Path) -> Vec<(&'static str, String)> {
        let text = |p: &Path| p.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(&self.library)),
            ("POWERCUT_DIR", text(dir)),
            ("POWERCUT_SHADOW", text(&self.shadow)),
            ("POWERCUT_SLOW", SYNC_MICROS.to_owned()),
        ]
    }

    /// The process is dead: leaves in its folder only what was synced.
    pub fn cut(&self, place: &Place) -> Lost {
        let mut lost = Lost::default();
        for (path, written) in files(&place.dir) {
            let name = path.strip_prefix(&place.dir).unwrap().to_str().unwrap().replace('/', "%");
            // Shared memory is none of the disk's.
            if !name.ends_with("-shm") {
                let synced = std::fs::read(self.shadow.join(&name)).unwrap_or_default();
                let differs =
                    u64::from(synced != written) * (written.len().abs_diff(synced.len()).max(1) as u64);
                *(if name.contains(".db") { &mut lost.database } else { &mut lost.other }) += differs;
            }
            std::fs::remove_file(&path).unwrap();
        }
        for (path, synced) in files(&self.shadow) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.ends_with(".part") {
                std::fs::remove_file(&path).unwrap();
                continue;
            }
            let back = place.dir.join(name.replace('%', "/"));
            std::fs::create_dir_all(back.parent().unwrap()).unwrap();
            std::fs::write(back, synced).unwrap();
        }
        lost
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.library);
        let _ = std::fs::remove_dir_all(&self.shadow);
    }
}

fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = vec![];
    for entry in std::fs::read_dir(dir).unwrap().map(|e| e.unwrap()) {
        match entry.file_type().unwrap() {
            t if t.is_dir() => all.extend(files(&entry.path())),
            t if t.is_file() => all.push((entry.path(), std::fs::read(entry.path()).unwrap())),
            _ => {}
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_loses_nothing_that_was_accepted() {
    let mut place = Place::new("power");
    let power = Power::of(&place.dir);
    place.extra = power.settings(&place.dir);
    place.power = Some(power);
    let lost = kill::run("power", place, CUTS, 0xcafe).await.lost;
    let cuts = lost.iter().filter(|l| l.database > 0).count();
    println!(
        "  {cuts} of {} cuts took something of the database that was written and not synced: {lost:?}",
        lost.len()
    );
    assert!(cuts > 0, "no cut fell between a write and its sync: this run shows nothing");
}
