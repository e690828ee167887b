//! Plans over a world of our own making.

use super::*;
use crate::config::load::{Env, parse};
use crate::routing::health::Admission;
use crate::routing::resolve::resolve;

struct World {
    glances: Vec<(Target, Glance)>,
    losses: Vec<(Target, &'static str)>,
    turn: u64,
}

impl Live for World {
    fn glance(&self, target: &Target) -> Glance {
        let known = self.glances.iter().find(|(known, _)| known == target);
        known.map_or(Glance::UNKNOWN, |(_, glance)| *glance)
    }

    fn turn(&self, _: &str) -> u64 {
        self.turn
    }

    fn try_on(&self, target: &Target) -> Result<Vec<Loss>, Error> {
        let losses = self.losses.iter().filter(|(known, _)| known == target);
        losses
            .map(|(_, field)| match field.strip_prefix('!') {
                Some(field) => Err(Error::unsupported(field, "never")),
                None => Ok(Loss::new(*field, "dropped")),
            })
            .collect()
    }
}

const CONFIG: &str = "
providers:
  openai: { api_key: o }
  anthropic: { api_key: a }
  lab: { type: openai-compatible, base_url: 'http://h/v1' }
models:
  smart: { targets: [anthropic/claude-sonnet-5-5, openai/gpt-6-sol, lab/x], then: [lab/last] }
  cheap: { policy: cheapest, targets: [lab/x, openai/gpt-6-sol, openai/gpt-6-luna] }
  ab: { policy: weighted, sticky: user, targets: [{ model: lab/a, weight: 9 }, { model: lab/b, weight: 1 }] }
  nested: { targets: [cheap, lab/y] }
  turns: { policy: round_robin, targets: [lab/a, lab/b, lab/c] }
  long: { targets: [lab/short, lab/other], when_context_over: { tokens: 100, targets: [lab/long] }, when_refused: [lab/other, lab/lax] }
  sees: { targets: [lab/x, openai/gpt-6-luna], requires: [vision] }
  sleepy: { targets: [google/gemini-3.8-flash, lab/x] }
prices: { 'lab/x': { input: 100, output: 100 } }
";

fn world() -> World {
    World {
        glances: Vec::new(),
        losses: Vec::new(),
        turn: 0,
    }
}

fn plan_of(request: &Request, world: &World, constraints: Constraints) -> Plan {
    let config = parse(CONFIG, None, &Env::default()).unwrap_or_else(|faults| panic!("{faults}"));
    let route = resolve(&config, request).expect("a route");
    let scene = Scene {
        config: &config,
        live: world,
        constraints,
        key: None,
        marks: &[],
        draw: 3,
        today: Day::default(),
    };
    plan(&route, request, &scene)
}

fn asked(plan: &Plan) -> String {
    let names: Vec<String> = plan
        .with(Verdict::Asked)
        .map(|candidate| candidate.target.to_string())
        .collect();
    names.join(" ")
}

fn check(request: &Request, world: &World, expect: &str) -> Plan {
    let plan = plan_of(request, world, Constraints::default());
    assert_eq!(asked(&plan), expect, "{}", request.model);
    plan
}

fn resting(name: &str, admission: Admission) -> (Target, Glance) {
    let (provider, model) = name.split_once('/').expect("provider/model");
    (
        Target::new(provider, model),
        Glance {
            admission,
            ..Glance::UNKNOWN
        },
    )
}

#[test]
fn a_name_of_one_target_is_taken_at_its_word() {
    let plan = check(&Request::ask("lab/x", "hi"), &world(), "lab/x");
    assert_eq!(plan.demand, None, "nothing was looked at");
}

#[test]
fn policies_order_and_nested_aliases_are_ordered_by_their_own() {
    let smart = "anthropic/claude-sonnet-5-5 openai/gpt-6-sol lab/x lab/last";
    check(&Request::ask("smart", "hi"), &world(), smart);
    check(
        &Request::ask("cheap", "hi"),
        &world(),
        "openai/gpt-6-luna openai/gpt-6-sol lab/x",
    );
    check(
        &Request::ask("nested", "hi"),
        &world(),
        "openai/gpt-6-luna openai/gpt-6-sol lab/x lab/y",
    );
    let turned = World { turn: 4, ..world() };
    check(&Request::ask("turns", "hi"), &turned, "lab/b lab/c lab/a");
}

#[test]
fn what_is_left_alone_stands_behind_the_healthy_and_a_probe_in_its_place() {
    let wait = Duration::from_secs(3);
    let mut world = world();
    world.glances.push(resting(
        "anthropic/claude-sonnet-5-5",
        Admission::Closed(wait),
    ));
    world
        .glances
        .push(resting("openai/gpt-6-sol", Admission::Throttled(wait)));
    let behind = "lab/x lab/last anthropic/claude-sonnet-5-5 openai/gpt-6-sol";
    let plan = check(&Request::ask("smart", "hi"), &world, behind);
    assert!(plan.candidates[2].reasons.contains(&Reason::Failing(wait)));
    world.glances[0].1.admission = Admission::Probe;
    check(
        &Request::ask("smart", "hi"),
        &world,
        "anthropic/claude-sonnet-5-5 lab/x lab/last openai/gpt-6-sol",
    );
}

#[test]
fn a_target_that_cannot_is_excluded_and_one_that_nobody_knows_is_not() {
    let mut request = Request::ask("sees", "hi");
    let plan = check(&request, &world(), "openai/gpt-6-luna");
    assert_eq!(plan.candidates[1].verdict, Verdict::Excluded);
    request.model = "smart".to_owned();
    request.input = serde_json::from_str(
        r#"[{"role":"user","content":[{"type":"input_video","video_url":"https://h/v.mp4"}]}]"#,
    )
    .expect("an input");
    let plan = check(&request, &world(), "lab/x lab/last");
    let why = plan
        .with(Verdict::Excluded)
        .next()
        .expect("one is out")
        .reasons[0]
        .to_string();
    assert_eq!(why, "cannot do `video`, which `input` demands");
}

#[test]
fn a_provider_without_a_key_is_excluded_by_name() {
    let plan = check(&Request::ask("sleepy", "hi"), &world(), "lab/x");
    let out = plan.with(Verdict::Excluded).next().expect("one is out");
    assert!(matches!(&out.reasons[0], Reason::Asleep(variables) if !variables.is_empty()));
}

#[test]
fn a_long_prompt_goes_elsewhere_first_and_is_kept_out_of_small_windows() {
    let plan = check(&Request::ask("long", "hi"), &world(), "lab/short lab/other");
    assert_eq!(plan.on_context, [Target::new("lab", "long")]);
    assert_eq!(
        plan.on_refusal,
        [Target::new("lab", "other"), Target::new("lab", "lax")]
    );
    let long = Request::ask("long", "x".repeat(404));
    check(&long, &world(), "lab/long lab/short lab/other");
    // Claude Sonnet 5.5 and GPT-6 Sol have windows of about a million tokens.
    check(
        &Request::ask("smart", "x".repeat(8_000_000)),
        &world(),
        "lab/x lab/last",
    );
}

#[test]
fn limits_of_the_client_narrow_the_plan() {
    let mut world = world();
    let slow = Glance {
        first_content: Some(Duration::from_secs(9)),
        answers: 5,
        ..Glance::UNKNOWN
    };
    world
        .glances
        .push((Target::new("openai", "gpt-6-luna"), slow));
    let request = Request::ask("cheap", "hi");
    // A thousand tokens of answer at $100 a million are ten cents.
    let limits = Constraints {
        max_cost: Some(0.09),
        ..Constraints::default()
    };
    assert_eq!(
        asked(&plan_of(&request, &world, limits)),
        "openai/gpt-6-luna openai/gpt-6-sol"
    );
    let limits = Constraints {
        max_cost: Some(1e-9),
        ..Constraints::default()
    };
    let plan = plan_of(&request, &world, limits);
    assert_eq!(asked(&plan), "");
    assert_eq!(
        (plan.nobody().status(), plan.nobody().code()),
        (400, "no_target")
    );
    let limits = Constraints {
        first_content_within: Some(Duration::from_secs(3)),
        ..Constraints::default()
    };
    assert_eq!(
        asked(&plan_of(&request, &world, limits)),
        "openai/gpt-6-sol lab/x"
    );
}

#[test]
fn a_target_that_loses_nothing_is_preferred_but_not_for_a_hint() {
    let mut world = world();
    let claude = Target::new("anthropic", "claude-sonnet-5-5");
    world.losses.push((claude.clone(), "metadata"));
    let mut request = Request::ask("smart", "hi");
    request.beyond.seed = Some(7);
    let as_listed = "anthropic/claude-sonnet-5-5 openai/gpt-6-sol lab/x lab/last";
    check(&request, &world, as_listed);
    world.losses.push((claude, "seed"));
    check(
        &request,
        &world,
        "openai/gpt-6-sol lab/x anthropic/claude-sonnet-5-5 lab/last",
    );
    world.losses.push((Target::new("lab", "x"), "!text.format"));
    check(
        &request,
        &world,
        "openai/gpt-6-sol anthropic/claude-sonnet-5-5 lab/last",
    );
}

#[test]
fn a_user_keeps_the_arm_whatever_the_draw() {
    let mut request = Request::ask("ab", "hi");
    request.safety_identifier = Some("someone".to_owned());
    let plan = plan_of(&request, &world(), Constraints::default());
    assert!(plan.candidates[0].reasons.contains(&Reason::Sticky));
    let share = Reason::Share(if plan.candidates[0].target.model.as_str() == "a" {
        0.9
    } else {
        0.1
    });
    assert!(plan.candidates[0].reasons.contains(&share));
}
