//! Whether a stream could keep its rows in a directory: room, writing, and how long a sync takes.

use super::finding::Finding;
use super::modes;
use super::network::millis;
use rustix::fs::statfs;
use serde_json::json;
use siftstream::seams::filesystem::{File, FileKind, FileSystem, RealFileSystem};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

const SPACE: &str = "disk-space";
const WRITE: &str = "disk-write";
const SYNC: &str = "disk-sync";

/// As much as a stream writes between two syncs at a moderate rate.
const PIECE: usize = 64 << 10;
const SYNCS: usize = 10;
/// How long the syncs may take together.
const SYNC_TIME: Duration = Duration::from_secs(2);
/// Above this, rows wait notably longer than the policy says until they are durable.
const SLOW_SYNC: Duration = Duration::from_millis(100);

/// The file system that is memory.
const TMPFS: i64 = 0x0102_1994;

/// Where a stream would keep its rows.
#[derive(Debug, Clone)]
pub(super) struct DiskPlan {
    pub(super) dir: PathBuf,
    pub(super) min_free: u64,
}

/// Checks the directory on a thread of its own, because a broken disk may never answer.
pub(super) fn check(plan: &DiskPlan, patience: Duration, mut tell: impl FnMut(Finding)) {
    let (send, receive) = mpsc::channel();
    let (plan, dir) = (plan.clone(), plan.dir.display().to_string());
    std::thread::spawn(move || examine(&plan, &send));
    loop {
        match receive.recv_timeout(patience.max(SYNC_TIME * 2)) {
            Ok(finding) => tell(finding),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let message =
                    format!("the disk of {dir} does not answer: check its mount and the system's log");
                return tell(Finding::fail(WRITE, message));
            }
        }
    }
}

fn examine(plan: &DiskPlan, findings: &Sender<Finding>) {
    // Nobody listens any more when the disk took too long.
    let tell = |finding| drop(findings.send(finding));
    let skip = |checks: &[&'static str]| {
        checks.iter().for_each(|check| tell(Finding::skip(check, "the directory cannot be used")));
    };
    let place = match Place::of(&plan.dir) {
        Ok(place) => place,
        Err(why) => {
            tell(Finding::fail(WRITE, why));
            return skip(&[SPACE, SYNC, modes::MODES]);
        }
    };
    tell(space(&place, plan.min_free));
    match Probe::create(&place.dir) {
        Ok(mut probe) => {
            tell(Finding::ok(WRITE, place.writable()));
            tell(sync(&mut probe, &place));
        }
        Err(error) => {
            tell(Finding::fail(WRITE, unwritable(&place, &error)));
            skip(&[SYNC]);
        }
    }
    tell(modes::finding(&place));
}

/// The directory, or where it would be created.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) wanted: PathBuf,
    pub(super) dir: PathBuf,
}

impl Place {
    fn of(wanted: &Path) -> Result<Self, String> {
        let mut dir = wanted;
        loop {
            let here = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
            // What the directory itself is a stream sees without following links; its parents may be links.
            let found = if dir == wanted {
                RealFileSystem.metadata(here).map(|found| found.kind == FileKind::Directory)
            } else {
                std::fs::metadata(here).map(|found| found.is_dir())
            };
            match (found, dir.parent()) {
                (Ok(true), _) => return Ok(Self { wanted: wanted.to_owned(), dir: here.to_owned() }),
                (Ok(false), _) => {
                    return Err(format!(
                        "{} is no directory, nor may it be a link: name another",
                        here.display()
                    ));
                }
                (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => dir = parent,
                (Err(error), _) => {
                    return Err(format!(
                        "{} cannot be looked at ({error}): check its permissions",
                        here.display()
                    ));
                }
            }
        }
    }

    pub(super) fn exists(&self) -> bool {
        self.wanted == self.dir
    }

    fn writable(&self) -> String {
        let dir = self.dir.display();
        if self.exists() {
            format!("{dir} can be written to")
        } else {
            format!("{} does not exist yet and can be created in {dir}", self.wanted.display())
        }
    }
}

fn space(place: &Place, min_free: u64) -> Finding {
    let free = match RealFileSystem.free_space(&place.dir) {
        Ok(free) => free,
        Err(error) => {
            let message = format!("nobody knows how much is free in {} ({error})", place.dir.display());
            return Finding::warn(SPACE, message);
        }
    };
    let values = json!({ "free_bytes": free, "min_free_bytes": min_free });
    let dir = place.dir.display();
    let (shown, kept) = (bytes(free), bytes(min_free));
    if free <= min_free {
        let message = format!(
            "{dir} has {shown} free, and a stream leaves {kept} free (`min_free`): no row would be kept; make room, or \
             lower `min_free`"
        );
        return Finding::fail(SPACE, message).with(values);
    }
    Finding::ok(SPACE, format!("{dir} has {shown} free, of which a stream leaves {kept}")).with(values)
}

fn sync(probe: &mut Probe, place: &Place) -> Finding {
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < SYNCS && begin.elapsed() < SYNC_TIME {
        match probe.write_and_sync() {
            Ok(time) => times.push(time),
            Err(error) => return Finding::fail(SYNC, unwritable(place, &error)),
        }
    }
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    let values =
        json!({ "median_ms": median.as_secs_f64() * 1e3, "longest_ms": longest.as_secs_f64() * 1e3 });
    let message =
        format!("a sync of {} takes {}, at most {}", bytes(PIECE as u64), millis(median), millis(longest));
    let finding = if statfs(&place.dir).is_ok_and(|found| i128::from(found.f_type) == i128::from(TMPFS)) {
        Finding::warn(
            SYNC,
            format!("{message}, but this is memory (tmpfs): rows in it do not survive a restart"),
        )
    } else if median > SLOW_SYNC {
        Finding::warn(
            SYNC,
            format!("{message}: rows become durable late; use another disk, or sync less often (`fsync`)"),
        )
    } else {
        Finding::ok(SYNC, message)
    };
    finding.with(values)
}

fn unwritable(place: &Place, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "it is full; make room",
        io::ErrorKind::ReadOnlyFilesystem => {
            "it is mounted read-only; mount it for writing, or name another directory"
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not write there; change its owner or mode, or name another directory"
        }
        _ => "check the disk and the system's log",
    };
    format!("{} cannot be written to ({error}): {advice}", place.dir.display())
}

/// A file that is there as long as it is tried.
struct Probe {
    path: PathBuf,
    file: Box<dyn File>,
}

impl Probe {
    fn create(dir: &Path) -> io::Result<Self> {
        let path = dir.join(format!(".siftstream-doctor-{}", std::process::id()));
        let file = RealFileSystem.create_new(&path)?;
        let mut probe = Self { path, file };
        probe.file.append_all(&[0; PIECE])?;
        Ok(probe)
    }

    fn write_and_sync(&mut self) -> io::Result<Duration> {
        self.file.append_all(&[0; PIECE])?;
        let begin = Instant::now();
        self.file.sync_data()?;
        Ok(begin.elapsed())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // It was created a moment ago; if it cannot be removed, the disk has failed, which is told already.
        RealFileSystem.unlink(&self.path).ok();
    }
}

/// A size as people read it.
fn bytes(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.iter().find(|(_, shift)| bytes >> shift > 0);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(unit, shift)| format!("{:.1} {unit}", bytes as f64 / (1_u64 << shift) as f64),
    )
}
