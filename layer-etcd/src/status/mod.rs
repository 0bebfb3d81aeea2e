//! The health of the cluster in a sentence, in every hook.

use charm::prelude::*;

use crate::cluster::record::{Record, Trail};
use crate::etcd::{EtcdError, EtcdPort, Survey};
use crate::site::Site;

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
    let survey = Survey::take(&**etcd, &targets).await;
    let own = etcd.status(&site.own()).await;
    Ok(sentence(
        survey.as_ref().ok(),
        record.member_id()?,
        own.err().as_ref(),
        known.len(),
    ))
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
