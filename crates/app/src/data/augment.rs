//! What a model will see of a dataset's pictures: a grid, one row per picture, as it is and as chance changes it in each
//! epoch. With a recipe's rule for pictures it is drawn from the very pixels that a training with this seed sees; only
//! which pictures are mixed, and by which share, is different, since batches and steps are.

use bytes::Bytes;
use meuse_core::api::AugmentRequest;
use meuse_core::names::DatasetRef;
use meuse_core::recipe::{Colour, ImageRule, Mode};
use meuse_prep::image::{Drawn, Error as Unreadable, Geometry, Picture, Rescale, Shape, Steps, mix_up_weight};

use super::Medium;
use crate::access::{Action, Caller};
use crate::{App, Error};

/// Space between pictures, in pixels.
const GAP: usize = 4;
/// The longest side of a picture that is drawn by a rule, in pixels; a resized one becomes at most 32 times as long.
const LONGEST_SIDE: u32 = 1024;
/// Pixels of a whole grid: 96 MiB while it is drawn.
const MOST_PIXELS: usize = 32 << 20;

impl App {
    /// A PNG: one row per picture of the training part, first as it is, then as it is seen in each epoch.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that cannot be, a class without pictures to learn from, or a table;
    /// [`Error::NotFound`] for the dataset or class.
    pub async fn augmented(
        &self,
        caller: &Caller,
        reference: &DatasetRef,
        request: AugmentRequest,
    ) -> Result<Medium, Error> {
        caller.require(Action::ReadData)?;
        check(&request)?;
        let tile = Tile::of(&request)?;
        let rows = self.rows_to_learn_from(caller, reference, request.label.as_deref(), request.pictures).await?;
        let mut files = Vec::with_capacity(rows.len());
        for row in rows {
            files.push((row, self.picture(caller, reference, row, None).await?.bytes));
        }
        let turn = self.thumbnails.acquire().await;
        let _turn = turn.map_err(|_| Error::Unavailable("the server is shutting down".into()))?;
        let drawn = tokio::task::spawn_blocking(move || grid(&tile, &request, &files));
        let drawn = drawn.await.map_err(|_| Error::Internal("drawing a grid panicked".into()))?;
        let bytes = drawn.map_err(|error| Error::Internal(format!("a picture of {reference}: {error}")))?;
        Ok(Medium { content_type: "image/png", bytes: bytes.into() })
    }
}

fn check(request: &AugmentRequest) -> Result<(), Error> {
    if let Some(problem) = request.augmentation.problems().into_iter().next() {
        return Err(Error::invalid(format!("augmentation.{}", problem.field), problem.reason, "choose one in between"));
    }
    within("pictures", request.pictures, 1, 12)?;
    within("epochs", request.epochs, 1, 12)?;
    within("side", request.side as u64, 16, 256)
}

fn within(field: &str, value: impl Into<u64>, least: u64, most: u64) -> Result<(), Error> {
    let value = value.into();
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("is {value}, and goes from {least} to {most}"), "choose one in between"))
}

/// How one picture is drawn.
struct Tile {
    /// From a file to values from 0 to 1.
    steps: Steps,
    /// What the model sees.
    shape: Shape,
    /// Each of its pixels becomes a square of so many.
    zoom: usize,
}

impl Tile {
    /// By the request's rule, or as a square in colour.
    fn of(request: &AugmentRequest) -> Result<Self, Error> {
        let side = request.side;
        let tile = match &request.image {
            Some(rule) => Self::by_rule(rule, side)?,
            None => Self {
                steps: square(side),
                shape: Shape { channels: Colour::Rgb.channels(), height: side, width: side },
                zoom: 1,
            },
        };
        let [width, height] = tile.sheet_size(request.epochs as usize + 1, request.pictures as usize);
        if width * height > MOST_PIXELS {
            let reason = format!("the grid would have {width} × {height} pixels, more than {MOST_PIXELS} in all");
            return Err(Error::invalid("pictures", reason, "ask for fewer pictures or epochs"));
        }
        Ok(tile)
    }

    fn by_rule(rule: &ImageRule, side: usize) -> Result<Self, Error> {
        let sides = [("width", Some(rule.width)), ("height", Some(rule.height))];
        for (name, value) in sides.into_iter().chain([("resize_shorter_side", rule.resize_shorter_side)]) {
            if let Some(value) = value {
                within(&format!("image.{name}"), value, 1, u64::from(LONGEST_SIDE))?;
            }
        }
        let steps = Steps::of(rule);
        let shape = steps.shape().map_err(|(_, reason)| Error::invalid("image", reason, "write it as in a recipe"))?;
        // What the numbers are scaled to is for the model; eyes want the light that they mean.
        let steps = Steps { rescale: Rescale::default(), normalise: None, ..steps };
        Ok(Self { steps, shape, zoom: (side / shape.width.max(shape.height)).max(1) })
    }

    /// Width and height in pixels, as it is drawn.
    fn size(&self) -> [usize; 2] {
        [self.shape.width * self.zoom, self.shape.height * self.zoom]
    }

