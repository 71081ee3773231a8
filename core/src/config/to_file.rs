//! The choices as a TOML text.

use toml::{Table, Value};

use super::keys;
use super::{Content, StreamConfig};
use crate::failure_policy::FailurePolicy;
use crate::schema::{ChannelConfig, FlowConfig, MetadataValue, Metadatum};

impl StreamConfig {
    /// What was chosen, as a text that [`from_toml`](Self::from_toml) reads back. Secrets are left out.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut root = Table::new();
        for (name, held) in &self.chosen {
            if let (Content::Plain(value), Some(key)) = (&held.content, keys::find(name)) {
                insert(&mut root, name, key.takes.to_toml(value));
            }
        }
        if !self.asset_metadata.is_empty() {
            insert(&mut root, "asset_metadata", metadata(&self.asset_metadata));
        }
        if !self.run_metadata.is_empty() {
            insert(&mut root, "run.metadata", metadata(&self.run_metadata));
        }
        if !self.flows.is_empty() {
            let flows: Vec<_> = self.flows.iter().map(|flow| self.flow(flow)).collect();
            insert(&mut root, "flows", flows.into());
        }
        root.to_string()
    }

    fn flow(&self, flow: &FlowConfig) -> Value {
        let mut table = Table::new();
        table.insert("name".to_owned(), flow.name.as_str().into());
        if let Some(policy) = self.flow_failure_policies.get(&flow.name) {
            let word = match policy {
                FailurePolicy::Stop => "stop",
                FailurePolicy::Skip => "skip",
            };
            table.insert("failure_policy".to_owned(), word.into());
        }
        let channels: Vec<_> = flow.channels.iter().map(channel).collect();
        table.insert("channels".to_owned(), channels.into());
        table.into()
    }
}

fn channel(channel: &ChannelConfig) -> Value {
    let mut table = Table::new();
    table.insert("name".to_owned(), channel.name.as_str().into());
    table.insert("data_type".to_owned(), channel.data_type.as_str().into());
    for (name, text) in [("unit", &channel.unit), ("description", &channel.description)] {
        if !text.is_empty() {
            table.insert(name.to_owned(), text.as_str().into());
        }
    }
    let enum_types = channel.enum_types.iter().map(|entry| {
        Table::from_iter([
            ("name".to_owned(), Value::from(entry.name.as_str())),
            ("key".to_owned(), i64::from(entry.key).into()),
            ("is_signed".to_owned(), entry.is_signed.into()),
        ])
    });
    let elements = channel.bit_field_elements.iter().map(|element| {
        Table::from_iter([
            ("name".to_owned(), Value::from(element.name.as_str())),
            ("index".to_owned(), i64::from(element.index).into()),
            ("bit_count".to_owned(), i64::from(element.bit_count).into()),
        ])
    });
    let lists: [(&str, Vec<Table>); 2] =
        [("enum_types", enum_types.collect()), ("bit_field_elements", elements.collect())];
    for (name, list) in lists {
        if !list.is_empty() {
            table.insert(name.to_owned(), list.into());
        }
    }
    table.into()
}

fn metadata(all: &[MetadataValue]) -> Value {
    let entry = |metadata: &MetadataValue| {
        let value = match &metadata.value {
            Metadatum::String(text) => text.as_str().into(),
            Metadatum::Number(number) => (*number).into(),
            Metadatum::Boolean(value) => (*value).into(),
        };
        (metadata.key.clone(), value)
    };
    Value::Table(all.iter().map(entry).collect())
}

/// Puts a value where its name says: below the tables before the dots.
fn insert(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            table.insert(name.to_owned(), value);
        }
        Some((group, rest)) => {
            let inner = table.entry(group).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
