//! `health`: every member's health, in the words that `etcdctl cluster-health` had for it.

use charm::prelude::*;

use crate::cluster::record::Trail;
use crate::etcd::{EtcdPort, Member, Survey, hex};
use crate::site::Site;

/// Reports every member's health; fails unless all are healthy.
pub(crate) async fn health(ctx: &mut Context) -> Result<Outcome> {
    let survey = match super::survey(ctx).await {
        Ok((_, survey)) => survey,
        Err(error) => {
            let text = format!("{}{error}", endpoints(ctx).await?);
            show(ctx, &text)?;
            return Err(error);
        }
    };
    let verdict = verdict(&survey);
    show(ctx, &report(&survey, verdict))?;
    match verdict {
        Verdict::Healthy => Ok(Outcome::Done),
        other => Err(HandlerError::msg(format!(
            "cluster is {other}: {} not healthy",
            unhealthy(&survey).join(", ")
        ))),
    }
}

/// The members that the unit has known, one by one, when they do not agree on a list anymore.
async fn endpoints(ctx: &mut Context) -> Result<String> {
    let known = Trail::load(ctx)?.endpoints;
    if known.is_empty() {
        return Ok(String::new());
    }
    let (site, etcd) = (Site::observe(ctx)?, ctx.port::<EtcdPort>()?);
    let mut text = String::new();
    for url in &known {
        let state = match etcd.status(&site.target(url)).await {
            Err(error) => format!("unreachable: {error}"),
            Ok(status) if status.healthy() => "healthy".to_owned(),
            Ok(_) => "unhealthy: it knows no leader".to_owned(),
        };
        text.push_str(&format!("endpoint {url} is {state}\n"));
    }
    Ok(text)
}

fn show(ctx: &mut Context, text: &str) -> Result<()> {
    ctx.tools().action_set("output", text)?;
    Ok(ctx.tools().action_set("result-map.message", text)?)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Healthy,
    Degraded,
    Unavailable,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::Healthy => "healthy",
            Verdict::Degraded => "degraded",
            Verdict::Unavailable => "unavailable",
        })
    }
}

fn verdict(survey: &Survey) -> Verdict {
    match (survey.has_quorum(), unhealthy(survey).is_empty()) {
        (false, _) => Verdict::Unavailable,
        (true, false) => Verdict::Degraded,
        (true, true) => Verdict::Healthy,
    }
}

fn unhealthy(survey: &Survey) -> Vec<&str> {
    survey
        .list
        .members
        .iter()
        .filter(|member| !survey.is_healthy(member.id))
        .map(Member::label)
        .collect()
}

fn report(survey: &Survey, verdict: Verdict) -> String {
    let mut lines: Vec<String> = survey.list.members.iter().map(|member| line(survey, member)).collect();
    lines.push(format!("cluster is {verdict}"));
    lines.join("\n")
}

fn line(survey: &Survey, member: &Member) -> String {
    let (id, label) = (hex(member.id), member.label());
    let url = member.client_urls.first().map_or("no url", String::as_str);
    let learner = if member.is_learner { ", a learner," } else { "" };
    match survey.answers.get(&member.id) {
        None => format!("member {id} ({label}){learner} is unreachable: it has never started"),
        Some(Err(error)) => format!("member {id} ({label}){learner} is unreachable: {error}"),
        Some(Ok(_)) if survey.is_healthy(member.id) => {
            format!("member {id} ({label}){learner} is healthy: got healthy result from {url}")
        }
        Some(Ok(status)) => {
            let why = if status.leader == 0 {
                "it knows no leader".to_owned()
            } else {
                status.errors.join(", ")
            };
            format!("member {id} ({label}){learner} is unhealthy: got unhealthy result from {url}: {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::survey_tests::voters;

    #[test]
    fn every_member_has_a_line() {
        let survey = voters(3, &[1, 2]);
        let text = report(&survey, verdict(&survey));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(
            lines[0],
            "member 1 (etcd1) is healthy: got healthy result from https://10.0.0.1:2379"
        );
        assert!(lines[2].starts_with("member 3 (etcd3) is unreachable: "));
        assert_eq!(lines[3], "cluster is degraded");
        assert_eq!(unhealthy(&survey), ["etcd3"]);
    }

    #[test]
    fn a_member_that_never_started_is_not_healthy() {
        let mut survey = voters(1, &[1]);
        survey.list.members.push(Member {
            id: 0xab,
            peer_urls: vec!["https://x".into()],
            is_learner: true,
            ..Member::default()
        });
        assert_eq!(verdict(&survey), Verdict::Degraded);
        assert!(line(&survey, &survey.list.members[1]).contains("never started"));
    }

    #[test]
    fn without_quorum_the_cluster_is_unavailable() {
        assert_eq!(verdict(&voters(3, &[1])), Verdict::Unavailable);
        assert_eq!(verdict(&voters(3, &[1, 2, 3])), Verdict::Healthy);
    }
}
