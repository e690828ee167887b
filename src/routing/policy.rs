//! How a policy orders the arms of an alias. Pure: the draw and the turn come in.
//!
//! A policy orders, and nothing else: who may not be asked at all is decided before, who is left alone for now after.

use std::cmp::Ordering;
use std::time::Duration;

use crate::config::alias::Policy;

/// One request in so many goes to a target other than the fastest known, to see whether it still is.
const EXPLORE_ONE_IN: u64 = 20;

/// The same while some target has never answered.
const EXPLORE_ONE_IN_UNKNOWN: u64 = 4;

/// One entry of an alias's list, as far as its order depends on it. An arm that is an alias itself is judged by its
/// own first target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm<'a> {
    /// Its name: what a sticky draw depends on, so that it survives changes to the list.
    pub name: &'a str,
    /// Relative to the others'.
    pub weight: u32,
    /// The estimated cost in USD.
    pub cost: Option<f64>,
    /// The average time to first content.
    pub first_content: Option<Duration>,
    /// Whether any of its targets may be asked.
    pub standing: Standing,
}

/// May an arm be asked?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Able,
    /// No: it takes no part in draws.
    Unable,
}

/// What chance and order decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance<'a> {
    /// A random number.
    pub draw: u64,
    /// Which request of its alias this is.
    pub turn: u64,
    /// Who keeps getting the same arm.
    pub subject: Option<&'a str>,
}

