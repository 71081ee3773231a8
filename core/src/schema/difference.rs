//! Compares a flow with the one that Sift has under the same name.
//!
//! Only what decides how a value is *read* counts: which channels, in which order (values are sent by position),
//! their types, the keys of enums and the bits of bit fields. Units, descriptions and the display names of enum keys
//! can be edited in Sift at any time without making a row wrong, so a difference there must not stop a vehicle
//! from sending.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use super::{ChannelBitFieldElement, ChannelConfig, FlowConfig};

/// How many lines of a difference are shown; a flow may have thousands of channels.
const MAX_LINES: usize = 20;

/// Why a flow is not the one that Sift has. Displayed as several lines, one per difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    flow: String,
    lines: Vec<String>,
}

impl Difference {
    /// The flow.
    pub fn flow(&self) -> &str {
        &self.flow
    }

    /// One line per difference.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flow {:?} is not the one that Sift has:", self.flow)?;
        for line in self.lines.iter().take(MAX_LINES) {
            write!(f, "\n  {line}")?;
        }
        match self.lines.len().saturating_sub(MAX_LINES) {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}

/// What differs between the `wanted` flow and the one `in_sift`; `None` if rows mean the same in both.
pub fn flow_difference(wanted: &FlowConfig, in_sift: &FlowConfig) -> Option<Difference> {
    let theirs: HashMap<&str, (usize, &ChannelConfig)> = in_sift
        .channels
        .iter()
        .enumerate()
        .map(|(at, channel)| (channel.name.as_str(), (at, channel)))
        .collect();
    let ours: HashSet<&str> = wanted.channels.iter().map(|channel| channel.name.as_str()).collect();

    let mut lines = Vec::new();
    for channel in &wanted.channels {
        match theirs.get(channel.name.as_str()) {
            None => lines.push(format!("+ {:?} ({}): missing in Sift", channel.name, channel.data_type)),
            Some((_, their)) => compare_channel(channel, their, &mut lines),
        }
    }
    for channel in in_sift.channels.iter().filter(|channel| !ours.contains(channel.name.as_str())) {
        lines.push(format!("- {:?} ({}): only in Sift", channel.name, channel.data_type));
    }
    // Positions are only worth a line when the same channels stand in another order: with one missing, every later
    // position differs and would bury the cause.
    if theirs.len() == ours.len() && ours.iter().all(|name| theirs.contains_key(name)) {
        for (at, channel) in wanted.channels.iter().enumerate() {
            if let Some((their_at, _)) =
                theirs.get(channel.name.as_str()).filter(|(their_at, _)| *their_at != at)
            {
                lines.push(format!("~ {:?}: position {at}, in Sift {their_at}", channel.name));
            }
        }
    }
    if lines.is_empty() && wanted.channels.len() != in_sift.channels.len() {
        let (here, there) = (wanted.channels.len(), in_sift.channels.len());
        lines.push(format!("~ {here} channels, in Sift {there}"));
    }
    (!lines.is_empty()).then(|| Difference { flow: wanted.name.clone(), lines })
}

fn compare_channel(ours: &ChannelConfig, theirs: &ChannelConfig, lines: &mut Vec<String>) {
    let name = &ours.name;
    if ours.data_type != theirs.data_type {
        lines.push(format!("~ {name:?}: type {}, in Sift {}", ours.data_type, theirs.data_type));
        return;
    }
    let (our_keys, their_keys) = (enum_keys(ours), enum_keys(theirs));
    if our_keys != their_keys {
        lines.push(format!("~ {name:?}: enum keys {our_keys:?}, in Sift {their_keys:?}"));
    }
    let (our_bits, their_bits) = (bits(ours), bits(theirs));
    if our_bits != their_bits {
        let (ours, theirs) = (list(&our_bits), list(&their_bits));
        lines.push(format!("~ {name:?}: bit field [{ours}], in Sift [{theirs}]"));
    }
}

fn enum_keys(channel: &ChannelConfig) -> BTreeSet<u32> {
    let mut keys = BTreeSet::new();
    keys.extend(channel.enum_types.iter().map(|entry| entry.key));
    keys
}

/// The elements in the order of their bits: Sift may list them in another order than they were given in.
fn bits(channel: &ChannelConfig) -> Vec<&ChannelBitFieldElement> {
    let mut elements: Vec<_> = channel.bit_field_elements.iter().collect();
    elements.sort_unstable_by(|a, b| (a.index, a.bit_count, &a.name).cmp(&(b.index, b.bit_count, &b.name)));
    elements
}

fn list(elements: &[&ChannelBitFieldElement]) -> String {
    let each = elements.iter().map(|e| format!("{:?} {}+{}", e.name, e.index, e.bit_count));
    each.collect::<Vec<_>>().join(", ")
}

/// A client key under which the changed flows can be registered: `rig` becomes `rig-v2`, `rig-v2` becomes `rig-v3`.
pub fn suggest_client_key(client_key: &str) -> String {
    let version = client_key.rsplit_once("-v").and_then(|(stem, number)| {
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let next = number.parse::<u64>().ok().filter(|_| digits)?.checked_add(1)?;
        Some(format!("{stem}-v{next}"))
    });
    version.unwrap_or_else(|| format!("{client_key}-v2"))
}
