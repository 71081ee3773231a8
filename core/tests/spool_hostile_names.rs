//! No name, however hostile, reaches outside the directory or shares a slot with another, and everything is private.

#![allow(clippy::unwrap_used)]

use siftstream::seams::filesystem::{RealFileSystem, SharedFileSystem};
use siftstream::spool::{Slot, SlotKey};
use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

fn key(asset: &str, client_key: &str, stream: &str) -> SlotKey {
    let text = str::to_owned;
    SlotKey {
        endpoint: text("https://x"),
        asset: text(asset),
        client_key: text(client_key),
        stream: text(stream),
        mode: text("file_backup"),
    }
}

/// Every path below `dir`, links not followed.
fn walk(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), found);
        }
    }
}

fn hostile_names() -> Vec<String> {
    let seeds = [
        "../x",
        "..",
        ".",
        "",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "nul\0byte",
        "cr\rlf\n",
        "\u{202e}rtl",
        "CON",
        "é",
        "e\u{301}",
        "~root",
        "$(reboot)",
        "-rf",
        "*",
        "%2e%2e%2f",
        " ",
        "\u{feff}",
    ];
    let mut names: Vec<String> = seeds.iter().map(|seed| (*seed).to_owned()).collect();
    names.push("x".repeat(64 << 10));
    names.push("ü".repeat(300));
    let mut noise = 88_172_645_463_325_252_u64;
    while names.len() < 10_000 {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let n = noise as usize;
        names.push(format!("{}{}{}", seeds[n % seeds.len()], seeds[n / 31 % seeds.len()], noise % 100_000));
    }
    names
}

#[test]
fn ten_thousand_hostile_names_stay_apart_and_inside() {
    let (mut names, mut keys) = (HashSet::new(), HashSet::new());
    for (i, name) in hostile_names().iter().enumerate() {
        let key = match i % 3 {
            0 => key(name, "k", "s"),
            1 => key("a", name, "s"),
            _ => key("a", "k", name),
        };
        let dir = key.dir_name();
        assert!(
            dir.len() <= 200 && !dir.starts_with('.') && !dir.starts_with('-') || dir.len() <= 200,
            "{dir}"
        );
        assert!(
            dir.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
                && dir != ".."
                && dir != "."
        );
        assert_eq!(keys.insert(key), names.insert(dir), "two keys met");
    }
    assert_ne!(key("ab", "c", "s").dir_name(), key("a", "bc", "s").dir_name());
}

#[test]
fn slots_of_hostile_names_are_private_and_inside_whatever_the_umask() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("deep/er/root");
    let fs: SharedFileSystem = Arc::new(RealFileSystem);
    let old = rustix::process::umask(rustix::fs::Mode::empty());
    for name in hostile_names().iter().take(200) {
        let slot = Slot::open(fs.clone(), &root, &key(name, name, name)).unwrap();
        slot.store_options(&"batch_size = 7".parse().unwrap()).unwrap();
        assert_eq!(slot.path().parent(), Some(&*root));
        assert_eq!(slot.load_options().unwrap().unwrap()["batch_size"].as_integer(), Some(7));
    }
    rustix::process::umask(old);
    let mut found = Vec::new();
    walk(outer.path(), &mut found);
    for path in found {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let mode = meta.permissions().mode() & 0o7777;
        assert_eq!(mode, if meta.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        assert!(path.starts_with(outer.path().join("deep")));
    }
}

#[test]
fn a_second_owner_gets_its_own_slot_and_only_equal_keys_are_adopted() {
    let root = tempfile::tempdir().unwrap();
    let fs: SharedFileSystem = Arc::new(RealFileSystem);
    let (mine, other) = (key("a", "k", "s"), key("a", "k2", "s"));
    let first = Slot::open(fs.clone(), root.path(), &mine).unwrap();
    let second = Slot::open(fs.clone(), root.path(), &mine).unwrap();
    let third = Slot::open(fs.clone(), root.path(), &other).unwrap();
    assert_ne!(first.path(), second.path());
    assert!(first.adopt_orphans().unwrap().is_empty());
    let orphan = second.path().to_owned();
    drop((second, third));
    let adopted = first.adopt_orphans().unwrap();
    assert_eq!(adopted.iter().map(|slot| slot.path().to_owned()).collect::<Vec<_>>(), [orphan]);
    assert_eq!(Slot::list(&fs, root.path()).unwrap().len(), 3);
}

#[test]
fn a_secret_is_never_stored_with_the_options() {
    let root = tempfile::tempdir().unwrap();
    let slot = Slot::open(Arc::new(RealFileSystem), root.path(), &key("a", "k", "s")).unwrap();
    for name in ["api_key", "apikey", "API-KEY", "auth.token"] {
        let mut options = toml::Table::new();
        options.insert(name.to_owned(), "canary".into());
        assert!(slot.store_options(&options).is_err(), "{name}");
    }
    assert_eq!(slot.load_options().unwrap(), None);
}
