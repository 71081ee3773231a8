//! Every argument of every exported function is misused in every way that its type allows. The table is made from the
//! header: a new function is in it from its first day.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod declared;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{library, root};
use declared::{Declared, Function};
use siftstream_server::LocalServer;

const KEY: &str = "a-key-for-tests";

/// A good value for an argument, so that what is wrong is the one that is misused.
fn good(function: &str, kind: &str, name: &str) -> String {
    let handle = |kind: &str| kind.trim_start_matches("const ").trim_end_matches('*').to_owned();
    match (kind, name) {
        ("siftstream_error**", _) => "&error".into(),
        ("siftstream_str", "flow") => "text(\"all\")".into(),
        ("siftstream_str", "channel") if function.contains("bit_field") => "text(\"type_4\")".into(),
        ("siftstream_str", "channel") if function.contains("enum") => "text(\"type_3\")".into(),
        ("siftstream_str", "channel") if function.contains("index") => "text(\"type_1\")".into(),
        ("siftstream_str", _) => "text(\"a text\")".into(),
        ("siftstream_bytes", _) => "some_bytes".into(),
        ("double" | "float", _) => "1".into(),
        ("bool", _) => "true".into(),
        ("int32_t", "channel_type") => "SIFTSTREAM_DOUBLE".into(),
        ("int32_t", "level") if function.contains("log") => "SIFTSTREAM_LOG_INFO".into(),
        ("int32_t", "level") => "SIFTSTREAM_LEVEL_CONFIRMED".into(),
        ("int32_t", "version") => "SIFTSTREAM_TLS_1_2".into(),
        ("uint32_t", "timeout_ms") => "0".into(),
        ("uint32_t", "index") => index_of(function).into(),
        ("size_t", "count") if function.contains("values") => "11".into(),
        ("size_t", "at") => "0".into(),
        (kind, _) if kind.ends_with("_t") => "1".into(),
        ("const int64_t*", _) => "times".into(),
        ("const uint32_t*", _) => "numbers".into(),
        ("const siftstream_column*", _) => "&column".into(),
        ("const siftstream_value*", _) => "values".into(),
        ("const siftstream_channel_value*", _) => "&channel_value".into(),
        ("void*", _) => "NULL".into(),
        ("siftstream_event_callback", _) => "on_event".into(),
        ("siftstream_log_callback", _) => "on_log".into(),
        ("siftstream_free_callback", _) => "NULL".into(),
        (kind, _) if kind.ends_with("**") => format!("&new_{}", handle(&kind[..kind.len() - 1])),
        (kind, _)
            if kind.contains("siftstream_") && !["siftstream_str*", "siftstream_bytes*"].contains(&kind) =>
        {
            format!("good_{}", handle(kind))
        }
        (kind, _) if kind.ends_with('*') => format!("&out_{}", kind.trim_end_matches('*')),
        other => panic!("say in misuse.rs what a good {other:?} of {function} is"),
    }
}

/// The channel of the type that a setter sets.
fn index_of(function: &str) -> &'static str {
    let types = [
        "double",
        "string",
        "enum",
        "bit_field",
        "bool",
        "float",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "bytes",
    ];
    const INDEX: [&str; 11] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    types.iter().position(|kind| function.ends_with(&format!("set_{kind}"))).map_or("0", |at| INDEX[at])
}

/// What a handle may be instead of one that is alive and of its type.
const NO_HANDLES: [&str; 5] =
    ["freed_", "other_", "(void *)&here", "(void *)(uintptr_t)1", "(void *)UINTPTR_MAX"];

/// The ways to misuse an argument. None for those that cannot be misused.
fn misuses(function: &Function, kind: &str, name: &str) -> Vec<String> {
    let optional = ["index_out", "report_out", "user_data", "free_user_data", "validity"].contains(&name);
    let cast = |value: &str| format!("({})({value})", c_type(kind));
    let is_handle = |kind: &str| {
        kind.ends_with('*') && !kind.ends_with("**") && good(&function.name, kind, name).starts_with("good_")
    };
    match kind {
        "siftstream_str" => ["not_utf8", "no_text", "endless_text"].map(str::to_owned).to_vec(),
        "siftstream_bytes" => ["no_bytes", "endless_bytes"].map(str::to_owned).to_vec(),
        "int32_t"
            if ["mode", "when_full", "fsync", "version", "level", "channel_type", "policy"]
                .contains(&name) =>
        {
            ["-1", "99", "INT32_MIN", "INT32_MAX"].map(str::to_owned).to_vec()
        }
        "siftstream_error**" => Vec::new(),
        "siftstream_event_callback" => vec!["NULL".into()],
        kind if is_handle(kind) => {
            let own = kind.trim_start_matches("const ").trim_end_matches('*');
            let named =
                |value: &str| if value.ends_with('_') { format!("{value}{own}") } else { cast(value) };
            let mut all: Vec<_> = NO_HANDLES.iter().map(|value| named(value)).collect();
            // To free nothing is allowed.
            if !function.name.ends_with("_free") {
                all.push(cast("NULL"));
            }
            all
        }
        "size_t" if name == "count" && function.name.contains("values") => {
            vec!["0".into(), "SIZE_MAX".into()]
        }
        "size_t" if ["count", "rows", "column_count"].contains(&name) => vec!["SIZE_MAX".into()],
        kind if kind.ends_with('*') && !optional => vec![cast("NULL")],
        _ => Vec::new(),
    }
}

fn c_type(kind: &str) -> String {
    kind.replace('*', " *")
}

