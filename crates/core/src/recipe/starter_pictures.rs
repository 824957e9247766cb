//! A good first recipe for pictures with labels: a small convolutional network.

use std::fmt::Write as _;

use super::starter::{StarterOptions, TEST, TRAINING, VALIDATION, means, quoted};
use crate::bundle::Task;
use crate::profile::{ImagesProfile, Profile};

/// Pictures up to this side are seen as they are; larger ones are made smaller.
const SMALL: u32 = 64;
/// The side of larger ones.
const USUAL: u32 = 96;

/// Writes a first recipe for the pictures of the column `image`.
pub(super) fn write(
    options: &StarterOptions,
    image: &str,
    task: Task,
    profile: &Profile,
    images: &ImagesProfile,
) -> String {
    let side = side(images);
    let grey = images.channels.first().is_some_and(|channels| channels.value == "1" || channels.value == "2");
    let classes = profile.column(&options.target).map_or(2, |column| column.distinct);
    let mut text = String::new();
    let out = &mut text;
    let _ = writeln!(
        out,
        "# What to make, from which pictures. `meuse recipe check FILE` reads it, `meuse train FILE --model NAME` runs it."
    );
    let _ = writeln!(out, "dataset = {}", quoted(&options.dataset));
    let _ = writeln!(out, "task = {:?}", task.word());
    let _ = writeln!(out, "target = {}", quoted(&options.target));
    if let (Task::Binary, Some(positive)) = (task, &options.positive) {
        let _ = writeln!(out, "positive = {}", quoted(positive));
    }
    let _ =
        writeln!(out, "keep = [{}]               # what else the table says of a picture is not learnt", quoted(image));
    let _ = writeln!(out, "seed = 42\n");
    split(options, profile, out);
    if images.duplicates > 0 {
        let _ = writeln!(out, "\n[preprocessing.columns.{image}]");
        let count = images.duplicates;
        let _ = writeln!(out, "drop_duplicates = true         # {count} rows repeat the picture of an earlier one");
    }
    let _ = writeln!(out, "\n[preprocessing.columns.{image}.image]");
    let _ = writeln!(out, "width = {side}                     # pixels that the model sees");
    let _ = writeln!(out, "height = {side}");
    let _ = writeln!(out, "colour = {:?}", if grey { "grey" } else { "rgb" });
    if side > SMALL {
        let _ = writeln!(out, "mode = \"crop_to_aspect_ratio\"");
        let _ = writeln!(out, "\n[preprocessing.columns.{image}.augmentation]   # of the training part only");
        let _ =
            writeln!(out, "rotation = 10\nwidth_shift = 0.1\nheight_shift = 0.1\nzoom = 0.1\nhorizontal_flip = true");
    }
    layers(task, side, classes, out);
    text
}

/// The shorter side of the most frequent size.
fn side(images: &ImagesProfile) -> u32 {
    let most = images.sizes.first().and_then(|size| size.value.split_once(" × "));
    let sides = most.and_then(|(width, height)| Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?)));
    match sides {
        Some((width, height)) if width.min(height) <= SMALL => width.min(height).max(8),
        _ => USUAL,
    }
}

fn split(options: &StarterOptions, profile: &Profile, out: &mut String) {
    let _ = writeln!(out, "[split]");
    let Some(column) = &options.split_column else {
        let _ = writeln!(out, "method = \"stratified\"");
        let _ = writeln!(out, "validation = 0.1               # share of pictures to choose by");
        let _ = writeln!(out, "test = 0.2                     # share of pictures to report on, which choose nothing");
        return;
    };
    let values = profile.column(column).map(|column| column.frequent.iter().map(|entry| entry.value.as_str()));
    let values: Vec<&str> = values.into_iter().flatten().collect();
    let those = |beginnings: &[&str]| {
        let matching = values.iter().filter(|value| means(value, beginnings));
        matching.map(|value| quoted(value)).collect::<Vec<_>>().join(", ")
    };
    let _ = writeln!(out, "method = \"column\"\ncolumn = {}", quoted(column));
    let _ = writeln!(out, "training = [{}]", those(&TRAINING));
    let _ = writeln!(out, "validation = [{}]", those(&VALIDATION));
    let _ = writeln!(out, "test = [{}]", those(&TEST));
}

fn layers(task: Task, side: u32, classes: u64, out: &mut String) {
    let _ = writeln!(out, "\n[algorithm]\nname = \"network\"\nepochs = 5\nbatch_size = 64\nlayers = [");
    let convolution = |filters: u32| {
        format!(
            "  {{ kind = \"conv2d\", filters = {filters}, kernel = 3, activation = \"relu\" }},\n  {{ kind = \"max_pool2d\", size = 2 }},"
        )
    };
    let _ = writeln!(out, "{}", convolution(32));
    if side >= 16 {
        let _ = writeln!(out, "{}", convolution(64));
    }
    if side > SMALL {
        let _ = writeln!(out, "{}\n{}", convolution(128), convolution(128));
    }
    let _ = writeln!(out, "  {{ kind = \"flatten\" }},");
    let _ = writeln!(out, "  {{ kind = \"dense\", units = 64, activation = \"relu\" }},");
    let last = match task {
        Task::Multiclass => {
            format!("  {{ kind = \"dense\", units = {classes}, activation = \"softmax\" }},  # the classes")
        }
        Task::Binary => "  { kind = \"dense\", units = 1, activation = \"sigmoid\" },".to_owned(),
        Task::Regression => "  { kind = \"dense\", units = 1 },".to_owned(),
    };
    let _ = writeln!(out, "{last}\n]");
    let _ = writeln!(out, "\n[algorithm.optimizer]\nname = \"adam\"\nlearning_rate = 0.001");
}
