//! The metrics of a detection against pycocotools' on the same boxes (fixtures/make_detection.py).

use meuse_core::recipe::MetricName;
use meuse_prep::boxes::Found;
use meuse_train::evaluate::{self, Looked, Resampling, TrueArea, detection_intervals};
use serde::Deserialize;

use crate::support::Silent;

#[derive(Deserialize)]
struct Case {
    name: String,
    pictures: usize,
    classes: usize,
    threshold: f64,
    truth: Vec<(usize, u32, bool, [f64; 4])>,
    found: Vec<(usize, u32, f64, [f64; 4])>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    map_50_95: Option<f64>,
    map_50: Option<f64>,
    precision: Option<f64>,
    recall: Option<f64>,
    classes: Vec<Class>,
}

#[derive(Deserialize)]
struct Class {
    ap_50_95: Option<f64>,
    ap_50: Option<f64>,
    support: u64,
    told: u64,
    right: u64,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../fixtures/detection.json")).expect("the fixture is JSON of this shape")
}

impl Case {
    fn looked(&self) -> Vec<Looked> {
        let mut pictures = vec![Looked::default(); self.pictures];
        for (picture, class, crowd, area) in &self.truth {
            pictures[*picture].truth.push(TrueArea { class: *class, crowd: *crowd, area: *area });
        }
        for (picture, class, score, area) in &self.found {
            pictures[*picture].found.push(Found { class: *class, score: *score, area: *area });
        }
        pictures
    }

    fn labels(&self) -> Vec<String> {
        (0..self.classes).map(|class| format!("class {class}")).collect()
    }
}

fn same(ours: Option<f64>, theirs: Option<f64>, what: &str) {
    let close = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 1e-12,
        (None, None) => true,
        _ => false,
    };
    assert!(close, "{what}: {ours:?} is not {theirs:?}");
}

#[test]
fn precisions_are_those_of_pycocotools() {
    for case in cases() {
        let name = &case.name;
        let (metrics, detected) = evaluate::detection(&case.looked(), &case.labels(), case.threshold);
        let Expected { map_50_95, map_50, precision, recall, classes } = &case.expected;
        for (metric, theirs) in MetricName::DETECTION.iter().zip([map_50_95, map_50, precision, recall]) {
            same(metrics[metric.word()].value, *theirs, &format!("{name}: {}", metric.word()));
        }
        assert_eq!(detected.figures.len(), classes.len(), "{name}");
        for (ours, theirs) in detected.figures.iter().zip(classes) {
            let what = format!("{name}: {}", ours.label);
            same(ours.ap_50_95, theirs.ap_50_95, &what);
            same(ours.ap_50, theirs.ap_50, &what);
            assert_eq!((ours.support, ours.told), (theirs.support, theirs.told), "{what}");
            let share = |whole: u64| (whole > 0).then(|| theirs.right as f64 / whole as f64);
            same(ours.precision, share(theirs.told), &what);
            same(ours.recall, share(theirs.support), &what);
        }
    }
}

#[test]
fn an_interval_is_around_its_figure_and_the_same_on_any_number_of_threads() {
    let case = &cases()[1];
    let looked = case.looked();
    let intervals = |threads: usize| {
        let (mut metrics, _) = evaluate::detection(&looked, &case.labels(), case.threshold);
        let resampling = Resampling { seed: 7, threads, watch: &Silent };
        detection_intervals((&looked, case.classes), case.threshold, &mut metrics, &resampling)
            .expect("nobody stops it");
        metrics
    };
    let one = intervals(1);
    assert_eq!(one, intervals(2));
    for metric in one.values() {
        let [low, value, high] = [metric.low, metric.value, metric.high].map(|figure| figure.expect("a figure"));
        assert!(low < value && value < high && high - low < 0.3, "{metric:?}");
    }
}

#[test]
fn a_picture_that_is_drawn_twice_counts_as_two() {
    let case = &cases()[0];
    let looked = case.looked();
    let twice = [looked.clone(), looked.clone()].concat();
    let [once, twice] = [&looked, &twice].map(|pictures| evaluate::detection(pictures, &case.labels(), 0.3).0);
    for (name, metric) in &once {
        same(metric.value, twice[name].value, name);
    }
}
