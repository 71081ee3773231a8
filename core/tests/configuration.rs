//! The keys of a stream: set by name, from files, by the environment, and written down again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../../tests/fixtures/seen.rs"]
mod seen;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use common::{KEY, server};
use siftstream::config::{ConfigKey, ConfigType, reference};
use siftstream::schema::{MetadataValue, RunForm, RunSelector};
use siftstream::{ConfigValue, FlowBuilder, FlowConfig, Mode, StreamConfig, TimeValue};

/// A value that the key takes and that is not its default.
fn another(key: &ConfigKey) -> ConfigValue {
    match key.takes {
        ConfigType::Bool => (key.default != Some("true")).into(),
        ConfigType::Integer { .. } => 7_u32.into(),
        ConfigType::Limit => 12_345_u64.into(),
        ConfigType::Bytes | ConfigType::BytesLimit => 1_234_567_u64.into(),
        ConfigType::Duration | ConfigType::DurationOr(_) => Duration::from_micros(12_345_678).into(),
        ConfigType::List => vec!["a".to_owned(), "with, \"comma\"".to_owned()].into(),
        ConfigType::Choice(choices) => (*choices.last().unwrap()).into(),
        _ => "some text\nof \"two\" lines".into(),
    }
}

#[test]
fn every_key_comes_back_from_a_file_as_it_was_set() {
    for key in StreamConfig::keys() {
        let mut config = StreamConfig::default();
        config.set(key.name, another(key)).unwrap();
        let text = config.to_toml();
        let back = StreamConfig::from_toml(&text).unwrap();
        if key.is_secret() {
            assert_eq!((text.as_str(), back.is_set(key.name).unwrap()), ("", false), "{}", key.name);
            continue;
        }
        assert_ne!(
            config.get(key.name).unwrap(),
            StreamConfig::default().get(key.name).unwrap(),
            "{}",
            key.name
        );
        assert_eq!(back.get(key.name).unwrap(), config.get(key.name).unwrap(), "{text}");
        assert_eq!(back.to_toml(), text);
    }
    let mut all = StreamConfig::default();
    StreamConfig::keys().iter().for_each(|key| all.set(key.name, another(key)).unwrap());
    assert_eq!(StreamConfig::from_toml(&all.to_toml()).unwrap().to_toml(), all.to_toml());
}

#[test]
fn every_key_is_taken_as_text_and_from_the_environment() {
    let variables: BTreeSet<_> = StreamConfig::keys().iter().map(ConfigKey::variable).collect();
    assert_eq!(variables.len(), StreamConfig::keys().len(), "two keys share a variable");
    for key in StreamConfig::keys() {
        let text = match key.takes {
            ConfigType::Bool => "true",
            ConfigType::Integer { .. } | ConfigType::Limit => "9",
            ConfigType::Bytes | ConfigType::BytesLimit => "3MiB",
            ConfigType::Duration | ConfigType::DurationOr(_) => "90ms",
            ConfigType::List => "a,b",
            ConfigType::Choice(choices) => choices[0],
            _ => "text",
        };
        let (mut by_set, mut by_env) = (StreamConfig::default(), StreamConfig::default());
        by_set.set(key.name, text).unwrap();
        by_env.apply_vars([(key.variable(), text.to_owned())]).unwrap();
        assert!(by_env.is_set(key.name).unwrap());
        assert_eq!(by_env.get(key.name).unwrap(), by_set.get(key.name).unwrap(), "{}", key.name);
    }
}

#[test]
fn every_default_is_a_value_of_its_key() {
    for key in StreamConfig::keys().iter().filter(|key| key.default.is_some_and(|default| default != "none"))
    {
        assert_ne!(StreamConfig::default().get(key.name).unwrap(), ConfigValue::None, "{}", key.name);
    }
}

#[test]
fn numbers_are_seconds_and_bytes_in_every_form() {
    let mut config = StreamConfig::default();
    for value in [ConfigValue::from(2.5), "2.5".into(), "2500ms".into(), Duration::from_millis(2500).into()] {
        config.set("linger", value).unwrap();
        assert_eq!(config.get("linger").unwrap(), Duration::from_millis(2500).into());
    }
    config.set("linger", 3).unwrap();
    assert_eq!(config.get("linger").unwrap(), Duration::from_secs(3).into());
    for value in [ConfigValue::from(67_108_864), "64MiB".into(), 67_108_864.0.into(), "67108864".into()] {
        config.set("replay_window_bytes", value).unwrap();
        assert_eq!(config.get("replay_window_bytes").unwrap(), (64_u64 << 20).into());
    }
    config.set("disk_backup_policy.max_bytes", u64::MAX).unwrap();
    assert_eq!(StreamConfig::from_toml(&config.to_toml()).unwrap().to_toml(), config.to_toml());
    config.set("disk_backup_policy.max_bytes", ConfigValue::None).unwrap();
    assert_eq!(config.get("disk_backup_policy.max_bytes").unwrap(), ConfigValue::None);
}