    /// Width and height of a grid of them, in pixels.
    fn sheet_size(&self, columns: usize, lines: usize) -> [usize; 2] {
        let [width, height] = self.size();
        [columns * (width + GAP) + GAP, lines * (height + GAP) + GAP]
    }
}

/// Steps to a square of this side, cut from the middle.
fn square(side: usize) -> Steps {
    let mut steps = Steps::to_size(side, side, Colour::Rgb);
    for step in &mut steps.geometry {
        if let Geometry::Resize { mode, .. } = step {
            *mode = Mode::CropToAspectRatio;
        }
    }
    steps
}

fn grid(tile: &Tile, request: &AugmentRequest, files: &[(u32, Bytes)]) -> Result<Vec<u8>, Unreadable> {
    let prepared = files.iter().map(|(row, file)| Ok((*row, tile.steps.prepare(file)?)));
    let pictures = prepared.collect::<Result<Vec<(u32, Picture)>, Unreadable>>()?;
    let mut sheet = Sheet::new(tile, request.epochs as usize + 1, pictures.len());
    let [mut own, mut above, mut mixed] = std::array::from_fn(|_| vec![0.0; tile.shape.count()]);
    for (line, (_, picture)) in pictures.iter().enumerate() {
        tile.steps.emit(picture, &mut own);
        sheet.draw((0, line), &own);
    }
    // Epochs count from 0 and the grid's pictures are a batch, as in training.
    for epoch in 0..u64::from(request.epochs) {
        let see = |(row, picture): &(u32, Picture), numbers: &mut [f32]| {
            let drawn = Drawn::new(&request.augmentation, request.seed, epoch, u64::from(*row));
            tile.steps.emit_augmented(picture, &drawn, numbers);
        };
        let share = mix_up_weight(request.augmentation.mix_up, request.seed, epoch, epoch) as f32;
        if let Some(last) = pictures.last() {
            see(last, &mut above);
        }
        for (line, picture) in pictures.iter().enumerate() {
            see(picture, &mut own);
            for ((mixed, own), above) in mixed.iter_mut().zip(&own).zip(&above) {
                *mixed = own * share + above * (1.0 - share);
            }
            sheet.draw((epoch as usize + 1, line), &mixed);
            std::mem::swap(&mut own, &mut above);
        }
    }
    sheet.png()
}

/// A white sheet on which pictures are drawn in columns and lines.
struct Sheet<'a> {
    tile: &'a Tile,
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl<'a> Sheet<'a> {
    fn new(tile: &'a Tile, columns: usize, lines: usize) -> Self {
        let [width, height] = tile.sheet_size(columns, lines);
        Self { tile, width, height, pixels: vec![255; width * height * Colour::Rgb.channels()] }
    }

    /// Draws the numbers of one picture, from 0 to 1; a grey one is grey.
    fn draw(&mut self, (column, line): (usize, usize), numbers: &[f32]) {
        let Tile { shape, zoom, .. } = self.tile;
        let [width, height] = self.tile.size();
        let (left, top) = (GAP + column * (width + GAP), GAP + line * (height + GAP));
        let plane = shape.width * shape.height;
        for y in 0..height {
            let begin = ((top + y) * self.width + left) * Colour::Rgb.channels();
            let pixels = self.pixels[begin..].as_chunks_mut::<3>().0;
            for (x, pixel) in pixels[..width].iter_mut().enumerate() {
                let place = y / zoom * shape.width + x / zoom;
                *pixel = std::array::from_fn(|channel| {
                    let number = numbers[channel % shape.channels * plane + place];
                    (number * 255.0).round().clamp(0.0, 255.0) as u8
                });
            }
        }
    }

    fn png(self) -> Result<Vec<u8>, Unreadable> {
        Picture::new(self.width, self.height, Colour::Rgb, self.pixels)?.png()
    }
}

#[cfg(test)]
mod tests {
    use meuse_core::recipe::Augmentation;
    use serde_json::{Value, json};

    use super::*;

    fn request(value: Value) -> AugmentRequest {
        serde_json::from_value(value).expect("a request")
    }

    /// A picture in grey, whose light grows from left to right, beginning with `darkest`.
    fn file(width: usize, height: usize, darkest: u8) -> Bytes {
        let pixels = (0..width * height).map(|at| darkest + (at % width) as u8 * 7).collect();
        Picture::new(width, height, Colour::Grey, pixels).and_then(|picture| picture.png()).expect("a PNG").into()
    }

    /// The grid, and what is at a pixel of the picture in a column and a line.
    struct Seen {
        grid: Picture,
        tile: Tile,
    }

    impl Seen {
        fn of(asked: Value, files: &[(u32, Bytes)]) -> Self {
            let request = request(asked);
            let tile = Tile::of(&request).expect("a tile");
            let png = grid(&tile, &request, files).expect("a grid");
            let white = Some([255; 3]);
            let grid = meuse_prep::image::decode(&png, white, &meuse_prep::image::Limits::default()).expect("decoded");
            Self { grid: grid.picture, tile }
        }

