//! What a model will see of a dataset's pictures: a grid, one row per picture, as it is and as chance changes it.

use meuse_core::api::AugmentRequest;
use meuse_core::names::DatasetRef;
use meuse_core::recipe::{Colour, Mode};
use meuse_prep::image::{Drawn, Error as Unreadable, Picture, Steps};

use super::Medium;
use crate::access::{Action, Caller};
use crate::{App, Error};

/// Space between pictures, in pixels.
const GAP: usize = 4;

impl App {
    /// A PNG: one row per picture, first as it is, then as it is seen in each epoch.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that cannot be, or a table; [`Error::NotFound`] for the dataset or class.
    pub async fn augmented(
        &self,
        caller: &Caller,
        reference: &DatasetRef,
        request: AugmentRequest,
    ) -> Result<Medium, Error> {
        caller.require(Action::ReadData)?;
        check(&request)?;
        let page = self.pictures(caller, reference, request.label.as_deref(), (0, request.pictures)).await?;
        let mut files = Vec::with_capacity(page.items.len());
        for item in page.items {
            files.push((item.row, self.picture(caller, reference, item.row, None).await?.bytes));
        }
        let turn = self.thumbnails.acquire().await;
        let _turn = turn.map_err(|_| Error::Unavailable("the server is shutting down".into()))?;
        let drawn = tokio::task::spawn_blocking(move || grid(&request, &files));
        let drawn = drawn.await.map_err(|_| Error::Internal("drawing a grid panicked".into()))?;
        let bytes = drawn.map_err(|error| Error::Internal(format!("a picture of {reference}: {error}")))?;
        Ok(Medium { content_type: "image/png", bytes: bytes.into() })
    }
}

fn check(request: &AugmentRequest) -> Result<(), Error> {
    if let Some(problem) = request.augmentation.problems().into_iter().next() {
        return Err(Error::invalid(format!("augmentation.{}", problem.field), problem.reason, "choose one in between"));
    }
    let within = |field: &str, value: u64, least: u64, most: u64| {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(Error::invalid(field, format!("is {value}, and goes from {least} to {most}"), "choose one in between"))
    };
    within("pictures", u64::from(request.pictures), 1, 12)?;
    within("epochs", u64::from(request.epochs), 1, 12)?;
    within("side", request.side as u64, 16, 256)
}

fn grid(request: &AugmentRequest, files: &[(u32, bytes::Bytes)]) -> Result<Vec<u8>, Unreadable> {
    let side = request.side;
    let columns = request.epochs as usize + 1;
    let width = columns * (side + GAP) + GAP;
    let height = files.len().max(1) * (side + GAP) + GAP;
    let mut pixels = vec![255; width * height * 3];
    let mut steps = Steps::to_size(side, side, Colour::Rgb);
    for step in &mut steps.geometry {
        if let meuse_prep::image::Geometry::Resize { mode, .. } = step {
            *mode = Mode::CropToAspectRatio;
        }
    }
    let mut numbers = vec![0.0; 3 * side * side];
    for (line, (row, file)) in files.iter().enumerate() {
        let picture = steps.prepare(file)?;
        for column in 0..columns {
            if column == 0 {
                steps.emit(&picture, &mut numbers);
            } else {
                let drawn = Drawn::new(&request.augmentation, request.seed, column as u64, u64::from(*row));
                steps.emit_augmented(&picture, &drawn, &mut numbers);
            }
            let (left, top) = (GAP + column * (side + GAP), GAP + line * (side + GAP));
            for (at, number) in numbers.iter().enumerate() {
                let (channel, place) = (at / (side * side), at % (side * side));
                let (y, x) = (place / side, place % side);
                pixels[((top + y) * width + left + x) * 3 + channel] = (number * 255.0).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    Picture::new(width, height, Colour::Rgb, pixels)?.png()
}
