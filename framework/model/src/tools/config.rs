//! `config-get`.

use super::data::Data;
use super::gnuflag::Flags;
use super::gotext::quote;
use super::invocation::{Invocation, ToolResult, check_empty, usage};
use super::output::{Formats, with_output};

pub(super) fn get(call: &mut Invocation<'_>) -> ToolResult {
    let parsed = call.parse(&with_output(Flags::default().bool(&["a", "all"]), Formats::Smart))?;
    let (key, rest) = match parsed.args.split_first() {
        Some((key, rest)) => (Some(key).filter(|key| !key.is_empty()), rest),
        None => (None, [].as_slice()),
    };
    if let Some(key) = key.filter(|_| parsed.is_on("a")) {
        return usage(format!("cannot use argument --all together with key {}", quote(key)));
    }
    check_empty(rest)?;
    let application = call.application()?;
    let config = call.context.remembered_config(|| application.config());
    let data = match key {
        Some(key) => config.get(key).map_or(Data::Nil, Data::from),
        None => {
            let mut all: std::collections::BTreeMap<String, Data> = config
                .iter()
                .map(|(key, value)| (key.clone(), Data::from(value)))
                .collect();
            if parsed.is_on("a") {
                for name in application.charm.config.0.keys() {
                    all.entry(name.clone()).or_insert(Data::Nil);
                }
            }
            Data::Map(all)
        }
    };
    call.print(&parsed, Formats::Smart, &data)
}
