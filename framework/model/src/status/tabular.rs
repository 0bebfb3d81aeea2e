//! `juju status` for people.

use super::table::Table;
use super::{ApplicationStatus, FullStatus, StatusInfo, UnitStatus};

const LONGEST_MESSAGE: usize = 120;
const LONGEST_VERSION: usize = 15;
const HOOKS: [&str; 12] = [
    "install",
    "start",
    "config-changed",
    "upgrade-charm",
    "stop",
    "remove",
    "action",
    "update-status",
    "leader-elected",
    "leader-settings-changed",
    "pre-series-upgrade",
    "post-series-upgrade",
];

impl FullStatus {
    /// The table of `juju status`.
    pub fn tabular(&self) -> String {
        self.sections(&[
            self.model_table(),
            self.application_table(),
            self.unit_table(),
            self.machine_table(),
        ])
    }

    /// The table of `juju status --relations`.
    pub fn tabular_with_relations(&self) -> String {
        let tables = [
            self.model_table(),
            self.application_table(),
            self.unit_table(),
            self.machine_table(),
            self.relation_table(),
        ];
        self.sections(&tables)
    }

    /// Whether there is nothing to show but the model itself.
    pub fn is_empty(&self) -> bool {
        self.applications.is_empty() && self.machines.is_empty()
    }

    fn sections(&self, tables: &[Table]) -> String {
        let shown = tables.iter().filter(|table| !table.is_empty()).map(Table::render);
        shown.collect::<Vec<_>>().join("\n")
    }

    fn model_table(&self) -> Table {
        let model = &self.model;
        let region = model
            .region
            .as_ref()
            .map(|region| format!("/{region}"))
            .unwrap_or_default();
        let mut titles = vec!["Model", "Controller", "Cloud/Region", "Version"];
        let mut cells = vec![
            model.name.clone(),
            model.controller.clone(),
            format!("{}{region}", model.cloud),
            model.version.clone(),
        ];
        if let Some(sla) = &model.sla {
            titles.push("SLA");
            cells.push(sla.clone());
        }
        titles.push("Timestamp");
        cells.push(self.controller.timestamp.clone());
        let mut table = Table::new(&titles);
        table.row(cells);
        table
    }

    fn application_table(&self) -> Table {
        let titles = [
            "App", "Version", "Status", ">Scale", "Charm", "Channel", ">Rev", "Exposed", "Message",
        ];
        let mut table = Table::new(&titles);
        for (name, application) in &self.applications {
            table.row(vec![
                name.clone(),
                cut(&application.version, LONGEST_VERSION),
                application.application_status.current.clone(),
                scale(application),
                application.charm_name.clone(),
                String::new(),
                application.charm_rev.to_string(),
                if application.exposed { "yes" } else { "no" }.to_owned(),
                cut(&application.application_status.message, LONGEST_MESSAGE),
            ]);
        }
        table
    }

    fn unit_table(&self) -> Table {
        let titles = [
            "Unit",
            "Workload",
            "Agent",
            "Machine",
            "Public address",
            "Ports",
            "Message",
        ];
        let mut table = Table::new(&titles);
        let mut units: Vec<(&String, &UnitStatus)> = self
            .applications
            .values()
            .flat_map(|application| &application.units)
            .collect();
        units.sort_by_key(|(name, _)| natural(name));
        for (name, unit) in units {
            let mark = if unit.leader { "*" } else { "" };
            table.row(vec![
                format!("{name}{mark}"),
                unit.workload_status.current.clone(),
                unit.juju_status.current.clone(),
                unit.machine.clone(),
                unit.public_address.clone().unwrap_or_default(),
                condense(&unit.open_ports),
                cut(&unit_message(unit), LONGEST_MESSAGE),
            ]);
        }
        table
    }

    fn machine_table(&self) -> Table {
        let mut table = Table::new(&["Machine", "State", "Address", "Inst id", "Base", "AZ", "Message"]);
        for (number, machine) in &self.machines {
            let base = machine
                .base
                .as_ref()
                .map(|base| format!("{}@{}", base.name, base.channel));
            table.row(vec![
                number.to_string(),
                machine.juju_status.current.clone(),
                machine.dns_name.clone().unwrap_or_default(),
                machine.instance_id.clone(),
                base.unwrap_or_default(),
                String::new(),
                cut(&machine.machine_status.message, LONGEST_MESSAGE),
            ]);
        }
        table
    }

