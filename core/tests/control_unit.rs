//! Addresses, keys, retries, filters and statuses, without a network.

use std::fs;
use std::time::Duration;

use prost::Message;
use siftstream::ErrorCode;
use siftstream::connect::{
    ApiKey, ApiKeyError, ApiKeySource, ConnectionOptions, Credentials, Endpoint, EndpointError,
};
use siftstream::control::{ControlOptions, RetryClass, SiftControl, classify, equals, one_of, to_error};
use siftstream::retry::{Backoff, RetryPolicy};
use siftstream::schema::{IngestionConfigForm, RunSelector};

const KEY: &str = "canary-4711-secret";

#[test]
fn an_address_is_a_scheme_a_host_and_a_port() {
    let endpoint = Endpoint::parse("https://sift.example", false).unwrap();
    assert_eq!((endpoint.host(), endpoint.port()), ("sift.example", 443));
    assert_eq!(endpoint.origin(), "https://sift.example/");
    let endpoint = Endpoint::parse("http://[::1]:50051/", true).unwrap();
    assert_eq!((endpoint.host(), endpoint.port()), ("::1", 50051));
    assert_eq!(endpoint.origin(), "http://[::1]:50051/");
}

#[test]
fn a_wrong_address_is_refused_with_its_reason() {
    let error = |uri: &str| Endpoint::parse(uri, false).unwrap_err();
    assert!(matches!(error(""), EndpointError::Empty));
    assert!(matches!(error("sift.example"), EndpointError::NoScheme { .. }));
    assert!(matches!(error("ftp://sift.example"), EndpointError::UnknownScheme { .. }));
    assert!(matches!(error("https://"), EndpointError::NoHost { .. }));
    assert!(matches!(error("https://:443"), EndpointError::NoHost { .. }));
    assert!(matches!(error("https://sift.example/v1"), EndpointError::Path { .. }));
    assert!(matches!(error("https://sift.example?x"), EndpointError::Path { .. }));
    for uri in ["https://a:0", "https://a:99999", "https://a:"] {
        assert!(matches!(error(uri), EndpointError::InvalidPort { .. }), "{uri}: {:?}", error(uri));
    }
    for uri in ["https://a b", "https://a\r\nb", "https://a\0"] {
        assert!(matches!(error(uri), EndpointError::Malformed { .. }), "{uri}");
    }
}

#[test]
fn plaintext_is_refused_unless_asked_for_by_name() {
    let error = Endpoint::parse("HTTP://sift.example", false).unwrap_err();
    assert!(matches!(error, EndpointError::InsecureNotAllowed { .. }));
    assert!(error.to_string().contains("`insecure`"));
}

#[test]
fn a_password_in_an_address_is_refused_and_not_repeated() {
    let error = Endpoint::parse(&format!("https://me:{KEY}@sift.example"), false).unwrap_err();
    assert_eq!(error, EndpointError::UserInfo);
    assert!(!error.to_string().contains(KEY));
}

#[test]
fn a_key_is_never_shown() {
    let key = ApiKey::new(KEY).unwrap();
    let source = ApiKeySource::new(key.clone());
    let credentials = Credentials::Config { uri: "https://a".into(), apikey: KEY.into() };
    let shown = format!("{key} {key:?} {source:?} {credentials:?} {:?}", key.authorization());
    assert!(!shown.contains(KEY), "{shown}");
    let error = to_error("Ping", "https://a:443", 16, &format!("bad key {KEY}\r\n"), &key);
    assert_eq!(error.code(), ErrorCode::Auth);
    assert!(!error.message().contains(KEY) && error.message().contains("***"), "{error}");
}

#[test]
fn a_malformed_key_is_refused_and_not_repeated() {
    let refuse = |key: String| {
        let error = ApiKey::new(key).unwrap_err();
        assert!(!error.to_string().contains(KEY));
        error
    };
    assert_eq!(refuse(String::new()), ApiKeyError::Empty);
    assert_eq!(refuse(format!("{KEY}\n")), ApiKeyError::LineBreak);
    assert_eq!(refuse(format!("{KEY}\r\nx: y")), ApiKeyError::LineBreak);
    assert_eq!(refuse(format!("{KEY}\0")), ApiKeyError::NotVisibleAscii { at: KEY.len() });
    assert_eq!(refuse(format!("{KEY}é")), ApiKeyError::NotVisibleAscii { at: KEY.len() });
    assert_eq!(refuse("x".repeat(9000)), ApiKeyError::TooLong { bytes: 9000 });
}

#[test]
fn a_replaced_key_is_the_next_one_used() {
    let source = ApiKeySource::new(ApiKey::new("one").unwrap());
    let other = source.clone();
    source.set_api_key(ApiKey::new("two").unwrap());
    assert_eq!(other.current().authorization(), "Bearer two");
}

