//! What is refused before it is sent, and how a changed flow is shown.

use siftstream::proto::sift::ingestion_configs::v2::FlowConfig as WireFlow;
use siftstream::schema::{
    ChannelBitFieldElement, ChannelConfig, ChannelDataType, ChannelEnumType, FlowConfig, IngestionConfigForm,
    MetadataValue, RunForm, SchemaError, flow_difference, suggest_client_key,
};

fn channel(name: &str, data_type: ChannelDataType) -> ChannelConfig {
    ChannelConfig::new(name, data_type)
}

fn flow(name: &str, channels: Vec<ChannelConfig>) -> FlowConfig {
    FlowConfig { name: name.into(), channels }
}

fn form(flows: Vec<FlowConfig>) -> IngestionConfigForm {
    IngestionConfigForm { asset_name: "rig".into(), client_key: "key".into(), flows }
}

fn error(channels: Vec<ChannelConfig>) -> SchemaError {
    form(vec![flow("f", channels)]).validate().expect_err("the flow is wrong")
}

#[test]
fn what_sift_would_misread_is_refused() {
    use ChannelDataType::{BitField, Double, Enum, Unspecified};
    assert!(matches!(error(vec![channel("", Double)]), SchemaError::EmptyName { .. }));
    assert!(matches!(error(vec![channel("a\0", Double)]), SchemaError::ControlCharacter { .. }));
    assert!(matches!(error(vec![channel(&"x".repeat(1025), Double)]), SchemaError::NameTooLong { .. }));
    assert!(matches!(error(vec![channel("a", Unspecified)]), SchemaError::UnspecifiedType { .. }));
    let twice = vec![channel("a", Double), channel("a", Enum)];
    assert!(matches!(error(twice), SchemaError::DuplicateChannel { .. }));
    let many = (0..10_001).map(|at| channel(&at.to_string(), Double)).collect();
    assert!(matches!(error(many), SchemaError::TooManyChannels { count: 10_001, .. }));
    for (index, bit_count) in [(-1, 1), (0, 0), (65_536, 1), (i32::MAX, u32::MAX)] {
        let mut bits = channel("b", BitField);
        bits.bit_field_elements.push(ChannelBitFieldElement { name: "e".into(), index, bit_count });
        assert!(matches!(error(vec![bits]), SchemaError::BitsOutOfRange { .. }), "{index}+{bit_count}");
    }
    let flows = vec![flow("f", vec![]), flow("f", vec![])];
    assert!(matches!(form(flows).validate(), Err(SchemaError::DuplicateFlow { .. })));
    assert!(form(vec![flow("f", vec![channel("e", Enum)])]).validate().is_ok());
    let run = RunForm { name: "r".into(), ..RunForm::default() };
    assert!(run.validate().unwrap_err().to_string().contains("client key"));
    assert!(MetadataValue::validate_all(&[MetadataValue::new("n", f64::NAN)]).is_err());
}

#[test]
fn a_flow_survives_the_way_to_sift_and_back() {
    let all = (1..=11).map(|number| {
        let data_type = ChannelDataType::from_number(number).unwrap();
        assert_eq!(data_type.number(), number);
        let mut channel = channel(data_type.as_str(), data_type);
        channel.unit = "V".into();
        channel.enum_types.push(ChannelEnumType { name: "on".into(), key: 1, is_signed: true });
        channel.bit_field_elements.push(ChannelBitFieldElement { name: "b".into(), index: 2, bit_count: 3 });
        channel
    });
    let flow = flow("f", all.collect());
    assert_eq!(FlowConfig::try_from(WireFlow::from(&flow)).unwrap(), flow);
    let mut wire = WireFlow::from(&flow);
    wire.channels[0].data_type = 12;
    assert_eq!(FlowConfig::try_from(wire).unwrap_err().number, 12);
}

#[test]
fn a_difference_shows_each_change_once() {
    use ChannelDataType::{BitField, Double, Enum, Float};
    let wanted = flow("f", vec![channel("a", Double), channel("b", Double), channel("c", Enum)]);
    let shown =
        |theirs: Vec<ChannelConfig>| flow_difference(&wanted, &flow("f", theirs)).map(|d| d.to_string());
    let head = "flow \"f\" is not the one that Sift has:";
    let theirs = vec![channel("b", Double), channel("a", Double), channel("c", Enum)];
    assert_eq!(
        shown(theirs).unwrap(),
        format!("{head}\n  ~ \"a\": position 0, in Sift 1\n  ~ \"b\": position 1, in Sift 0")
    );
    let theirs = vec![channel("a", Float), channel("x", BitField), channel("c", Enum)];
    assert_eq!(
        shown(theirs).unwrap(),
        format!(
            "{head}\n  ~ \"a\": type double, in Sift float\n  + \"b\" (double): missing in Sift\n  - \"x\" (bit_field): \
             only in Sift"
        )
    );
    let mut keyed = channel("c", Enum);
    keyed.enum_types.push(ChannelEnumType { name: "on".into(), key: 1, is_signed: false });
    let theirs = vec![channel("a", Double), channel("b", Double), keyed];
    assert_eq!(shown(theirs).unwrap(), format!("{head}\n  ~ \"c\": enum keys {{}}, in Sift {{1}}"));
}

#[test]
fn a_new_unit_or_description_is_no_difference() {
    let mut edited = channel("a", ChannelDataType::Double);
    edited.unit = "K".into();
    edited.description = "edited in Sift".into();
    let wanted = flow("f", vec![channel("a", ChannelDataType::Double)]);
    assert_eq!(flow_difference(&wanted, &flow("f", vec![edited])), None);
}

#[test]
fn a_new_client_key_counts_up() {
    assert_eq!(suggest_client_key("rig"), "rig-v2");
    assert_eq!(suggest_client_key("rig-v2"), "rig-v3");
    assert_eq!(suggest_client_key("rig-vx"), "rig-vx-v2");
    assert_eq!(suggest_client_key("rig-v18446744073709551615"), "rig-v18446744073709551615-v2");
}
