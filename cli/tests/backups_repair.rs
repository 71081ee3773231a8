//! What `siftstream backups repair` saves, and what it never touches.

#![allow(clippy::unwrap_used)]

mod backups_common;

use backups_common::*;
use std::path::Path;

fn damaged(dir: &Path) -> std::path::PathBuf {
    let files = write_files(&spool(dir, "default"), 1, 60);
    let mut bytes = std::fs::read(&files[0]).unwrap();
    let third = bytes.len() / 3;
    bytes[third] ^= 0x10;
    std::fs::write(&files[0], &bytes).unwrap();
    files[0].clone()
}

#[test]
fn a_damaged_file_is_repaired_into_one_that_verifies_and_stays_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let (file, new) = (damaged(root.path()), root.path().join("repaired.pbfs"));
    let before = std::fs::read(&file).unwrap();
    assert_eq!(code(&backups([Path::new("verify"), &file])), 1);
    let output = backups([Path::new("repair"), &file, Path::new("--out"), &new, Path::new("--json")]);
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
    let report = &json_lines(&output)[0];
    assert_eq!(report["rows"], 50);
    let lost = before.len() as u64 - std::fs::metadata(&new).unwrap().len();
    assert_eq!(report["lost_bytes"], lost);
    assert_eq!(code(&backups([Path::new("verify"), &new])), 0);
    let cat = |path: &Path| json_lines(&backups([Path::new("cat"), path]));
    assert_eq!(cat(&new), cat(&file), "every row that is whole was saved, in order");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_behind() {
    let root = tempfile::tempdir().unwrap();
    let file = damaged(root.path());
    let taken = root.path().join("taken");
    std::fs::write(&taken, "precious").unwrap();
    let noise = root.path().join("noise");
    std::fs::write(&noise, [7; 4000]).unwrap();
    let before = image(root.path());
    for (input, out, message) in [
        (&file, &file, "exists and is not overwritten"),
        (&file, &taken, "exists and is not overwritten"),
        (&noise, &root.path().join("new"), "nothing to save"),
        (&file, &root.path().join("no/such/dir"), "cannot write"),
    ] {
        let output = backups([Path::new("repair"), input, Path::new("--out"), out]);
        assert_eq!(code(&output), 2);
        assert!(errors(&output).contains(message), "{}", errors(&output));
    }
    assert_eq!(image(root.path()), before);
}