#[test]
fn profiles_are_read_from_the_top_level_and_from_named_tables() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sift.toml");
    fs::write(
        &file,
        "uri='https://a'\napikey='k1'\n[mission]\nuri='https://b'\napi_key='k2'\napikey='old'\n",
    )
    .unwrap();
    let read = |name: Option<&str>| Credentials::Profile(name.map(Into::into)).resolve_from(&file);
    let (uri, key) = read(None).unwrap();
    assert_eq!((uri.as_str(), key.authorization().to_str().unwrap()), ("https://a", "Bearer k1"));
    let (uri, key) = read(Some("mission")).unwrap();
    assert_eq!((uri.as_str(), key.authorization().to_str().unwrap()), ("https://b", "Bearer k2"));
    assert_eq!(read(Some("other")).unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn a_broken_profile_file_names_the_line_and_not_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sift.toml");
    fs::write(&file, format!("uri='https://a'\napi_key = {KEY}\n")).unwrap();
    let error = Credentials::Profile(None).resolve_from(&file).unwrap_err();
    assert!(error.message().contains("line 2") && !error.message().contains("canary"), "{error}");
}

#[test]
fn waits_grow_stay_bounded_and_start_again_after_a_success() {
    let policy = RetryPolicy::default();
    let mut backoff = Backoff::with_seed(policy, 7);
    for bound in [50, 250, 1250, 5000, 5000] {
        let bound = Duration::from_millis(bound);
        assert_eq!(backoff.bound(), bound);
        assert!(backoff.next_delay() <= bound);
    }
    backoff.reset();
    assert_eq!(backoff.bound(), policy.initial_backoff);
    assert!(backoff.after_auth() >= Duration::from_secs(1));
    assert!(backoff.after(Duration::from_secs(3)) >= Duration::from_secs(3));
    assert!(backoff.after(Duration::MAX) <= Duration::from_secs(65));
}

#[test]
fn jitter_uses_the_whole_range() {
    let policy = RetryPolicy { backoff_multiplier: 1, ..RetryPolicy::default() };
    let waits: Vec<_> = Backoff::with_seed(policy, 1).take(200).collect();
    assert!(waits.iter().any(|wait| *wait < Duration::from_millis(10)));
    assert!(waits.iter().any(|wait| *wait > Duration::from_millis(40)));
}

#[test]
fn a_name_cannot_escape_its_filter() {
    assert_eq!(equals("client_key", "rig"), "client_key == 'rig'");
    assert_eq!(equals("client_key", r"a' || '\"), r"client_key == 'a\' || \'\\'");
    assert_eq!(one_of("flow_name", ["a", "b'c"]), r"flow_name in ['a','b\'c']");
}

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<prost_types::Duration>,
}

#[test]
fn each_code_says_how_to_go_on() {
    for code in [1, 2, 4, 8, 10, 13, 14, 99] {
        assert_eq!(classify(code, b""), RetryClass::Transient { retry_after: None }, "{code}");
    }
    for (codes, class) in [
        (&[7, 16][..], RetryClass::Auth),
        (&[3, 9, 11, 15], RetryClass::Rejected),
        (&[5, 6], RetryClass::Reregister),
        (&[12], RetryClass::Fatal),
    ] {
        codes.iter().for_each(|code| assert_eq!(classify(*code, b""), class, "{code}"));
    }
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let info = RetryInfo { delay: Some(prost_types::Duration { seconds: 2, nanos: 500_000_000 }) };
    let other = prost_types::Any { type_url: "type.googleapis.com/google.rpc.Help".into(), value: vec![1] };
    let info = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
        value: info.encode_to_vec(),
    };
    let details = RpcStatus { code: 8, message: "slow".into(), details: vec![other, info] }.encode_to_vec();
    let wanted = RetryClass::Transient { retry_after: Some(Duration::from_millis(2500)) };
    assert_eq!(classify(8, &details), wanted);
    assert_eq!(classify(8, &details[..details.len() - 1]), RetryClass::Transient { retry_after: None });
}

#[tokio::test]
async fn an_unreachable_endpoint_is_a_typed_error_and_calls_can_move_between_threads() {
    fn can_move<T: Send>(value: T) -> T {
        value
    }
    let mut connection = ConnectionOptions::new("http://127.0.0.1:1");
    connection.insecure = true;
    let key = ApiKeySource::new(ApiKey::new(KEY).unwrap());
    let mut options = ControlOptions::default();
    options.retry_policy.max_backoff = Duration::from_millis(50);
    let control = SiftControl::new(&connection, key, options).unwrap();
    let error = can_move(control.ping()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(error.message().contains("nothing listens there"), "{error}");
    let form = IngestionConfigForm { asset_name: "a".into(), client_key: "k".into(), flows: vec![] };
    drop(can_move(control.ensure_ingestion_config(&form)));
    drop(can_move(control.ensure_run(&RunSelector::ById("r".into()))));
    drop(can_move(control.add_new_flows("c", &[])));
    drop(can_move(control.add_asset_tags("a", &[])));
    drop(can_move(control.add_asset_metadata("a", &[])));
}