#[test]
fn what_a_key_cannot_take_is_refused_and_changes_nothing() {
    let mut config = StreamConfig::default();
    for (key, value) in [
        ("linger", ConfigValue::from(-1)),
        ("linger", "soon".into()),
        ("linger", true.into()),
        ("linger", ConfigValue::None),
        ("batch_size", (1_u64 << 32).into()),
        ("batch_size", 1.5.into()),
        ("mode", "live".into()),
        ("insecure", "yes".into()),
        ("uri", 7.into()),
        ("replay_window_bytes", "a lot".into()),
        ("disk_backup_policy.fsync", "sometimes".into()),
    ] {
        let error = config.set(key, value).unwrap_err().to_string();
        assert!(error.starts_with(key) && error.contains("give"), "{error}");
    }
    assert_eq!(config.to_toml(), "");
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_nearest_one() {
    let mut config = StreamConfig::default();
    for (wrong, meant) in [
        ("lingr", "linger"),
        ("max_bytes", "disk_backup_policy.max_bytes"),
        ("retry.max_attempts", "retry_policy.max_attempts"),
        ("checkpoint_intervall", "checkpoint_interval"),
        ("apikey", "api_key"),
    ] {
        let error = config.set(wrong, 1).unwrap_err().to_string();
        assert!(error.contains(&format!("{wrong:?}")) && error.contains(&format!("{meant:?}")), "{error}");
    }
    for (text, line, says) in [
        ("\n\nlingr = 1\n", 3, "\"linger\""),
        ("[disk_backup_policy]\nmax_byte = 1\n", 2, "\"disk_backup_policy.max_bytes\""),
        ("[[flows]]\nname = \"f\"\nchanels = []\n", 3, "\"channels\""),
        (
            "flows = [{ name = \"f\", channels = [\n{ name = \"c\", datatype = \"bool\" }] }]\n",
            2,
            "\"data_type\"",
        ),
        ("flows = [{ name = \"f\", channels = [{ name = \"c\", data_type = \"real\" }] }]\n", 1, "double"),
        ("linger = \"soon\"\n", 1, "250ms"),
        ("\n[run]\nmetadata = { when = 2026-01-01 }\n", 3, "\"when\""),
        ("linger = \n", 1, "TOML"),
        ("[[flows]]\nname = \"f\"\n[[flows]]\nname = \"f\"\n", 3, "another"),
        ("retry_policy = 5\n", 1, "retry_policy"),
    ] {
        let error = StreamConfig::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(&format!("line {line}:")) && error.contains(says), "{text}{error}");
    }
    let variables = |name: &str| [(name.to_owned(), "1".to_owned())];
    let error = config.apply_vars(variables("SIFTSTREAM_LINGR")).unwrap_err().to_string();
    assert!(error.contains("\"SIFTSTREAM_LINGER\""), "{error}");
    config.apply_vars(variables("SIFTSTREAM_SEEDS")).unwrap();
    config.apply_vars(variables("LINGER")).unwrap();
    assert_eq!(config.to_toml(), "");
}

#[test]
fn what_is_set_wins_over_the_environment_and_that_over_a_file_in_every_order() {
    let file = |config: &mut StreamConfig| {
        config
            .load_toml("linger = 1\nbatch_size = 1\nuri = \"a\"\n[run]\nname = \"r\"\nclient_key = \"r\"\n")
            .unwrap();
    };
    let environment = |config: &mut StreamConfig| {
        let variable = |name: &str| (format!("SIFTSTREAM_{name}"), "2".to_owned());
        config.apply_vars(["LINGER", "BATCH_SIZE"].map(variable)).unwrap();
    };
    let explicit = |config: &mut StreamConfig| {
        config.set("linger", 3).unwrap();
        config.attach_run(RunSelector::ById("an ID".to_owned())).unwrap();
    };
    let steps: [&dyn Fn(&mut StreamConfig); 3] = [&file, &environment, &explicit];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut config = StreamConfig::default();
        order.into_iter().for_each(|step| steps[step](&mut config));
        assert_eq!(config.get("linger").unwrap(), Duration::from_secs(3).into(), "{order:?}");
        assert_eq!(config.get("batch_size").unwrap(), 2_u32.into(), "{order:?}");
        assert_eq!(config.get("uri").unwrap(), "a".into(), "{order:?}");
        assert_eq!(config.run().unwrap(), Some(RunSelector::ById("an ID".to_owned())), "{order:?}");
    }
}

