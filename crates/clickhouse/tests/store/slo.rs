//! Service levels from all transactions: by the view, and by minutes.

use std::time::{SystemTime, UNIX_EPOCH};

use throughline_assembly::records::{Closed, Outcome};
use throughline_clickhouse::slo::{Levels, Objective};

use crate::engine::Scene;
use crate::transactions::{closed, write};

const SECOND: u64 = 1_000_000_000;

/// A transaction that began so many seconds ago, of a type; the duration of the sample is 50 ms.
fn ago(number: u64, seconds: u64, kind: &str, outcome: Outcome) -> Closed {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut made = closed(number, now - seconds * SECOND, 0);
    let row = made.row.as_mut().unwrap();
    (row.r#type, row.outcome) = (kind.to_owned(), outcome.into());
    made
}

fn objective(kind: &str, latency_ms: u64, objective: f64) -> Objective {
    Objective { kind: kind.to_owned(), latency_ns: latency_ms * 1_000_000, objective }
}

/// Type, window, transactions, good ones, and rates in thousandths.
async fn view(scene: &Scene) -> String {
    let sql = "SELECT Type, Window, Transactions, Good, round(Attainment * 1000), round(BudgetLeft * 1000), \
               round(BurnRate * 1000) FROM slo ORDER BY Type, indexOf(['1h', '6h', '3d', '30d'], Window)";
    scene.ask(sql).await.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attainment_budget_and_burn_rate_come_from_all_transactions() {
    let scene = Scene::new().await;
    assert_eq!(view(&scene).await, "", "no objective, no line");
    let mut rows = Vec::new();
    // In the last hour 8 good and 2 bad ones; one more bad one two hours ago, a good one five days ago, one too long ago.
    rows.extend((0..8).map(|number| ago(number, 60 + number, "transfer", Outcome::Ok)));
    rows.push(ago(8, 100, "transfer", Outcome::Error));
    rows.push(ago(9, 100, "transfer", Outcome::Incomplete));
    rows.push(ago(10, 2 * 3600, "transfer", Outcome::Error));
    rows.push(ago(11, 5 * 86_400, "transfer", Outcome::Ok));
    rows.push(ago(12, 33 * 86_400, "transfer", Outcome::Error));
    rows.push(ago(13, 10, "slow", Outcome::Ok));
    rows.push(ago(14, 10, "other", Outcome::Error));
    // Not sampled counts as much.
    rows[0].row.as_mut().unwrap().kept = false;
    write(&scene, 1, &rows.iter().collect::<Vec<_>>()).await;
    scene.store.write_objectives(&[objective("before", 1, 0.5)]).await.unwrap();
    let all =
        [objective("transfer", 51, 0.9), objective("slow", 49, 1.0), objective("it's \"quoted\"", 1, 0.99)];
    scene.store.write_objectives(&all).await.unwrap();
    let lines = [
        "it\\'s \"quoted\"\t1h\t0\t0\t1000\t1000\t0",
        "it\\'s \"quoted\"\t6h\t0\t0\t1000\t1000\t0",
        "it\\'s \"quoted\"\t3d\t0\t0\t1000\t1000\t0",
        "it\\'s \"quoted\"\t30d\t0\t0\t1000\t1000\t0",
        "slow\t1h\t1\t0\t0\t-inf\tinf",
        "slow\t6h\t1\t0\t0\t-inf\tinf",
        "slow\t3d\t1\t0\t0\t-inf\tinf",
        "slow\t30d\t1\t0\t0\t-inf\tinf",
        "transfer\t1h\t10\t8\t800\t-1000\t2000",
        "transfer\t6h\t11\t8\t727\t-1727\t2727",
        "transfer\t3d\t11\t8\t727\t-1727\t2727",
        "transfer\t30d\t12\t9\t750\t-1500\t2500",
    ];
    assert_eq!(view(&scene).await, lines.join("\n"));

    // An amendment that turns a failure into a success counts once, as it is now.
    let mut amended = rows[8].clone();
    amended.version = 2;
    amended.row.as_mut().unwrap().outcome = Outcome::Ok.into();
    write(&scene, 2, &[&amended]).await;
    assert!(view(&scene).await.contains("transfer\t1h\t10\t9\t900\t0\t1000"), "{}", view(&scene).await);
    scene.store.write_objectives(&[]).await.unwrap();
    assert_eq!(view(&scene).await, "", "objectives that are gone are gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minutes_asked_for_day_by_day_say_what_the_view_says() {
    let scene = Scene::new().await;
    let outcome = |number: u64| if number.is_multiple_of(4) { Outcome::Error } else { Outcome::Ok };
    let hours = |number: u64| number * number * 7;
    let rows: Vec<_> =
        (1..=9).map(|number| ago(number, hours(number) * 3600 - 1800, "transfer", outcome(number))).collect();
    write(&scene, 1, &rows.iter().collect::<Vec<_>>()).await;
    let objectives = vec![objective("transfer", 51, 0.99)];
    scene.store.write_objectives(&objectives).await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 60;
    let mut levels = Levels::default();
    levels.set(objectives);
    while let Some((since, until)) = levels.next_day(now) {
        let answer = scene.store.slo_minutes(levels.objectives(), since, until).await.unwrap();
        levels.put((since, until), &answer, now);
    }
    let shown = levels.levels(now).into_iter().map(|level| {
        format!("{}\t{}\t{:.0}", level.window.name, level.transactions, level.burn_rate * 1000.0)
    });
    let sql = "SELECT Window, Transactions, round(BurnRate * 1000) FROM slo ORDER BY indexOf(['1h', '6h', '3d', '30d'], Window)";
    assert_eq!(shown.collect::<Vec<_>>().join("\n"), scene.ask(sql).await.trim());
}
