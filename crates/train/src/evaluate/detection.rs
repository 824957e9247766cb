//! The metrics of a detection, by COCO's rules as pycocotools computes them: boxes are matched greedily by score, a true
//! box once, at ten overlaps; precision is read at 101 recalls; at most 100 boxes of a class and picture count; a crowd
//! may be matched by any number of boxes, and counts neither way.
//!
//! What was matched is known once; a bootstrap resample is a weight per picture.

use meuse_core::evaluation::{BoxFigures, Detected};
use meuse_core::recipe::MetricName;
use meuse_prep::boxes::{Found, intersection};

use super::Figure;

const COUNT: usize = MetricName::DETECTION.len();
const NO_BOXES: &str = "there are no true boxes";
const NONE_TOLD: &str = "no box was told";
/// Overlaps from which on a box counts as found: 0.5, 0.55 … 0.95.
const OVERLAPS: usize = 10;
/// Recalls at which precision is read: 0, 0.01 … 1.
const RECALLS: usize = 101;
/// The most boxes of one class and picture that count, those of the highest scores.
pub const MOST_BOXES: usize = 100;

/// A box that is known to be there: left, top, width, height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrueArea {
    /// The place of its class among the labels.
    pub class: u32,
    /// Whether it is around many things at once, which counts neither way.
    pub crowd: bool,
    /// Left, top, width, height, in pixels.
    pub area: [f64; 4],
}

/// What is in a picture, and what was found there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Looked {
    /// What is in it.
    pub truth: Vec<TrueArea>,
    /// What was found.
    pub found: Vec<Found>,
}

/// A box that was found, and what it met.
struct Met {
    score: f64,
    picture: usize,
    /// Per overlap, whether it met a true box of its class that no better one had met.
    right: [bool; OVERLAPS],
    /// Per overlap, whether it counts neither way.
    ignored: [bool; OVERLAPS],
}

/// The boxes of one class.
struct Class {
    /// The highest score first.
    met: Vec<Met>,
    /// Per picture, its true boxes.
    truth: Vec<u32>,
}

/// What became of all pictures.
pub(super) struct Matched {
    classes: Vec<Class>,
    pictures: usize,
    score_threshold: f64,
}

/// What is added up of a class.
#[derive(Default)]
struct Sums {
    truth: f64,
    told: f64,
    right: f64,
}

impl Matched {
    /// Matches what was found in each picture; `score_threshold` is the one from which on boxes are told.
    pub(super) fn new(pictures: &[Looked], classes: usize, score_threshold: f64) -> Self {
        let of = |class: u32| {
            let mut met = Vec::new();
            for (number, picture) in pictures.iter().enumerate() {
                matched(picture, class, number, &mut met);
            }
            // Stable, so that boxes of one score stay in the order of the pictures.
            met.sort_by(|a, b| b.score.total_cmp(&a.score));
            let truth = pictures.iter().map(|picture| picture.counted(class) as u32).collect();
            Class { met, truth }
        };
        Self { classes: (0..classes as u32).map(of).collect(), pictures: pictures.len(), score_threshold }
    }

    pub(super) fn len(&self) -> usize {
        self.pictures
    }

    /// The metrics in the order of [`MetricName::DETECTION`], with picture i counted `weight(i)` times.
    pub(super) fn figures(&self, weight: impl Fn(usize) -> u16) -> [Figure; COUNT] {
        let (mut all, mut half, mut count) = (0.0, 0.0, 0.0);
        let mut sums = Sums::default();
        for class in &self.classes {
            let of_class = class.sums(self.score_threshold, &weight);
            sums.truth += of_class.truth;
            sums.told += of_class.told;
            sums.right += of_class.right;
            if let Some(precisions) = class.average_precisions(&weight) {
                all += precisions.iter().sum::<f64>() / OVERLAPS as f64;
                half += precisions[0];
                count += 1.0;
            }
        }
        let mean = |sum: f64| if count > 0.0 { Ok(sum / count) } else { Err(NO_BOXES) };
        let share = |whole: f64, none: &'static str| if whole > 0.0 { Ok(sums.right / whole) } else { Err(none) };
        [mean(all), mean(half), share(sums.told, NONE_TOLD), share(sums.truth, NO_BOXES)]
    }

    /// The figures of each class.
    pub(super) fn detected(&self, labels: &[String]) -> Detected {
        let figures = |(class, label): (&Class, &String)| {
            let precisions = class.average_precisions(&|_| 1);
            let sums = class.sums(self.score_threshold, &|_| 1);
            BoxFigures {
                label: label.clone(),
                support: sums.truth as u64,
                told: sums.told as u64,
                ap_50_95: precisions.map(|all| all.iter().sum::<f64>() / OVERLAPS as f64),
                ap_50: precisions.map(|all| all[0]),
                precision: (sums.told > 0.0).then(|| sums.right / sums.told),
                recall: (sums.truth > 0.0).then(|| sums.right / sums.truth),
            }
        };
        let figures = self.classes.iter().zip(labels).map(figures).collect();
        Detected { score_threshold: self.score_threshold, figures }
    }
}