#[test]
fn flows_runs_and_metadata_come_back_from_a_file_as_they_were() {
    let config = StreamConfig::from_file(seen::file()).unwrap();
    let back = StreamConfig::from_toml(&config.to_toml()).unwrap();
    assert_eq!(back.flows(), config.flows());
    assert_eq!(back.run().unwrap(), config.run().unwrap());
    assert_eq!(back.to_toml(), config.to_toml());
    let Some(RunSelector::ByForm(RunForm { metadata, .. })) = back.run().unwrap() else { panic!("no run") };
    assert_eq!(metadata, [MetadataValue::new("attempt", 2.0), MetadataValue::new("operator", "Ada")]);
    assert_eq!(back.flows()[1].channels[0].bit_field_elements[1].index, 2);
}

#[test]
fn a_secret_is_never_shown_and_never_written() {
    const CANARY: &str = "canary-4711";
    let mut config = StreamConfig::default();
    config.set("api_key", CANARY).unwrap();
    config.set("client_key_pem", CANARY).unwrap();
    assert_eq!(config.get("api_key").unwrap(), "***".into());
    let refused = config.set("api_key", vec![CANARY.to_owned()]).unwrap_err();
    for wrong in
        ["api_key = canary-4711", "api_key = \"canary-4711", "api_key = [\"canary-4711\"]\nlingr = 1"]
    {
        let error = StreamConfig::from_toml(wrong).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
    }
    config.set("uri", "https://user:canary-4711@host").unwrap();
    let told = format!("{config:?} {config:#?} {refused} {refused:?}");
    assert!(!told.contains(CANARY), "{told}");
    config.set("uri", "https://host").unwrap();
    assert!(!config.to_toml().contains(CANARY));
}

#[test]
fn a_file_describes_the_same_stream_for_rust_as_for_everybody() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let mut config = StreamConfig::from_file(seen::file()).unwrap();
    config.apply_vars(seen::environment(&server, KEY, dir.path())).unwrap();
    let stream = config.open_blocking(Duration::from_secs(30)).unwrap();
    let mut row = FlowBuilder::new(&stream.get_flow_descriptor("engine").unwrap());
    row.set_timestamp(TimeValue::now());
    row.set_with_key("seq", 0_u64).unwrap();
    stream.send_timeout(&row, Duration::from_secs(30)).unwrap();
    assert_eq!(stream.finish(Duration::from_secs(60)).unwrap().confirmed, 1);
    assert_eq!(server.state().schema_errors(), []);
    seen::assert_seen(&server, dir.path());
}

#[test]
fn a_configuration_opens_in_every_mode_also_from_within_a_runtime() {
    let (server, dir) = (server(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for mode in Mode::ALL {
        let mut config = StreamConfig::new(mode);
        for (variable, value) in seen::environment(&server, KEY, dir.path()) {
            config.apply_vars([(variable, value)]).unwrap();
        }
        config.set("asset_name", "rig").unwrap();
        config.set("client_key", "modes").unwrap();
        config.add_flow(FlowConfig { name: "f".to_owned(), channels: Vec::new() }).unwrap();
        config.open_blocking(Duration::from_secs(30)).unwrap().finish(Duration::from_secs(30)).unwrap();
        let stream = runtime.block_on(config.open()).unwrap();
        assert_eq!(config.mode(), mode);
        stream.finish(Duration::from_secs(30)).unwrap();
    }
}

#[test]
fn the_documentation_lists_the_keys_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("SIFTSTREAM_WRITE_DOCS").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference(),
        "docs/configuration.md is not what core/src/config says: run this test with SIFTSTREAM_WRITE_DOCS=1"
    );
    let example = written.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(StreamConfig::from_toml(example).unwrap().flows().len(), 1);
}
