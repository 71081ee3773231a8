//! What users read about the keys.

use std::fmt::Write as _;

use super::keys::KEYS;
use super::{ConfigKey, Mode};

const HEAD: &str = "\
<!-- Written from core/src/config/keys.rs; SIFTSTREAM_WRITE_DOCS=1 cargo test -p siftstream --test configuration. -->
# Configuration

The keys are the same in every language, in files and in the environment. What is set explicitly wins over the
environment, that over a file, and that over the default, in whatever order they come. Modes with a disk remember what was
chosen there; that wins over the default, too. Keys that a mode has no use for are not looked at. An unknown key is an error
that names the nearest known one.

| | |
|---|---|
| Rust | `StreamConfig`: `set(key, value)`, `from_file`, `apply_env`, `to_toml`, `open` |
| C | `siftstream_config_set(config, key, text)`, `siftstream_config_load_file`, `siftstream_config_load_env`, and a setter of its own for most keys |
| file | TOML; what stands before a dot is a table |
| environment | `SIFTSTREAM_` and the key in capitals, dots as underscores: `SIFTSTREAM_RETRY_POLICY_MAX_BACKOFF=2s` |

A duration is a number of seconds or a text such as `250ms`; units are `h`, `min`, `s`, `ms`, `us`, `ns`. A size is a number of
bytes or a text such as `64MiB`. In the environment a list is separated by commas. `none` stands for no limit. Secrets are
never shown and never written to a file; keep them out of files of your own where you can: by the environment, or by a
`profile` of the user's `sift.toml`.

```toml
mode = \"live_with_backups\"
uri = \"https://grpc-api.siftstack.com\"
asset_name = \"rig\"
client_key = \"rig-v1\"
checkpoint_interval = \"30s\"

[disk_backup_policy]
max_bytes = \"20GiB\"

[run]
name = \"Run 7\"
client_key = \"run-7\"
metadata = { operator = \"Ada\", attempt = 2 }

[asset_metadata]
site = \"Hall 3\"

[[flows]]
name = \"engine\"
failure_policy = \"skip\"                # if it is not that of the stream
channels = [
    { name = \"rpm\", data_type = \"double\", unit = \"1/min\", description = \"shaft speed\" },
    { name = \"state\", data_type = \"enum\", enum_types = [{ name = \"off\", key = 0 }, { name = \"on\", key = 1 }] },
    { name = \"faults\", data_type = \"bit_field\", bit_field_elements = [{ name = \"fuel\", index = 0, bit_count = 2 }] },
]
```

A channel is of the type `double`, `float`, `int32`, `int64`, `uint32`, `uint64`, `bool`, `string`, `enum`, `bit_field` or `bytes`.
";

/// The documentation of all keys, as Markdown: `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            let head = "| Key | Takes | Default | Modes | Meaning |\n|---|---|---|---|---|\n";
            // Writing to a string cannot fail.
            write!(text, "\n## {section}\n\n{head}").ok();
        }
        writeln!(text, "{}", row(key)).ok();
    }
    text
}

fn row(key: &ConfigKey) -> String {
    let default = key.default.map_or_else(String::new, |default| format!("`{default}`"));
    let modes = key.modes();
    let modes = if modes.len() == Mode::ALL.len() {
        "all".to_owned()
    } else {
        modes.iter().map(|mode| format!("`{}`", mode.as_str())).collect::<Vec<_>>().join(", ")
    };
    let secret = if key.is_secret() { "; secret" } else { "" };
    format!("| `{}` | {}{secret} | {default} | {modes} | {} |", key.name, key.takes.described(), key.meaning)
}
