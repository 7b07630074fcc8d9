//! What nobody thought of: requests that are drawn from a seed, put to a real server and to the embedded one.
//!
//! `base` gathers what is known to be valid from the scenarios, `schema` says what else an object may hold, `mutation`
//! changes a field or two, `case` makes a request of it and `story` a row of them, and `report` groups where the two answers differ and finds the
//! least request that shows it. What a real server has said is kept, so that `--again` asks the embedded one alone.

mod base;
mod case;
mod mutation;
mod report;
mod schema;
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use controller_testkit::{Cluster, User, World};
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::play::{Past, Player};
use super::real::Real;
use super::scenario::Scenario;
use base::Base;
use case::{Case, Drawer};
use report::Report;
use schema::Schemas;
use story::Teller;

/// How many requests are under way to the real server.
const AT_ONCE: usize = 24;

/// What is asked for: `--seed N`, `--requests N`, `--stories N`, `--kinds pods,services`, `--again`, `--groups N`.
struct Wish {
    seed: u64,
    /// Single requests, each about an object that is there or is tried.
    requests: usize,
    stories: usize,
    /// How many groups of differences are told in full.
    groups: usize,
    /// The ends of the paths of the only resources that are meant.
    kinds: Vec<String>,
    again: bool,
}

impl Wish {
    fn read() -> Result<Self> {
        let mut wish = Wish { seed: 1, requests: 10_000, stories: 0, groups: 60, kinds: Vec::new(), again: false };
        let arguments = std::env::var("ARGUMENTS").unwrap_or_default();
        let mut words = arguments.split_whitespace();
        while let Some(word) = words.next() {
            if word == "--again" {
                wish.again = true;
                continue;
            }
            let value = words.next().with_context(|| format!("{word} needs a value"))?;
            match word {
                "--seed" => wish.seed = value.parse()?,
                "--requests" => wish.requests = value.parse()?,
                "--stories" => wish.stories = value.parse()?,
                "--groups" => wish.groups = value.parse()?,
                "--kinds" => wish.kinds = value.split(',').map(str::to_owned).collect(),
                _ => {
                    bail!("it is --seed N, --requests N, --stories N, --groups N, --kinds NAMES or --again, not {word}")
                }
            }
        }
        Ok(wish)
    }

    fn means(&self, base: &Base) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| base.path.ends_with(&format!("/{kind}")))
    }
}

/// A case and what the real server answered to it.
#[derive(Serialize, Deserialize)]
struct Played {
    case: Case,
    real: Vec<Value>,
}

/// What a server answers. That it does not answer, or breaks off, is an answer too.
async fn ask(player: &Player<'_>, scenario: &Scenario) -> Vec<Value> {
    match std::panic::AssertUnwindSafe(player.answers(scenario)).catch_unwind().await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => vec![json!({"code": 0, "text": format!("{error:#}")})],
        Err(_) => vec![json!({"code": 0, "text": "it panicked"})],
    }
}

fn kept() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("explored.jsonl")
}

#[test]
fn explores() -> Result<()> {
    let Some(programs) = std::env::var_os("EXPLORE") else { return Ok(()) };
    let wish = Wish::read()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let cluster = Cluster::builder()
            .seed(wish.seed)
            .world(World::none())
            .token("admin-token", User::new("admin").uid("1").group("system:masters"))
            .build();
        let forget = || cluster.faults().forget();
        let ours = Player { client: cluster.client(), now: &|| cluster.now(), past: Past::Embedded(&forget) };
        if wish.again {
            let text = fs::read_to_string(kept())?;
            let played = text.lines().map(serde_json::from_str).collect::<Result<Vec<Played>, _>>()?;
            return compare(&wish, &ours, None, &played).await;
        }
        let real = Real::start(Path::new(&programs)).await?;
        let now = &Timestamp::now;
        let theirs = Player { client: real.client()?, now, past: Past::Real(&real) };
        let played = play(&wish, &theirs).await?;
        let lines: Vec<String> = played.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        fs::write(kept(), lines.join("\n"))?;
        compare(&wish, &ours, Some(&theirs), &played).await
    })
}

