//! What is asked of a detection: boxes to learn, one picture to read, and nothing done to it that loses track of the boxes.

use super::{Checker, Plan, Treatment};
use crate::bundle::Task;
use crate::recipe::network::Network;
use crate::recipe::{Augmentation, ClassWeight, ImageRule, Mode, PictureFill};
use crate::schema::{ColumnSchema, ColumnType};

impl Checker<'_> {
    /// Boxes are learnt by a detection, and rules for boxes mean nothing elsewhere.
    pub(super) fn boxes_and_their_task(&mut self, target: &ColumnSchema) {
        if self.recipe.task == Task::Detection {
            return;
        }
        if target.column_type == ColumnType::Boxes {
            let message =
                format!("`{}` holds boxes, which a {} task cannot learn", target.name, self.recipe.task.word());
            self.report("task", message, "use task = \"detection\"".into());
        }
        if self.recipe.detection.is_some() {
            let message = "it belongs to task = \"detection\"".to_owned();
            self.report("detection", message, "remove the table, or change the task".into());
        }
    }

    pub(super) fn detection_target(&mut self, column: &ColumnSchema) {
        if self.recipe.positive.is_some() {
            self.report("positive", "a detection has no positive class".into(), "remove the line".into());
        }
        let with_boxes = "import the pictures with COCO's annotations, a .json file beside them";
        if column.column_type != ColumnType::Boxes {
            let boxes = self.schema.columns.iter().find(|column| column.column_type == ColumnType::Boxes);
            let hint =
                boxes.map_or_else(|| with_boxes.to_owned(), |column| format!("use target = \"{}\"", column.name));
            let message =
                format!("`{}` is of type {}, and a detection learns boxes", column.name, column.column_type.word());
            self.report("target", message, hint);
            return;
        }
        if column.categories.as_ref().is_none_or(Vec::is_empty) {
            self.report("target", "no picture of this dataset has a box".into(), with_boxes.into());
        }
    }

    /// A detection looks at one picture, and at nothing else.
    pub(super) fn reads_one_picture(&mut self, plan: &Plan) {
        if self.recipe.task != Task::Detection || !self.problems.is_empty() {
            return;
        }
        if !matches!(plan.columns.as_slice(), [column] if matches!(column.treatment, Treatment::Picture { .. })) {
            let names = plan.columns.iter().map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ");
            let picture = self.schema.columns.iter().find(|column| column.column_type == ColumnType::Image);
            let name = picture.map_or("image", |column| column.name.as_str());
            let message = format!("a detection reads one picture and nothing else, and here it is {names}");
            self.report("keep", message, format!("write keep = [\"{name}\"]"));
        }
    }

    /// What may be done to a picture whose boxes must be known afterwards.
    pub(super) fn picture_with_boxes(&mut self, field: &str, image: &ImageRule, augmentation: &Augmentation) {
        if self.recipe.task != Task::Detection {
            return;
        }
        let cuts = "a part of the picture is cut off, and with it things that are in their boxes";
        if image.resize_shorter_side.is_some() {
            let hint = "remove it; the whole picture is stretched, or padded with mode = \"pad_to_aspect_ratio\"";
            self.report(&format!("{field}.image.resize_shorter_side"), cuts.into(), hint.into());
        } else if image.mode == Mode::CropToAspectRatio {
            let hint = "use `stretch` or `pad_to_aspect_ratio`";
            self.report(&format!("{field}.image.mode"), cuts.into(), hint.into());
        }
        let Augmentation { rotation, shear, cut_out, fill, .. } = *augmentation;
        let wide = "a turned box is no upright one any more, and the upright one around it is too large";
        let hidden = "it could hide a thing whose box is still asked for";
        let twice = "things would be seen twice, and their boxes be known once";
        let cases = [
            ("rotation", rotation > 0.0, wide, "remove it; flips, shifts, zoom and crop move boxes along"),
            ("shear", shear > 0.0, wide, "remove it; flips, shifts, zoom and crop move boxes along"),
            ("cut_out", cut_out > 0.0, hidden, "remove it"),
            ("fill", matches!(fill, PictureFill::Reflect | PictureFill::Wrap), twice, "use `nearest` or `constant`"),
        ];
        for (name, _, message, hint) in cases.into_iter().filter(|(_, given, _, _)| *given) {
            self.report(&format!("{field}.augmentation.{name}"), message.into(), hint.into());
        }
    }

    /// Settings of a network that mean nothing for boxes.
    pub(super) fn network_of_boxes(&mut self, network: &Network) {
        if self.recipe.task != Task::Detection {
            return;
        }
        let remove = "remove it: the loss weighs rare boxes against the many empty cells by itself";
        if network.class_weight != ClassWeight::None {
            self.report("algorithm.class_weight", "boxes are not weighed by class".into(), remove.into());
        }
        if network.label_smoothing > 0.0 {
            self.report("algorithm.label_smoothing", "scores of boxes are not smoothed".into(), "remove it".into());
        }
    }
}
