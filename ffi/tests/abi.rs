//! The ABI guard: what programs that were built before rely on is recorded in `tests/abi/`, and does not change without
//! a new version.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod declared;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use common::{library, root};
use declared::{Declared, Layout};

const RECORD: &str = "tests/abi/siftstream.abi";

fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Sizes and offsets, as the C compiler sees them.
fn layouts(of: &[Layout]) -> Vec<String> {
    let mut lines = String::new();
    for layout in of {
        let name = &layout.name;
        writeln!(lines, "printf(\"layout {name} size %zu align %zu\\n\", sizeof({name}), _Alignof({name}));")
            .unwrap();
        for member in &layout.members {
            writeln!(
                lines,
                "printf(\"member {name}.{member} at %zu size %zu\\n\", offsetof({name}, {member}), \
                 sizeof((({name} *)0)->{member}));"
            )
            .unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let (source, program) = (dir.path().join("layouts.c"), dir.path().join("layouts"));
    let text = format!(
        "#include <siftstream/siftstream.h>\n#include <stdio.h>\nint main(void) {{ {lines} return 0; }}\n"
    );
    std::fs::write(&source, text).unwrap();
    output_of(
        Command::new("cc")
            .args(["-std=c11", "-I"])
            .arg(root().join("include"))
            .arg(&source)
            .arg("-o")
            .arg(&program),
    );
    output_of(&mut Command::new(program)).lines().map(str::to_owned).collect()
}

/// What there is now, a fact a line.
fn facts() -> BTreeSet<String> {
    let header = std::fs::read_to_string(root().join("include/siftstream/siftstream.h")).unwrap();
    let declared = Declared::of(&header);
    assert!(declared.functions.len() > 100 && declared.layouts.len() >= 5 && declared.constants.len() > 60);
    let mut facts: BTreeSet<_> = layouts(&declared.layouts).into_iter().collect();
    for function in &declared.functions {
        let arguments: Vec<_> = function.arguments.iter().map(|(kind, _)| kind.as_str()).collect();
        facts.insert(format!("function {} {}({})", function.returns, function.name, arguments.join(", ")));
    }
    facts.extend(declared.constants.iter().map(|constant| format!("constant {constant}")));
    facts.extend(declared.callbacks.iter().map(|callback| format!("callback {callback}")));
    facts.extend(declared.handles.iter().map(|handle| format!("handle {handle}")));
    let symbols = output_of(Command::new("nm").args(["-D", "--defined-only"]).arg(library()));
    let symbols = symbols.lines().filter_map(|line| line.split_whitespace().last());
    facts.extend(symbols.map(|symbol| format!("symbol {symbol}")));
    let dynamic = output_of(Command::new("readelf").arg("-d").arg(library()));
    let soname = dynamic.lines().find(|line| line.contains("(SONAME)")).unwrap();
    facts.insert(format!("soname {}", soname.rsplit_once('[').unwrap().1.trim_end_matches(']')));
    facts
}

/// Programs work with all versions that share this: before 1.0 the minor version, afterwards the major one.
fn series() -> String {
    let mut parts = env!("CARGO_PKG_VERSION").split('.');
    match (parts.next().unwrap(), parts.next().unwrap()) {
        ("0", minor) => format!("series 0.{minor}"),
        (major, _) => format!("series {major}"),
    }
}

#[test]
fn the_abi_does_not_change_without_a_new_version() {
    let path = root().join(RECORD);
    let record = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines = record.lines();
    let recorded_series = lines.next().unwrap_or_default();
    let (recorded, now): (BTreeSet<_>, _) = (lines.map(str::to_owned).collect(), facts());
    let gone: Vec<_> = recorded.difference(&now).collect();
    assert!(
        gone.is_empty() || recorded_series != series(),
        "programs that were built before rely on this, which is gone or changed: bring it back, or raise the version (and \
         the SONAME in ffi/build.rs): {gone:#?}"
    );
    if std::env::var_os("SIFTSTREAM_WRITE_HEADER").is_some() {
        let facts = now.iter().fold(series(), |all, fact| all + "\n" + fact);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, facts + "\n").unwrap();
        return;
    }
    let new: Vec<_> = now.difference(&recorded).collect();
    assert!(
        new.is_empty() && recorded_series == series(),
        "record what is new: run SIFTSTREAM_WRITE_HEADER=1 cargo test -p siftstream-ffi --test header --test abi: {new:#?}"
    );
}