    fn relation_table(&self) -> Table {
        let mut table = Table::new(&["Integration provider", "Requirer", "Interface", "Type", "Message"]);
        let mut rows: Vec<Vec<String>> = self
            .relations
            .iter()
            .map(|relation| {
                let relation = relation.clone();
                vec![
                    relation.provider,
                    relation.requirer,
                    relation.interface,
                    relation.kind,
                    relation.message,
                ]
            })
            .collect();
        rows.sort();
        rows.into_iter().for_each(|row| table.row(row));
        table
    }
}

/// `n`, or `current/desired` while some agents are not up.
fn scale(application: &ApplicationStatus) -> String {
    let up = |unit: &&UnitStatus| matches!(unit.juju_status.current.as_str(), "executing" | "idle" | "running");
    let (current, desired) = (application.units.values().filter(up).count(), application.units.len());
    if current == desired {
        desired.to_string()
    } else {
        format!("{current}/{desired}")
    }
}

fn unit_message(unit: &UnitStatus) -> String {
    let message = &unit.workload_status.message;
    match doing(&unit.juju_status) {
        Some(doing) => format!("({doing}) {message}"),
        None => message.clone(),
    }
}

/// The hook or action that an agent is busy with. Relation hooks are not shown, as in Juju.
fn doing(agent: &StatusInfo) -> Option<&str> {
    let text = agent
        .message
        .strip_prefix("running ")
        .filter(|_| agent.current == "executing")?;
    let hook = text.strip_suffix(" hook").filter(|hook| HOOKS.contains(hook));
    hook.or_else(|| text.strip_prefix("action "))
}

/// Cuts a text that is too long, and says so with three dots.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest - 3).collect();
    kept + "..."
}

/// `80/tcp`, `443/tcp`, `53/udp` become `80,443/tcp 53/udp`.
fn condense(ports: &[String]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for port in ports {
        let (numbers, protocol) = port.split_once('/').unwrap_or(("", port));
        match groups.last_mut().filter(|(last, _)| *last == protocol) {
            Some((_, list)) => list.push(numbers),
            None => groups.push((protocol, vec![numbers])),
        }
    }
    let text = |(protocol, numbers): &(&str, Vec<&str>)| match numbers.join(",") {
        numbers if numbers.is_empty() => (*protocol).to_owned(),
        numbers => format!("{numbers}/{protocol}"),
    };
    groups.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// Sorts `foo/10` after `foo/9`.
fn natural(unit: &str) -> (String, u32) {
    let (application, number) = unit.rsplit_once('/').unwrap_or((unit, ""));
    (application.to_owned(), number.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_grouped_by_protocol() {
        let ports = ["icmp", "80/tcp", "443/tcp", "8000-8010/tcp", "53/udp"].map(str::to_owned);
        assert_eq!(condense(&ports), "icmp 80,443,8000-8010/tcp 53/udp");
        assert_eq!(condense(&[]), "");
    }

    #[test]
    fn long_texts_end_in_dots_within_the_limit() {
        assert_eq!(cut("123456789012345", 15), "123456789012345");
        assert_eq!(cut("1234567890123456", 15), "123456789012...");
        assert_eq!(cut(&"ä".repeat(200), 120).chars().count(), 120);
    }

    #[test]
    fn only_plain_hooks_and_actions_are_named() {
        let agent = |message: &str| StatusInfo {
            current: "executing".into(),
            message: message.into(),
            ..Default::default()
        };
        assert_eq!(doing(&agent("running install hook")), Some("install"));
        assert_eq!(doing(&agent("running action backup")), Some("backup"));
        assert_eq!(doing(&agent("running db-relation-joined hook for foo/0")), None);
        assert_eq!(
            doing(&StatusInfo {
                current: "idle".into(),
                ..agent("running install hook")
            }),
            None
        );
    }
}
