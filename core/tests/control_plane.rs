//! Registration with Sift, against the local server: found, created, paged, raced for, compared.

mod common;

use std::time::Duration;

use common::{KEY, assert_complete, config, form, row, stream};
use siftstream::schema::MetadataValue;
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelValue, Credentials, ErrorCode, Flow, FlowBuilder, FlowConfig,
    RunForm, RunSelector, SiftStreamBuilder, TimeValue,
};
use siftstream_server::{Code, FaultStatus, LocalServer, Times, UnaryEffect, UnaryFault};

const TIMEOUT: Duration = Duration::from_secs(10);

fn flow(name: &str, channels: &[(&str, ChannelDataType)]) -> FlowConfig {
    FlowConfig {
        name: name.to_owned(),
        channels: channels.iter().map(|(name, data_type)| ChannelConfig::new(*name, *data_type)).collect(),
    }
}

fn run_form(name: &str) -> RunForm {
    RunForm {
        name: name.to_owned(),
        client_key: "run-key".to_owned(),
        description: None,
        tags: vec!["hot".to_owned()],
        metadata: Vec::new(),
    }
}

#[test]
fn a_second_stream_finds_what_the_first_one_registered() {
    let server = common::server();
    for _ in 0..2 {
        drop(stream(&server).finish(TIMEOUT).unwrap());
    }
    assert_eq!((server.state().configs().len(), server.state().assets().len()), (1, 1));
}

#[test]
fn many_flows_are_compared_and_registered_through_pages_of_one() {
    let server = LocalServer::builder().page_size(1).start().unwrap();
    let mut form = form();
    form.flows.extend((0..20).map(|at| flow(&format!("flow-{at}"), &[("value", ChannelDataType::Double)])));
    let open = |form| {
        SiftStreamBuilder::new(Credentials::Config { uri: server.uri(), apikey: KEY.to_owned() })
            .insecure(true)
            .ingestion_config(form)
            .live_only()
            .build_blocking(TIMEOUT)
            .unwrap()
    };
    assert_eq!(open(form.clone()).encoder().get_flows().len(), 21);
    form.flows.push(flow("one-more", &[("value", ChannelDataType::Double)]));
    assert_eq!(open(form).encoder().get_flows().len(), 22);
    assert_eq!(server.state().configs()[0].flows.len(), 22);
}

#[test]
fn rivals_that_register_at_the_same_time_end_with_one_config() {
    let server = LocalServer::builder().start().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| drop(config(server.uri()).live_only().build_blocking(TIMEOUT).unwrap()));
        }
    });
    assert_eq!(server.state().configs().len(), 1);
}

#[test]
fn a_flow_that_differs_is_refused_with_the_difference_and_a_new_client_key() {
    let server = common::server();
    drop(stream(&server));
    let mut changed = form();
    changed.flows[0].channels[1].data_type = ChannelDataType::Float;
    let refused = SiftStreamBuilder::new(Credentials::Config { uri: server.uri(), apikey: KEY.to_owned() })
        .insecure(true)
        .ingestion_config(changed)
        .live_only()
        .build_blocking(TIMEOUT)
        .err()
        .unwrap();
    assert_eq!(refused.code(), ErrorCode::SchemaMismatch);
    for part in ["bench", "c0", "rig-v"] {
        assert!(refused.message().contains(part), "{refused}");
    }
}

#[test]
fn new_flows_can_be_sent_once_they_are_added_and_not_before() {
    let server = common::server();
    let stream = stream(&server);
    let late = flow("late", &[("value", ChannelDataType::Int32)]);
    let message = Flow::new("late", TimeValue::now(), &[ChannelValue::new("value", 7_i32)]);
    let refused = stream.try_send(message.clone()).unwrap_err().error();
    assert_eq!(refused.code(), ErrorCode::UnknownFlow);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(stream.add_new_flows(&[late])).unwrap();
    stream.try_send(message).unwrap();
    let clash = flow("late", &[("value", ChannelDataType::Double)]);
    let refused = runtime.block_on(stream.add_new_flows(&[clash])).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::SchemaMismatch);
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1);
    assert_eq!(server.state().flow("late").unwrap().rows, 1);
    assert_eq!(server.state().schema_error_count(), 0);
}