/// The order in which the arms are asked, as indices. Every arm is in it once.
pub fn order(policy: Policy, arms: &[Arm<'_>], chance: Chance<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..arms.len()).collect();
    match policy {
        Policy::Failover => {}
        Policy::Weighted => {
            let keys: Vec<f64> = arms.iter().map(|arm| key(arm, chance)).collect();
            sort(&mut order, &keys, f64::total_cmp);
        }
        Policy::Cheapest => {
            let keys: Vec<f64> = arms
                .iter()
                .map(|arm| arm.cost.unwrap_or(f64::INFINITY))
                .collect();
            sort(&mut order, &keys, f64::total_cmp);
        }
        Policy::Fastest => {
            let keys: Vec<Duration> = arms
                .iter()
                .map(|arm| arm.first_content.unwrap_or(Duration::MAX))
                .collect();
            sort(&mut order, &keys, Duration::cmp);
            explore(&mut order, arms, chance.draw);
        }
        Policy::RoundRobin => {
            let able = order.iter().filter(|at| is_able(arms, **at)).count().max(1);
            let mut rest: Vec<usize> = order
                .iter()
                .copied()
                .filter(|at| !is_able(arms, *at))
                .collect();
            order.retain(|at| is_able(arms, *at));
            let by = usize::try_from(chance.turn % u64::try_from(able).unwrap_or(1)).unwrap_or(0);
            let by = by.min(order.len());
            order.rotate_left(by);
            order.append(&mut rest);
        }
    }
    order
}

/// The probability with which a weighted draw begins with each arm.
pub fn shares(arms: &[Arm<'_>]) -> Vec<f64> {
    let weight = |arm: &Arm<'_>| match arm.standing {
        Standing::Able => f64::from(arm.weight),
        Standing::Unable => 0.0,
    };
    let sum: f64 = arms.iter().map(weight).sum();
    arms.iter()
        .map(|arm| if sum > 0.0 { weight(arm) / sum } else { 0.0 })
        .collect()
}

/// Efraimidis and Spirakis: with -ln(u)/w as keys, an arm comes first with exactly its share of the weights, and the
/// rest is a draw among the rest. The keys of the others do not depend on an arm, so one that comes or goes moves
/// nobody but those who go to it or come from it.
fn key(arm: &Arm<'_>, chance: Chance<'_>) -> f64 {
    if arm.weight == 0 {
        return f64::INFINITY;
    }
    let seed = chance.subject.map_or(chance.draw, hash);
    -unit(mix(seed ^ hash(arm.name))).ln() / f64::from(arm.weight)
}

fn sort<T>(order: &mut [usize], keys: &[T], compare: fn(&T, &T) -> Ordering) {
    order.sort_by(|a, b| match (keys.get(*a), keys.get(*b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
}

/// Puts another able arm first, now and then.
fn explore(order: &mut [usize], arms: &[Arm<'_>], draw: u64) {
    let able: Vec<usize> = (0..order.len())
        .filter(|at| order.get(*at).is_some_and(|arm| is_able(arms, *arm)))
        .collect();
    let Some((_, others)) = able.split_first() else {
        return;
    };
    let unknown = arms
        .iter()
        .any(|arm| arm.standing == Standing::Able && arm.first_content.is_none());
    let one_in = if unknown {
        EXPLORE_ONE_IN_UNKNOWN
    } else {
        EXPLORE_ONE_IN
    };
    let draw = mix(draw);
    if others.is_empty() || !draw.is_multiple_of(one_in) {
        return;
    }
    let which = (draw / one_in) % u64::try_from(others.len()).unwrap_or(1);
    if let Some(at) = usize::try_from(which)
        .ok()
        .and_then(|which| others.get(which))
        && let Some(head) = order.get_mut(..=*at)
    {
        head.rotate_right(1);
    }
}

fn is_able(arms: &[Arm<'_>], at: usize) -> bool {
    arms.get(at)
        .is_some_and(|arm| arm.standing == Standing::Able)
}

/// FNV-1a: the same in every version and on every machine, for a sticky draw has to be.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The finisher of splitmix64: every bit of the input moves every bit of the output.
fn mix(seed: u64) -> u64 {
    let x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number above 0 and up to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
fn unit(bits: u64) -> f64 {
    ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(name: &'static str, weight: u32) -> Arm<'static> {
        Arm {
            name,
            weight,
            cost: None,
            first_content: None,
            standing: Standing::Able,
        }
    }

    fn by_draw(draw: u64) -> Chance<'static> {
        Chance {
            draw,
            turn: 0,
            subject: None,
        }
    }

    #[test]
    fn weights_converge() {
        let arms = [arm("a", 70), arm("b", 20), arm("c", 10), arm("d", 0)];
        let mut first = [0_u32; 4];
        for draw in 0..20_000 {
            let order = order(Policy::Weighted, &arms, by_draw(draw));
            first[order[0]] += 1;
            assert_eq!(order[3], 3, "a weight of nothing comes last");
        }
        // Three standard deviations of a binomial of 20,000 are at most 1.1 points.
        for (count, share) in first.iter().zip([0.7, 0.2, 0.1, 0.0]) {
            assert!(
                (f64::from(*count) / 20_000.0 - share).abs() < 0.011,
                "{first:?}"
            );
        }
    }

    #[test]
    fn a_sticky_subject_never_moves_and_others_move_only_to_a_new_arm() {
        let two = [arm("a", 50), arm("b", 50)];
        let three = [arm("c", 30), arm("b", 50), arm("a", 50)];
        for n in 0..2000 {
            let subject = format!("user-{n}");
            let at = |draw| Chance {
                draw,
                turn: draw,
                subject: Some(&subject),
            };
            let name =
                |arms: &[Arm<'static>], draw| arms[order(Policy::Weighted, arms, at(draw))[0]].name;
            let home = name(&two, 0);
            assert!((1..10).all(|draw| name(&two, draw) == home), "{subject}");
            let now = name(&three, 7);
            assert!(
                now == home || now == "c",
                "{subject} went from {home} to {now}"
            );
        }
    }

    #[test]
    fn the_cheapest_comes_first_and_an_unknown_price_last() {
        let arms = [
            arm("unknown", 1),
            Arm {
                cost: Some(0.2),
                ..arm("dear", 1)
            },
            Arm {
                cost: Some(0.0),
                ..arm("free", 1)
            },
        ];
        assert_eq!(order(Policy::Cheapest, &arms, by_draw(1)), [2, 1, 0]);
    }

    #[test]
    fn the_fastest_comes_first_but_for_a_little_exploration() {
        let fast = |seconds| Some(Duration::from_secs(seconds));
        let arms = [
            Arm {
                first_content: fast(3),
                ..arm("slow", 1)
            },
            Arm {
                first_content: fast(1),
                ..arm("fast", 1)
            },
        ];
        let firsts: Vec<usize> = (0..10_000)
            .map(|draw| order(Policy::Fastest, &arms, by_draw(draw))[0])
            .collect();
        let explored = firsts.iter().filter(|at| **at == 0).count();
        assert!((400..600).contains(&explored), "{explored} of 10,000");
    }

    #[test]
    fn turns_go_round_among_those_that_may_be_asked() {
        let arms = [
            arm("a", 1),
            Arm {
                standing: Standing::Unable,
                ..arm("b", 1)
            },
            arm("c", 1),
        ];
        let first = |turn| {
            order(
                Policy::RoundRobin,
                &arms,
                Chance {
                    draw: 0,
                    turn,
                    subject: None,
                },
            )
        };
        assert_eq!(
            [first(0), first(1), first(2)],
            [[0, 2, 1], [2, 0, 1], [0, 2, 1]]
        );
    }

    #[test]
    fn shares_leave_out_who_cannot_be_asked() {
        let arms = [
            arm("a", 90),
            arm("b", 10),
            Arm {
                standing: Standing::Unable,
                ..arm("c", 100)
            },
        ];
        assert_eq!(shares(&arms), [0.9, 0.1, 0.0]);
    }
}