/// A call of `function` with one argument replaced, as C.
fn call(function: &Function, at: usize, value: &str) -> String {
    let arguments = function.arguments.iter().enumerate().map(|(index, (kind, name))| {
        if index == at { value.to_owned() } else { good(&function.name, kind, name) }
    });
    format!("{}({})", function.name, arguments.collect::<Vec<_>>().join(", "))
}

/// What the call must answer, as C.
fn check(function: &Function, call: &str) -> String {
    let place = call.replace('\\', "\\\\").replace('"', "\\\"");
    match function.returns.as_str() {
        "siftstream_status" => format!("REFUSED(\"{place}\", {call});"),
        "siftstream_str" => format!("NOTHING(\"{place}\", ({call}).len == 0);"),
        "siftstream_error*" => format!("NOTHING(\"{place}\", {call} == NULL);"),
        "siftstream_data_status" => format!("NOTHING(\"{place}\", {call} == SIFTSTREAM_DATA_UNKNOWN);"),
        "siftstream_event_kind" => format!("NOTHING(\"{place}\", {call} == SIFTSTREAM_EVENT_UNKNOWN);"),
        "const char*" => String::new(),
        _ => format!("NOTHING(\"{place}\", {call} == 0);"),
    }
}

/// The table as C, and how many rows it has; and the functions that no argument can be misused of.
fn table(declared: &Declared) -> (String, usize, Vec<&str>) {
    let (mut rows, mut count, mut harmless) = (String::new(), 0, Vec::new());
    for function in &declared.functions {
        let before = count;
        for (at, (kind, name)) in function.arguments.iter().enumerate() {
            for value in misuses(function, kind, name) {
                // A handle that is not alive has no error code to tell but this one.
                let call = call(function, at, &value);
                let row = if function.name == "siftstream_error_code" {
                    format!("NOTHING(\"siftstream_error_code\", {call} == SIFTSTREAM_INVALID_ARGUMENT);")
                } else {
                    check(function, &call)
                };
                writeln!(rows, "  {row}").unwrap();
                count += 1;
            }
        }
        if count == before {
            harmless.push(function.name.as_str());
        }
    }
    (rows, count, harmless)
}

/// Writes the program and compiles it.
fn program(declared: &Declared, into: &Path, flags: &[&str], link: &[&str]) -> PathBuf {
    let (rows, ..) = table(declared);
    let (source, program) = (into.join("misuse.c"), into.join("misuse"));
    let (mut objects, mut ready, mut untouched) = (String::new(), String::new(), String::new());
    for handle in &declared.handles {
        let other = if handle == "siftstream_config" { "siftstream_stream" } else { "siftstream_config" };
        writeln!(objects, "{handle} *good_{handle}, *freed_{handle}, *new_{handle};").unwrap();
        writeln!(objects, "#define other_{handle} (({handle} *)(void *)good_{other})").unwrap();
        writeln!(ready, "  READY({handle});").unwrap();
        writeln!(untouched, "  UNTOUCHED({handle});").unwrap();
    }
    let text = format!(
        "#include \"misuse.h\"\n\n{objects}\nvoid misuse_everything(void) {{\n{ready}{rows}{untouched}}}\n"
    );
    std::fs::write(&source, text).unwrap();
    let output = Command::new("cc")
        .args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g"])
        .args(flags)
        .arg("-I")
        .arg(root().join("include"))
        .arg("-I")
        .arg(root().join("tests/c"))
        .arg(&source)
        .arg(root().join("tests/c/misuse.c"))
        .args(link)
        .arg(format!("-Wl,-rpath,{}", into.display()))
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

/// The program with the shared library.
fn shared_program(declared: &Declared, into: &Path) -> PathBuf {
    std::os::unix::fs::symlink(library(), into.join("libsiftstream.so.0")).unwrap();
    program(declared, into, &[], &[library().to_str().unwrap()])
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {:?}\n{out}\n{err}", output.status);
}

fn declared() -> Declared {
    Declared::of(&std::fs::read_to_string(root().join("include/siftstream/siftstream.h")).unwrap())
}

#[test]
fn each_argument_of_each_function_can_be_misused_and_is_refused_with_its_code() {
    let declared = declared();
    let (_, count, mut harmless) = table(&declared);
    harmless.sort_unstable();
    assert!(count > 1000, "{count}");
    let without = [
        "siftstream_log_dropped",
        "siftstream_metrics_count",
        "siftstream_metrics_name",
        "siftstream_status_name",
        "siftstream_version",
    ];
    assert_eq!(harmless, without, "no argument of these can be misused");
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    succeed(Command::new(shared_program(&declared, dir.path())).args([&server.uri(), KEY]));
}

#[test]
fn valgrind_finds_no_error_and_no_leak_in_the_misuse_of_everything() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let checks = [
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--errors-for-leak-kinds=definite",
    ];
    let known = format!("--suppressions={}", root().join("tests/c/valgrind.supp").display());
    let program = shared_program(&declared(), dir.path());
    succeed(Command::new("valgrind").args(checks).arg(known).arg(program).args([&server.uri(), KEY]));
}

#[test]
fn address_and_undefined_behaviour_sanitizers_find_nothing_in_the_misuse_of_everything() {
    let dir = tempfile::tempdir().unwrap();
    let server = LocalServer::builder().api_key(Some(KEY)).start().unwrap();
    let library = library().with_file_name("libsiftstream.a");
    let link = [library.to_str().unwrap(), "-lpthread", "-ldl", "-lm"];
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let program = program(&declared(), dir.path(), &flags, &link);
    succeed(Command::new(program).args([&server.uri(), KEY]));
}
