//! All metrics of the server, with their meaning, and the page that Prometheus reads (OpenMetrics text).
//!
//! Every name starts with `meuse_`. Series that belong to a project carry the label `project`, and a caller sees those
//! of the project that the call is about: a project cannot see that another one's models exist.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::IntoResponse;
use meuse_app::access::{Action, Caller};
use meuse_app::serving::Statistics;
use meuse_app::{App, Error};
use meuse_core::job::JobState;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::failure::Failure;
use crate::state::ServerState;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long a scrape waits for the database.
const LONGEST_COUNT: Duration = Duration::from_secs(2);

/// Upper bounds of the buckets in seconds.
const BUCKETS: [f64; 12] = [0.5e-3, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    project: String,
    state: &'static str,
}

/// What is counted since the start of the process.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Memory that bodies hold.
    pub(crate) bodies_memory: Gauge,
    closed: Family<ReasonLabels, Counter>,
    tasks: Gauge,
    jobs: Family<JobLabels, Gauge>,
}

impl Metrics {
    /// Everything at zero; `serving` is what the model service counts by itself.
    pub(crate) fn new(serving: &Statistics) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("meuse"),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            bodies_memory: Gauge::default(),
            closed: Family::default(),
            tasks: Gauge::default(),
            jobs: Family::default(),
        };
        metrics.register(serving);
        metrics
    }

    fn register(&mut self, serving: &Statistics) {
        let registry = &mut self.registry;
        registry.register("build", "The program that runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));

        let help = "Requests answered, by route as the route table writes it, method and status";
        registry.register("http_requests", help, self.requests.clone());
        let help = "Time from a request's headers to its answer's head";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, self.durations.clone());
        registry.register("http_requests_in_flight", "Requests being answered", self.in_flight.clone());
        registry.register("connections_open", "Connections that are open", self.connections.clone());
        let help = "Connections that the server closed, by reason: displaced by a new one, asked nothing, idle, takes \
                    its answers too slowly";
        registry.register("connections_closed", help, self.closed.clone());
        let help = "Memory that the bodies of requests, and large answers on their way, take or will take";
        registry.register_with_unit("bodies_memory", help, Unit::Bytes, self.bodies_memory.clone());
        registry.register("tasks_alive", "Tasks of the server's runtime", self.tasks.clone());

        let help = "Calls to models, by version and outcome: ok, or the kind of the error";
        registry.register("predict_calls", help, serving.calls.clone());
        registry.register("predict_rows", "Rows that models answered, by version", serving.rows.clone());
        let help = "Time that answered calls spent in each stage: queue (waiting for a permit, a thread, or the \
                    model's first load), prep, compute, post";
        registry.register_with_unit("predict_stage_duration", help, Unit::Seconds, serving.stages.clone());
        let help = "Calls to models that wait or are being computed";
        registry.register("predict_calls_in_flight", help, serving.in_flight.clone());
        registry.register("model_loads", "Bundles read into memory", serving.loads.clone());

        registry.register(
            "jobs",
            "The newest 500 jobs by state, as the records say at the time of the scrape",
            self.jobs.clone(),
        );
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &Method, route: &str, status: u16, duration: Duration) {
        let (route, method) = (route.to_owned(), known(method).to_owned());
        let durations = self.durations.get_or_create(&RouteLabels { route: route.clone(), method: method.clone() });
        durations.observe(duration.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
    }

    /// The server closed a connection.
    pub(crate) fn closed_connection(&self, reason: &'static str) {
        self.closed.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// One more request is in flight until the answer is dropped.
    pub(crate) fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Reads the project's jobs from the records. A database that does not answer costs these series, not the page.
    async fn count_jobs(&self, app: &App, caller: &Caller) {
        let Ok(Ok(jobs)) = tokio::time::timeout(LONGEST_COUNT, app.jobs(caller)).await else { return };
        let states = [JobState::Queued, JobState::Running, JobState::Succeeded, JobState::Failed, JobState::Cancelled];
        for state in states {
            let labels = JobLabels { project: caller.project().to_owned(), state: state.word() };
            self.jobs.get_or_create(&labels).set(jobs.iter().filter(|job| job.state == state).count() as i64);
        }
    }

    fn page(&self, project: &str) -> Result<String, Error> {
        let mut page = String::new();
        encode(&mut page, &self.registry).map_err(|_| Error::Internal("the metrics could not be written".into()))?;
        Ok(visible(&page, project))
    }
}

/// One request in flight.
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A client may invent methods; each would make a series.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE | Method::PATCH | Method::OPTIONS => {
            method.as_str()
        }
        _ => "other",
    }
}

/// The page without the series of other projects.
fn visible(page: &str, project: &str) -> String {
    let own = format!("project=\"{project}\"");
    let is_visible = |line: &&str| line.starts_with('#') || !line.contains("project=\"") || line.contains(&own);
    page.split_inclusive('\n').filter(is_visible).collect()
}

/// The metrics of the server and of the caller's project, as OpenMetrics text.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, body = String, content_type = "application/openmetrics-text"))
)]
pub(crate) async fn page(
    State(state): State<ServerState>,
    Extension(caller): Extension<Arc<Caller>>,
) -> Result<impl IntoResponse, Failure> {
    caller.require(Action::ReadMetrics)?;
    state.metrics.count_jobs(&state.app, &caller).await;
    state.metrics.tasks.set(tokio::runtime::Handle::current().metrics().num_alive_tasks() as i64);
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], state.metrics.page(caller.project())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_sees_the_series_of_no_other() {
        let page = "# HELP a b\na{project=\"lending\",model=\"x\"} 1\na{project=\"cards\",model=\"y\"} 2\nb 3\n# EOF\n";
        assert_eq!(visible(page, "cards"), "# HELP a b\na{project=\"cards\",model=\"y\"} 2\nb 3\n# EOF\n");
    }

    #[test]
    fn the_page_names_what_was_counted() {
        let metrics = Metrics::new(&Statistics::default());
        metrics.answered(&Method::GET, "/api/v1/me", 200, Duration::from_millis(2));
        let page = metrics.page("default").expect("it can be written");
        let line = "meuse_http_requests_total{route=\"/api/v1/me\",method=\"GET\",status=\"200\"} 1\n";
        assert!(page.contains(line), "{page}");
        assert!(
            page.contains("meuse_http_request_duration_seconds_count{route=\"/api/v1/me\",method=\"GET\"} 1\n"),
            "{page}"
        );
        assert!(page.ends_with("# EOF\n"));
    }
}