/// Draws what is asked, and asks it of the real server.
async fn play(wish: &Wish, theirs: &Player<'_>) -> Result<Vec<Played>> {
    let mut played = Vec::new();
    for case in base::definitions()? {
        theirs.settle(&case.space).await?;
        let real = ask(theirs, &case.scenario()?).await;
        let refused = real.iter().find(|answer| !matches!(answer["code"].as_u64(), Some(200 | 201)));
        ensure!(refused.is_none(), "a definition is refused: {refused:?}");
        played.push(Played { case, real });
    }
    let schemas = Schemas::fetch(theirs).await?;
    let mut bases: Vec<Base> = base::gather()?.into_iter().filter(|base| wish.means(base)).collect();
    let pool = mutation::Pool::of(&base::bodies()?);
    let mut cases = Vec::new();
    let mut teller = Teller::new(&schemas, &pool, wish.seed);
    for case in (0..wish.stories).filter_map(|_| teller.tell(&bases)) {
        theirs.settle(&case.space).await?;
        cases.push(case);
    }
    if wish.requests > 0 {
        bases.extend(filled(&bases, &schemas, &pool, theirs, wish.seed).await);
        for (number, base) in bases.iter_mut().enumerate() {
            base.space = format!("x{number}");
            theirs.settle(&base.space).await?;
            cases.extend(case::stored(base));
        }
        let mut drawer = Drawer::new(&schemas, &pool, wish.seed);
        cases.extend((0..wish.requests).filter_map(|_| drawer.draw(&bases)));
    }
    let started = Instant::now();
    let scenarios = cases.iter().map(Case::scenario).collect::<Result<Vec<_>>>()?;
    let answers: Vec<Vec<Value>> =
        futures::stream::iter(&scenarios).map(|scenario| ask(theirs, scenario)).buffered(AT_ONCE).collect().await;
    let rate = cases.len() as f64 / started.elapsed().as_secs_f64();
    println!("{} cases, {rate:.0} a second of the real server", cases.len());
    played.extend(cases.into_iter().zip(answers).map(|(case, real)| Played { case, real }));
    Ok(played)
}

/// The fullest object of each kind with what it may have beside.
async fn filled(bases: &[Base], schemas: &Schemas, pool: &mutation::Pool, theirs: &Player<'_>, seed: u64) -> Vec<Base> {
    let started = Instant::now();
    let filled: Vec<(Option<Base>, usize)> = futures::stream::iter(base::fullest(bases))
        .map(|base| base.fill(schemas, pool, theirs, seed))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let tried: usize = filled.iter().map(|(_, tried)| tried).sum();
    println!("{} bases; {tried} fields tried in {:.1?}", bases.len(), started.elapsed());
    filled.into_iter().filter_map(|(base, _)| base).collect()
}

/// Asks the embedded server the same, and tells where it answers otherwise.
async fn compare(wish: &Wish, ours: &Player<'_>, theirs: Option<&Player<'_>>, played: &[Played]) -> Result<()> {
    let mut report = Report::default();
    let answered = async |Played { case, real }: &Played| {
        ours.settle(&case.space).await?;
        Ok::<_, anyhow::Error>((case.clone(), real.clone(), ask(ours, &case.scenario()?).await))
    };
    // What may be there before others come is asked first.
    let (stories, single): (Vec<_>, Vec<_>) = played.iter().partition(|played| played.case.is_story);
    for (several, at_once) in [(single, 1), (stories, AT_ONCE)] {
        let mut answers = futures::stream::iter(several).map(&answered).buffered(at_once);
        while let Some(answer) = answers.next().await {
            let (case, real, ours) = answer?;
            report.take(&case, &real, &ours);
        }
    }
    if let Some(theirs) = theirs {
        report.shrink(wish.groups, ours, theirs).await?;
    }
    println!("{}", report.told(wish.groups));
    Ok(())
}