        fn at(&self, (column, line): (usize, usize), (x, y): (usize, usize)) -> u8 {
            let [width, height] = self.tile.size();
            let (x, y) = (GAP + column * (width + GAP) + x, GAP + line * (height + GAP) + y);
            self.grid.pixels()[(y * self.grid.width() + x) * self.grid.channels()]
        }
    }

    #[test]
    fn a_rule_is_followed_and_each_pixel_of_the_model_is_a_square_of_whole_pixels() {
        let files = [(0, file(24, 12, 10)), (1, file(12, 24, 60))];
        let rule = json!({"width": 10, "height": 5, "colour": "grey", "mode": "pad_to_aspect_ratio",
            "mean": [0.5], "deviation": [0.1]});
        let seen = Seen::of(json!({"image": rule, "pictures": 2, "epochs": 1, "side": 45}), &files);
        assert_eq!(seen.tile.size(), [40, 20]);
        let rule: ImageRule = serde_json::from_value(rule).expect("a rule");
        for (line, (_, bytes)) in files.iter().enumerate() {
            let picture = Steps::of(&rule).prepare(bytes).expect("prepared");
            for y in 0..20 {
                for x in 0..40 {
                    let pixel = picture.pixels()[y / 4 * 10 + x / 4];
                    assert_eq!(seen.at((0, line), (x, y)), pixel, "line {line}, {x}, {y}");
                    assert_eq!(seen.at((1, line), (x, y)), pixel, "nothing changes it");
                }
            }
        }
    }

    #[test]
    fn the_first_column_of_chance_is_what_a_training_sees_in_its_first_epoch() {
        let augmentation = json!({"crop_padding": 4, "brightness": 0.3});
        let rule = json!({"width": 16, "height": 16, "colour": "grey"});
        let asked = json!({"image": rule, "augmentation": augmentation, "epochs": 2, "side": 16, "seed": 7});
        let seen = Seen::of(asked, &[(5, file(16, 16, 10))]);
        let steps = Steps::of(&serde_json::from_value(rule).expect("a rule"));
        let augmentation: Augmentation = serde_json::from_value(augmentation).expect("an augmentation");
        let picture = steps.prepare(&file(16, 16, 10)).expect("prepared");
        let mut numbers = vec![0.0; 256];
        for epoch in 0..2 {
            steps.emit_augmented(&picture, &Drawn::new(&augmentation, 7, epoch, 5), &mut numbers);
            for (place, number) in numbers.iter().enumerate() {
                let pixel = seen.at((epoch as usize + 1, 0), (place % 16, place / 16));
                assert_eq!(pixel, (number * 255.0).round() as u8, "epoch {epoch}, {place}");
            }
        }
    }

    #[test]
    fn mix_up_lays_each_picture_over_the_one_above_it() {
        let files = [(0, file(8, 8, 0)), (1, file(8, 8, 100)), (2, file(8, 8, 200))];
        let rule = json!({"width": 8, "height": 8, "colour": "grey"});
        let asked = json!({"image": rule, "augmentation": {"mix_up": 1.0}, "epochs": 3, "side": 16, "seed": 3});
        let seen = Seen::of(asked, &files);
        for epoch in 0..3 {
            let share = mix_up_weight(1.0, 3, epoch, epoch);
            for (line, above) in [(0, 2), (1, 0), (2, 1)] {
                let light = |line| f64::from(seen.at((0, line), (0, 0)));
                let mixed = light(line) * share + light(above) * (1.0 - share);
                let shown = f64::from(seen.at((epoch as usize + 1, line), (0, 0)));
                assert!((shown - mixed).abs() <= 1.0, "epoch {epoch}, line {line}: {shown}, not {mixed}");
            }
        }
    }

    #[test]
    fn without_a_rule_pictures_are_cut_to_squares_in_colour() {
        let seen = Seen::of(json!({"pictures": 1, "epochs": 1, "side": 16}), &[(0, file(32, 16, 10))]);
        assert_eq!(seen.tile.size(), [16, 16]);
        // The middle half of a picture that is twice as wide as high.
        assert_eq!([seen.at((0, 0), (0, 0)), seen.at((0, 0), (15, 15))], [10 + 8 * 7, 10 + 23 * 7]);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_by_its_field() {
        let large = json!({"width": 1024, "height": 1024});
        for (asked, field) in [
            (json!({"image": {"width": 0, "height": 8}}), "image.width"),
            (json!({"image": {"width": 8, "height": 2000}}), "image.height"),
            (json!({"image": {"width": 8, "height": 8, "resize_shorter_side": 8000}}), "image.resize_shorter_side"),
            (json!({"image": {"width": 8, "height": 8, "mean": [0.5]}}), "image"),
            (json!({"image": large, "pictures": 12, "epochs": 12}), "pictures"),
        ] {
            match Tile::of(&request(asked.clone())) {
                Err(Error::Invalid { field: told, .. }) => assert_eq!(told, field, "{asked}"),
                Err(other) => panic!("{asked}: {other}"),
                Ok(_) => panic!("{asked} was not refused"),
            }
        }
    }
}
