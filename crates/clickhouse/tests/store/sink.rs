//! The sink loses nothing and gives nothing up.

use std::time::Duration;

use throughline_clickhouse::{Sink, SinkSettings, Store, migrate};

use crate::engine::{Scene, batch, drained, spans, url};
use crate::sample;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_store_gets_its_schema_again() {
    let scene = Scene::empty().await;
    let outbox = scene.outbox();
    let sink = scene.sink(&outbox);
    outbox.seal(vec![spans(1, sample::block(2))]).await.unwrap();
    drained(&outbox).await;
    assert!(sink.is_ready());
    scene.run(&format!("DROP DATABASE {}", scene.store.database())).await;
    outbox.seal(vec![spans(2, sample::block(3))]).await.unwrap();
    drained(&outbox).await;
    assert_eq!(scene.ask("SELECT count() FROM otel_traces").await, "30");
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_is_waited_for() {
    let scene = Scene::new().await;
    let outbox = scene.outbox();
    // Takes connections and never answers, then nobody listens: as an engine that hangs and dies.
    let address = throughline_ports::own_one();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let away = Store::connect(&format!("http://{address}"), scene.store.database(), "", "");
    let sink = Sink::start(away, outbox.clone(), SinkSettings::new(scene.settings.clone()));
    outbox.seal(vec![spans(1, sample::block(2))]).await.unwrap();
    let (asked, _) = listener.accept().await.unwrap();
    assert!(!sink.is_ready());
    drop((asked, listener));
    // The engine comes up where it was: a proxy to the real one.
    let real = url().strip_prefix("http://").unwrap().to_owned();
    let proxy = tokio::spawn(async move {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = tokio::net::TcpStream::connect(&real).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    drained(&outbox).await;
    assert_eq!(scene.ask("SELECT count() FROM otel_traces").await, "20");
    sink.stop().await;
    proxy.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_refused_stays_and_holds_back_only_its_partition() {
    let scene = Scene::new().await;
    let outbox = scene.outbox();
    let sink = scene.sink(&outbox);
    outbox.seal(vec![batch(1, "spans", sample::DAY, 1, b"\x01\x01no block".to_vec())]).await.unwrap();
    let mut other = spans(7, sample::block(2));
    other.name.partition = 1;
    outbox.seal(vec![other]).await.unwrap();
    let stored = async {
        while outbox.first_cut(1).is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), stored).await.expect("the other partition goes on");
    assert_eq!(outbox.first_cut(0), Some(1));
    assert_eq!(scene.ask("SELECT count() FROM otel_traces").await, "20");
    sink.stop().await;
    assert_eq!(outbox.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_can_be_made_again_and_follows_its_settings() {
    let mut scene = Scene::empty().await;
    let planned = migrate(&scene.store, &scene.settings, true).await.unwrap();
    let done = migrate(&scene.store, &scene.settings, false).await.unwrap();
    assert_eq!(planned, done);
    migrate(&scene.store, &scene.settings, false).await.unwrap();
    assert_eq!(scene.ask("SELECT count() FROM schema_version").await, "1");
    scene.settings.retention_spans = Duration::from_hours(48);
    scene.settings.dedup_window = 4321;
    migrate(&scene.store, &scene.settings, false).await.unwrap();
    let made = scene.ask("SHOW CREATE TABLE spans").await;
    assert!(
        made.contains("toIntervalSecond(172800)")
            && made.contains("non_replicated_deduplication_window = 4321"),
        "{made}"
    );
    scene.run("INSERT INTO schema_version (Version, Settings, Applied) VALUES (99, '', now() + 60)").await;
    let refused = migrate(&scene.store, &scene.settings, false).await.unwrap_err();
    assert!(refused.to_string().contains("version 99"), "{refused}");
}
