//! When `update-status` is due: every five minutes, 20 % more or less, repeatably.

use juju::UnitName;

use crate::state::Uniter;
use crate::time::Time;

const SHORTEST: u64 = 240_000;
const SPREAD: u64 = 120_000;

/// What makes the intervals of a unit differ from those of others.
pub(crate) fn update_status_seed(model_uuid: &str, unit: &UnitName) -> u64 {
    let bytes = model_uuid.bytes().chain([0]).chain(unit.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Sets the next deadline of a started unit if there is none, or if the last one has passed: any hook that ends while
/// `update-status` is due counts as it.
pub(crate) fn schedule_update_status(uniter: &mut Uniter, at: Time, seed: u64) {
    let open = uniter.update_status_at.is_none_or(|due| due <= at);
    if uniter.started && open {
        uniter.update_status_at = Some(at.plus_millis(interval(seed, uniter.update_status_count)));
        uniter.update_status_count += 1;
    }
}

fn interval(seed: u64, count: u64) -> u64 {
    SHORTEST + scramble(seed ^ scramble(count)) % (SPREAD + 1)
}

/// The finishing step of SplitMix64.
fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_stay_within_a_fifth_of_five_minutes_and_differ() {
        let seed = update_status_seed("uuid", &UnitName::try_from("foo/0").unwrap());
        let all: Vec<u64> = (0..200).map(|count| interval(seed, count)).collect();
        assert!(all.iter().all(|millis| (240_000..=360_000).contains(millis)), "{all:?}");
        assert!(all.iter().any(|millis| *millis < 270_000) && all.iter().any(|millis| *millis > 330_000));
        assert_ne!(seed, update_status_seed("uuid", &UnitName::try_from("foo/1").unwrap()));
    }

    #[test]
    fn a_deadline_that_has_not_passed_stays() {
        let mut uniter = Uniter {
            started: true,
            ..Uniter::default()
        };
        schedule_update_status(&mut uniter, Time(0), 1);
        let first = uniter.update_status_at;
        schedule_update_status(&mut uniter, Time(1000), 1);
        assert_eq!(uniter.update_status_at, first);
        schedule_update_status(&mut uniter, Time(400_000), 1);
        assert!(uniter.update_status_at > Some(Time(400_000)));
    }
}
