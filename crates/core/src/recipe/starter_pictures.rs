//! A good first recipe for pictures with labels: a small convolutional network.

use std::fmt::Write as _;

use super::starter::{StarterOptions, TEST, TRAINING, VALIDATION, means, quoted};
use crate::bundle::Task;
use crate::profile::{ImagesProfile, Profile};

/// Pictures up to this side are seen as they are; larger ones are made smaller.
const SMALL: u32 = 64;
/// The side of larger ones.
const USUAL: u32 = 96;
/// The side of larger ones in which things are found.
const FOR_BOXES: u32 = 160;

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
    if task == Task::Detection {
        detection(options, image, boxed_side(images), profile, out);
        return text;
    }
    let _ =
        writeln!(out, "keep = [{}]               # what else the table says of a picture is not learnt", quoted(image));
    let _ = writeln!(out, "seed = 42\n");
    split(options, profile, "stratified", out);
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

/// The side that things are found at: small ones need pixels.
fn boxed_side(images: &ImagesProfile) -> u32 {
    if side(images) <= SMALL { SMALL } else { FOR_BOXES }
}

fn split(options: &StarterOptions, profile: &Profile, method: &str, out: &mut String) {
    let _ = writeln!(out, "[split]");
    let Some(column) = &options.split_column else {
        let _ = writeln!(out, "method = {method:?}");
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

/// The rest of a recipe for boxes: every eighth pixel of a row and a column becomes a cell of the grid.
fn detection(options: &StarterOptions, image: &str, side: u32, profile: &Profile, out: &mut String) {
    let _ =
        writeln!(out, "keep = [{}]               # what else the table says of a picture is not learnt", quoted(image));
    let _ = writeln!(out, "seed = 42\n");
    split(options, profile, "random", out);
    let _ = writeln!(out, "\n[detection]");
    let _ = writeln!(out, "score_threshold = 0.3          # boxes of a lower score are not told");
    let _ = writeln!(out, "iou_threshold = 0.5            # of two boxes of a class that overlap more, one is told");
    let _ = writeln!(out, "\n[preprocessing.columns.{image}.image]");
    let _ = writeln!(out, "width = {side}                    # pixels that the model sees");
    let _ = writeln!(out, "height = {side}");
    let _ =
        writeln!(out, "\n[preprocessing.columns.{image}.augmentation]   # of the training part only; boxes move along");
    let _ =
        writeln!(out, "horizontal_flip = true\nwidth_shift = 0.1\nheight_shift = 0.1\nzoom = 0.2\nbrightness = 0.2");
    let _ = writeln!(out, "\n[algorithm]\nname = \"network\"\nepochs = 30\nbatch_size = 16\nclip_norm = 10.0");
    let _ = writeln!(
        out,
        "layers = [                     # the last one makes a feature map; the detector's head is added"
    );
    let strides = if side > SMALL { [2, 1, 2, 1, 2, 1, 1, 1] } else { [1, 1, 2, 1, 2, 1, 1, 1] };
    for (filters, stride) in [16, 32, 32, 64, 64, 96, 96, 96].into_iter().zip(strides) {
        let _ = writeln!(
            out,
            "  {{ kind = \"conv2d\", filters = {filters}, kernel = 3, stride = {stride}, padding = \"same\", bias = false }},\n  \
             {{ kind = \"batch_norm\" }},\n  {{ kind = \"activation\", function = \"relu\" }},"
        );
    }
    let _ = writeln!(out, "]\n\n[algorithm.optimizer]\nname = \"adam\"\nlearning_rate = 0.002");
    let _ = writeln!(out, "\n[algorithm.schedule]\nname = \"cosine\"");
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
        Task::Regression | Task::Detection | Task::Embedding => "  { kind = \"dense\", units = 1 },".to_owned(),
    };
    let _ = writeln!(out, "{last}\n]");
    let _ = writeln!(out, "\n[algorithm.optimizer]\nname = \"adam\"\nlearning_rate = 0.001");
}
