//! Who is told of incidents, as the configuration wants it.

use std::sync::Arc;

use throughline_api::Advice;
use throughline_config::Config;
use throughline_notify::{Notifier, Settings, Source, Target};
use throughline_worker::Incidents;
use tokio_util::sync::CancellationToken;

/// Starts telling; ends by `stop`.
pub(super) fn start(
    config: &Config,
    incidents: Incidents,
    advice: Advice,
    stop: &CancellationToken,
) -> Notifier {
    let source: Source = Arc::new(move || {
        let advice = advice.load();
        incidents.list().iter().map(|report| throughline_api::incident(report, &advice)).collect()
    });
    let managers = config.notify.alertmanagers.iter().cloned().map(Target::Alertmanager);
    let hooks = config.notify.webhooks.iter().cloned().map(Target::Webhook);
    let settings = Settings { targets: managers.chain(hooks).collect(), dir: config.data_dir.join("notify") };
    Notifier::start(settings, &source, stop)
}