impl Class {
    fn truth(&self, weight: &impl Fn(usize) -> u16) -> f64 {
        self.truth.iter().enumerate().map(|(picture, count)| f64::from(*count) * f64::from(weight(picture))).sum()
    }

    /// True boxes, boxes that were told, and those of them that meet a true one by half.
    fn sums(&self, score_threshold: f64, weight: &impl Fn(usize) -> u16) -> Sums {
        let mut sums = Sums { truth: self.truth(weight), ..Sums::default() };
        for met in self.met.iter().take_while(|met| met.score >= score_threshold).filter(|met| !met.ignored[0]) {
            let weight = f64::from(weight(met.picture));
            sums.told += weight;
            sums.right += weight * f64::from(u8::from(met.right[0]));
        }
        sums
    }

    /// The average precision at each overlap; nothing when there is no true box.
    fn average_precisions(&self, weight: &impl Fn(usize) -> u16) -> Option<[f64; OVERLAPS]> {
        let truth = self.truth(weight);
        (truth > 0.0).then(|| std::array::from_fn(|at| self.average_precision(at, truth, weight)))
    }

    fn average_precision(&self, at: usize, truth: f64, weight: &impl Fn(usize) -> u16) -> f64 {
        let (mut right, mut wrong) = (0.0, 0.0);
        let (mut recalls, mut precisions) = (Vec::with_capacity(self.met.len()), Vec::with_capacity(self.met.len()));
        for met in &self.met {
            let weight = if met.ignored[at] { 0.0 } else { f64::from(weight(met.picture)) };
            if met.right[at] {
                right += weight;
            } else {
                wrong += weight;
            }
            recalls.push(right / truth);
            // As pycocotools has it, so that nothing found is precise by 0.
            precisions.push(right / (wrong + right + f64::EPSILON));
        }
        // At a recall, the best precision at it or beyond.
        let mut best = 0.0_f64;
        for precision in precisions.iter_mut().rev() {
            best = best.max(*precision);
            *precision = best;
        }
        let at_recall = |step: usize| {
            let wanted = if step + 1 == RECALLS { 1.0 } else { step as f64 * 0.01 };
            let place = recalls.partition_point(|recall| *recall < wanted);
            precisions.get(place).copied().unwrap_or(0.0)
        };
        (0..RECALLS).map(at_recall).sum::<f64>() / RECALLS as f64
    }
}

impl Looked {
    /// The true boxes of a class, crowds apart.
    fn counted(&self, class: u32) -> usize {
        self.truth.iter().filter(|truth| truth.class == class && !truth.crowd).count()
    }
}

/// The overlap from which on a box counts as found, by number: numpy's `linspace(0.5, 0.95, 10)`.
fn wanted(number: usize) -> f64 {
    if number + 1 == OVERLAPS { 0.95 } else { 0.5 + number as f64 * ((0.95 - 0.5) / (OVERLAPS - 1) as f64) }
}

/// Intersection over union; over the found box's own area where the true one is a crowd.
fn overlap(found: &[f64; 4], truth: &TrueArea) -> f64 {
    let shared = intersection(found, &truth.area);
    let own = found[2] * found[3];
    let whole = if truth.crowd { own } else { own + truth.area[2] * truth.area[3] - shared };
    if whole > 0.0 { shared / whole } else { 0.0 }
}

/// Matches the boxes of one class in one picture.
fn matched(picture: &Looked, class: u32, number: usize, all: &mut Vec<Met>) {
    let mut found: Vec<&Found> = picture.found.iter().filter(|found| found.class == class).collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(MOST_BOXES);
    let mut truth: Vec<&TrueArea> = picture.truth.iter().filter(|truth| truth.class == class).collect();
    truth.sort_by_key(|truth| truth.crowd);
    let overlaps: Vec<Vec<f64>> =
        found.iter().map(|found| truth.iter().map(|truth| overlap(&found.area, truth)).collect()).collect();
    let start = all.len();
    let none = [false; OVERLAPS];
    all.extend(found.iter().map(|found| Met { score: found.score, picture: number, right: none, ignored: none }));
    for at in 0..OVERLAPS {
        let mut taken = vec![false; truth.len()];
        for (met, overlaps) in all[start..].iter_mut().zip(&overlaps) {
            let Some(best) = best_match(overlaps, &truth, &taken, wanted(at)) else { continue };
            taken[best] = true;
            met.right[at] = !truth[best].crowd;
            met.ignored[at] = truth[best].crowd;
        }
    }
}

/// The true box that a found one overlaps most, of equal ones the last; a crowd only where no other will do.
fn best_match(overlaps: &[f64], truth: &[&TrueArea], taken: &[bool], wanted: f64) -> Option<usize> {
    let (mut least, mut best) = (wanted, None);
    for (index, overlap) in overlaps.iter().enumerate() {
        if taken[index] && !truth[index].crowd {
            continue;
        }
        if best.is_some_and(|best: usize| !truth[best].crowd) && truth[index].crowd {
            break;
        }
        if *overlap >= least {
            (least, best) = (*overlap, Some(index));
        }
    }
    best
}
