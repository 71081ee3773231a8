//! What does not fit the schema is refused where it is sent, and loses nothing.

mod common;

use std::time::Duration;

use common::{row, server, stream};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, ChannelValue, Credentials, ErrorCode, Flow, FlowBuilder,
    FlowConfig, SiftStreamBuilder, TimeValue, TrySendError,
};

const TIMEOUT: Duration = Duration::from_secs(10);

#[test]
fn unknown_channels_and_wrong_types_are_errors_and_the_data_comes_back() {
    let server = server();
    let stream = stream(&server);
    let time = TimeValue::from_timestamp_nanos(-1);
    let cases = [
        (Flow::new("nowhere", time, &[]), ErrorCode::UnknownFlow),
        (Flow::new("bench", time, &[ChannelValue::new("c9", 1.0)]), ErrorCode::UnknownChannel),
        (Flow::new("bench", time, &[ChannelValue::new("c0", 1_i32)]), ErrorCode::WrongType),
    ];
    for (message, code) in cases {
        let refused = stream.try_send(message.clone()).unwrap_err();
        assert_eq!(refused.error().code(), code);
        assert_eq!(refused.into_inner(), message);
    }
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    assert_eq!(builder.set_double(ChannelIndex::new(0), 1.0).unwrap_err().code(), ErrorCode::WrongType);
    assert_eq!(builder.set_double(ChannelIndex::new(2), 1.0).unwrap_err().code(), ErrorCode::UnknownChannel);
    stream.try_send(Flow::new("bench", time, &[ChannelValue::new("c0", f64::NAN)])).unwrap();
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1);
    assert_eq!(server.state().schema_error_count(), 0);
}

#[test]
fn a_row_of_another_stream_is_refused() {
    let server = server();
    let (one, other) = (stream(&server), stream(&server));
    let mut builder = FlowBuilder::new(&one.get_flow_descriptor("bench").unwrap());
    row(&mut builder, 0);
    assert_eq!(other.try_send(&builder).unwrap_err().error().code(), ErrorCode::UnknownFlow);
}

#[test]
fn a_row_up_to_the_limit_is_taken_and_a_larger_one_is_refused() {
    let server = server();
    let mut form = common::form();
    form.flows = vec![FlowConfig {
        name: "blob".to_owned(),
        channels: vec![ChannelConfig::new("bytes", ChannelDataType::Bytes)],
    }];
    let stream =
        SiftStreamBuilder::new(Credentials::Config { uri: server.uri(), apikey: common::KEY.to_owned() })
            .insecure(true)
            .ingestion_config(form)
            .max_row_size(1024 * 1024)
            .live_only()
            .build_blocking(TIMEOUT)
            .unwrap();
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("blob").unwrap());
    for (size, fits) in
        [(0, true), (20_000, true), (1_000_000, true), (1024 * 1024, false), (16 << 20, false), (10, true)]
    {
        builder.set_bytes(ChannelIndex::new(0), &vec![7; size]).unwrap();
        match stream.try_send(&builder) {
            Ok(()) => assert!(fits, "{size}"),
            Err(TrySendError::Refused(refused)) => {
                assert!(!fits, "{size}");
                assert_eq!(refused.error.code(), ErrorCode::RowTooLarge);
            }
            Err(full) => panic!("{full}"),
        }
    }
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 4);
    assert_eq!(server.state().flow("blob").unwrap().rows, 4);
}

#[test]
fn a_finished_stream_takes_no_more_and_says_so() {
    let server = server();
    let stream = stream(&server);
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    row(&mut builder, 0);
    stream.try_send(&builder).unwrap();
    let report = stream.finish(TIMEOUT).unwrap();
    assert_eq!(stream.try_send(&builder).unwrap_err().error().code(), ErrorCode::Closed);
    assert_eq!(stream.finish(TIMEOUT).unwrap(), report);
}

#[test]
fn sixteen_threads_on_one_stream_lose_nothing() {
    const THREADS: u64 = 16;
    const ROWS: u64 = 5_000;
    let server = server();
    let stream = stream(&server);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let stream = stream.clone();
            scope.spawn(move || {
                let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
                for number in 0..ROWS {
                    row(&mut builder, thread * ROWS + number);
                    stream.send_timeout(&builder, TIMEOUT).unwrap();
                }
            });
        }
    });
    assert_eq!(stream.finish(Duration::from_secs(30)).unwrap().confirmed, THREADS * ROWS);
    common::assert_complete(&server, THREADS * ROWS, 0);
}

#[tokio::test]
async fn a_stream_can_be_built_used_and_dropped_inside_another_runtime() {
    let server = server();
    let stream = common::config(server.uri()).live_only().build().await.unwrap();
    let mut builder = FlowBuilder::new(&stream.get_flow_descriptor("bench").unwrap());
    for seq in 0..1_000 {
        row(&mut builder, seq);
        stream.send(&builder).await.unwrap();
    }
    assert_eq!(stream.finish(TIMEOUT).unwrap().confirmed, 1_000);
    drop(stream);
}