#[test]
fn rows_belong_to_the_run_that_was_attached_when_they_were_sent() {
    let server = common::server();
    let stream = config(server.uri())
        .attach_run(run_form("first name"))
        .add_asset_tags(vec!["rig".to_owned()])
        .add_asset_metadata(vec![MetadataValue::new("bay", 7.0)])
        .live_only()
        .build_blocking(TIMEOUT)
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    row(&mut builder, 0);
    stream.try_send(&builder).unwrap();
    stream.detach_run();
    row(&mut builder, 1);
    stream.try_send(&builder).unwrap();
    runtime.block_on(stream.attach_run(RunSelector::ByForm(run_form("second name")))).unwrap();
    row(&mut builder, 2);
    stream.try_send(&builder).unwrap();
    stream.finish(TIMEOUT).unwrap();
    let runs = server.state().runs();
    assert_eq!((runs.len(), runs[0].name.as_str()), (1, "second name"));
    let of_rows: Vec<_> = server.state().kept_rows().iter().map(|row| row.run_id.clone()).collect();
    assert_eq!(of_rows, [runs[0].run_id.clone(), String::new(), runs[0].run_id.clone()]);
    let asset = &server.state().assets()[0];
    assert_eq!((asset.tags.as_slice(), asset.metadata.len()), (["rig".to_owned()].as_slice(), 1));
}

#[test]
fn a_wrong_key_is_an_error_that_says_so_and_never_shows_the_key() {
    let server = common::server();
    let refused =
        SiftStreamBuilder::new(Credentials::Config { uri: server.uri(), apikey: "wrong-canary".to_owned() })
            .insecure(true)
            .ingestion_config(form())
            .live_only()
            .build_blocking(TIMEOUT)
            .err()
            .unwrap();
    assert_eq!(refused.code(), ErrorCode::Auth);
    assert!(!format!("{refused} {refused:?}").contains("canary"));
}

#[test]
fn plaintext_is_refused_unless_asked_for_by_name() {
    let refused = SiftStreamBuilder::new(Credentials::Config {
        uri: "http://127.0.0.1:1".to_owned(),
        apikey: KEY.to_owned(),
    })
    .ingestion_config(form())
    .live_only()
    .build_blocking(TIMEOUT)
    .err()
    .unwrap();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    assert!(refused.message().contains("insecure"), "{refused}");
}

#[test]
fn an_unreachable_host_is_an_error_within_the_time_given() {
    let began = std::time::Instant::now();
    let refused = config("http://127.0.0.1:1".to_owned())
        .live_only()
        .build_blocking(Duration::from_secs(5))
        .err()
        .unwrap();
    assert!(matches!(refused.code(), ErrorCode::Unavailable | ErrorCode::Timeout), "{refused}");
    assert!(began.elapsed() < Duration::from_millis(5_250));
}

#[test]
fn a_passing_failure_of_a_unary_call_is_retried() {
    let server = common::server();
    let fault = UnaryFault {
        method: Some("CreateIngestionConfig".to_owned()),
        effect: UnaryEffect::DoneButStatus(FaultStatus::new(Code::Unavailable)),
    };
    server.inject_unary(fault, Times::N(1));
    let stream = stream(&server);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    row(&mut builder, 0);
    stream.try_send(&builder).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1);
    assert_complete(&server, 1, 0);
}

#[test]
fn a_schema_that_cannot_be_is_refused_before_anything_is_sent() {
    let server = common::server();
    let bad: [fn(&mut siftstream::IngestionConfigForm); 5] = [
        |form| form.asset_name.clear(),
        |form| form.client_key.clear(),
        |form| form.flows[0].name.clear(),
        |form| form.flows[0].channels[1].name = "seq".to_owned(),
        |form| form.flows.push(form.flows[0].clone()),
    ];
    for spoil in bad {
        let mut form = form();
        spoil(&mut form);
        let refused =
            SiftStreamBuilder::new(Credentials::Config { uri: server.uri(), apikey: KEY.to_owned() })
                .insecure(true)
                .ingestion_config(form)
                .live_only()
                .build_blocking(TIMEOUT)
                .err()
                .unwrap();
        assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{refused}");
    }
    assert_eq!(server.state().configs().len(), 0);
}
