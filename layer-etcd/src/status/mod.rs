//! The health of the cluster in a sentence, in every hook.

use std::time::Duration;

use charm::prelude::*;

use crate::cluster::record::{Record, Trail};
use crate::etcd::{Etcd, EtcdError, EtcdPort, Survey, Target};
use crate::site::Site;

/// Where it is remembered what was wrong when the unit looked last.
const TROUBLE: &str = "etcd.status.trouble";
/// How long new trouble may pass by itself.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);

/// Shows the health of the cluster as this member sees it.
pub(crate) async fn report(ctx: &mut Context) -> Result<Outcome> {
    let Some(record) = Record::load(ctx)? else {
        return Ok(Outcome::Done);
    };
    let (site, etcd) = (Site::observe(ctx)?, ctx.port::<EtcdPort>()?);
    let known = Trail::load(ctx)?.endpoints;
    let targets: Vec<_> = std::iter::once(site.own())
        .chain(known.iter().map(|url| site.target(url)))
        .collect();
    let (survey, id) = (settled(ctx, &**etcd, &targets).await?, record.member_id()?);
    let failure = match &survey {
        Some(survey) if !survey.is_healthy(id) => etcd.status(&site.own()).await.err(),
        _ => None,
    };
    Ok(sentence(survey.as_ref(), id, failure.as_ref(), known.len()))
}

/// The cluster; if something is wrong that was not wrong before, only after another look or two: a member that is being
/// restarted is no outage, and the next hook may be minutes away.
async fn settled(ctx: &mut Context, etcd: &dyn Etcd, targets: &[Target]) -> Result<Option<Survey>> {
    let (host, known) = (ctx.host(), ctx.kv().get::<String>(TROUBLE)?.unwrap_or_default());
    let began = host.now();
    let (survey, trouble) = loop {
        let survey = Survey::take(etcd, targets).await.ok();
        let trouble = survey
            .as_ref()
            .map_or_else(|| "no answer".to_owned(), |survey| silent(survey).join(","));
        let waited = host.now().duration_since(began).unwrap_or_default();
        if trouble.is_empty() || trouble == known || waited >= PATIENCE {
            break (survey, trouble);
        }
        host.sleep(PAUSE);
    };
    if trouble != known {
        ctx.kv().set(TROUBLE, &trouble)?;
    }
    Ok(survey)
}

/// The sentence. Degraded is not blocked: while the quorum holds, the cluster does its work.
fn sentence(survey: Option<&Survey>, own: u64, failure: Option<&EtcdError>, known: usize) -> Outcome {
    let Some(survey) = survey else {
        return Outcome::Blocked(format!("UnHealthy with {}", peers(known)));
    };
    let count = survey.list.members.len();
    if !survey.has_quorum() {
        return Outcome::Blocked(format!("UnHealthy with {}", peers(count)));
    }
    if let Some(error) = failure.filter(|_| !survey.is_healthy(own)) {
        return Outcome::Waiting(format!(
            "Waiting for this unit's etcd, the cluster works without it: {error}"
        ));
    }
    let silent = silent(survey);
    if silent.is_empty() {
        return Outcome::Active(format!("Healthy with {}", peers(count)));
    }
    Outcome::Active(format!(
        "Degraded: {} of {count} members not healthy ({})",
        silent.len(),
        silent.join(", ")
    ))
}

/// Voters that take no part.
pub(crate) fn silent(survey: &Survey) -> Vec<&str> {
    survey
        .list
        .voters()
        .filter(|member| !survey.is_healthy(member.id))
        .map(|member| member.label())
        .collect()
}

/// The members in words; the unit itself counts.
fn peers(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} known peer{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::survey_tests::voters;

    #[test]
    fn the_sentences_that_tools_match() {
        let active = |text: &str| Outcome::Active(text.into());
        assert_eq!(
            sentence(Some(&voters(1, &[1])), 1, None, 1),
            active("Healthy with 1 known peer")
        );
        assert_eq!(
            sentence(Some(&voters(3, &[1, 2, 3])), 1, None, 3),
            active("Healthy with 3 known peers")
        );
        let blocked = Outcome::Blocked("UnHealthy with 3 known peers".into());
        assert_eq!(sentence(Some(&voters(3, &[1])), 1, None, 3), blocked);
        assert_eq!(sentence(None, 1, None, 3), blocked);
    }

    #[test]
    fn degraded_is_active_and_names_the_member() {
        let degraded = Outcome::Active("Degraded: 1 of 3 members not healthy (etcd3)".into());
        assert_eq!(sentence(Some(&voters(3, &[1, 2])), 1, None, 3), degraded);
    }

    #[test]
    fn the_unit_of_a_silent_member_waits() {
        let error = EtcdError::Unreachable {
            call: "ask",
            endpoint: "https://x".into(),
            reason: "refused".into(),
        };
        let outcome = sentence(Some(&voters(3, &[1, 2])), 3, Some(&error), 3);
        assert!(matches!(outcome, Outcome::Waiting(text) if text.contains("refused")));
    }
}
