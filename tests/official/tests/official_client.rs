//! Sift's own client streams into this project's server, and nothing is missing or invalid.

use sift_connect::{Credentials, SiftChannelBuilder};
use sift_rs::common::r#type::v1::ChannelDataType;
use sift_rs::ingestion_configs::v2::{ChannelConfig, FlowConfig};
use sift_stream::{
    ChannelBytes, ChannelEnum, ChannelValue, Flow, IngestionConfigForm, RunForm, SiftStreamBuilder, TimeValue,
};
use siftstream_server::{LocalServer, Value};

const ROWS: u64 = 1_000;

fn schema() -> IngestionConfigForm {
    let types = [
        ("seq", ChannelDataType::Uint64),
        ("double", ChannelDataType::Double),
        ("string", ChannelDataType::String),
        ("enum", ChannelDataType::Enum),
        ("bit_field", ChannelDataType::BitField),
        ("bool", ChannelDataType::Bool),
        ("float", ChannelDataType::Float),
        ("int32", ChannelDataType::Int32),
        ("uint32", ChannelDataType::Uint32),
        ("int64", ChannelDataType::Int64),
        ("bytes", ChannelDataType::Bytes),
    ];
    let channels = types.map(|(name, data_type)| ChannelConfig {
        name: name.to_owned(),
        data_type: data_type.into(),
        ..ChannelConfig::default()
    });
    IngestionConfigForm {
        asset_name: "rover".to_owned(),
        client_key: "rover-v1".to_owned(),
        flows: vec![FlowConfig { name: "all-types".to_owned(), channels: channels.into() }],
    }
}

#[tokio::test]
async fn the_official_client_streams_every_type_without_loss() {
    let server = LocalServer::builder().api_key(Some("key")).keep_rows(true).start().unwrap();
    // Twice: the second stream finds the config, the asset and the run of the first.
    for round in 0..2 {
        let credentials = Credentials::Config { uri: server.uri(), apikey: "key".to_owned() };
        let channel = SiftChannelBuilder::new(credentials).use_tls(false).build().unwrap();
        let run = RunForm {
            name: "run".to_owned(),
            client_key: "run-1".to_owned(),
            description: None,
            tags: None,
            metadata: None,
        };
        let mut stream = SiftStreamBuilder::from_channel(channel)
            .ingestion_config(schema())
            .attach_run(run)
            .live_only()
            .metrics_streaming_interval(None)
            .build()
            .await
            .unwrap();
        for number in 0..ROWS {
            let values = [
                ChannelValue::new("seq", round * ROWS + number),
                ChannelValue::new("double", number as f64 / 3.0),
                ChannelValue::new("string", "text"),
                ChannelValue::new("enum", ChannelEnum(2)),
                ChannelValue::new("bit_field", vec![1_u8]),
                ChannelValue::new("bool", true),
                ChannelValue::new("float", 0.5_f32),
                ChannelValue::new("int32", -1_i32),
                ChannelValue::new("uint32", 1_u32),
                ChannelValue::new("int64", i64::MIN),
                ChannelValue::new("bytes", ChannelBytes(vec![0, 255])),
            ];
            stream.send(Flow::new("all-types", TimeValue::now(), &values)).await.unwrap();
        }
        stream.finish().await.unwrap();
    }
    let state = server.state();
    assert_eq!(state.schema_errors(), []);
    assert_eq!(state.rows(), 2 * ROWS);
    let tally = state.flow("all-types").unwrap();
    assert_eq!(tally.sequence.unwrap().ranges(), [(0, 2 * ROWS - 1)]);
    assert_eq!(tally.last_values[9..], [Value::Int64(i64::MIN), Value::Bytes(vec![0, 255])]);
    assert_eq!((state.configs().len(), state.runs().len(), state.assets().len()), (1, 1, 1));
    assert!(state.kept_rows().iter().all(|row| row.run_id == state.runs()[0].run_id));
}
