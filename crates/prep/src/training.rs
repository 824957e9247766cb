//! The rows of a training part, one at a time and from any thread: what a network is shown in an epoch, augmented by
//! chance of seed, epoch and row. Without an epoch a row is what serving makes of it.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use meuse_core::recipe::{Augmentation, Plan, Treatment};
use meuse_core::table::Table;

use crate::Error;
use crate::boxes::TrueBox;
use crate::fitted::{Fitted, Step};
use crate::image::{Drawn, Picture, Random};
use crate::transform::{Source, Target, write_ids, write_tokens};

/// Rows of a table as a network sees them.
pub struct TrainingRows<'a> {
    sources: Vec<Source<'a>>,
    rows: &'a [u32],
    width: usize,
    seed: u64,
    augmentations: BTreeMap<&'a str, &'a Augmentation>,
    token_drops: BTreeMap<&'a str, f64>,
    kept: Kept,
    boxes: Vec<Vec<TrueBox>>,
}

impl std::fmt::Debug for TrainingRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainingRows")
            .field("rows", &self.rows.len())
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

/// Pictures that were decoded and brought to their size: once is enough, as long as there is room.
struct Kept {
    pictures: Vec<OnceLock<Picture>>,
    /// Bytes that may still be kept.
    room: AtomicUsize,
}

impl<'a> TrainingRows<'a> {
    /// The given rows of `table`; `room` is how many bytes of decoded pictures may be kept from epoch to epoch.
    ///
    /// # Errors
    /// A column is missing, or of another type.
    pub fn new(
        fitted: &'a Fitted,
        plan: &'a Plan,
        table: &'a Table,
        rows: &'a [u32],
        (seed, room): (u64, usize),
    ) -> Result<Self, Error> {
        let mut augmentations = BTreeMap::new();
        let mut token_drops = BTreeMap::new();
        for column in &plan.columns {
            match &column.treatment {
                Treatment::Picture { augmentation, .. } if !augmentation.is_nothing() => {
                    augmentations.insert(column.name.as_str(), augmentation);
                }
                Treatment::Sequence { sequence, .. } if sequence.token_drop > 0.0 => {
                    token_drops.insert(column.name.as_str(), sequence.token_drop);
                }
                _ => {}
            }
        }
        // With two columns of pictures a row would need two places; none is kept then.
        let columns = fitted.columns.iter().filter(|column| matches!(column.step, Step::Picture { .. })).count();
        let places = if columns == 1 { rows.len() } else { 0 };
        let pictures = (0..places).map(|_| OnceLock::new()).collect();
        let kept = Kept { pictures, room: AtomicUsize::new(room) };
        let sources = fitted.sources(table)?;
        Ok(Self { sources, rows, width: fitted.width(), seed, augmentations, token_drops, kept, boxes: Vec::new() })
    }

    /// With the true boxes of each row.
    #[must_use]
    pub fn with_boxes(mut self, boxes: Vec<Vec<TrueBox>>) -> Self {
        self.boxes = boxes;
        self
    }

    /// The true boxes of the `index`-th row; in an epoch, where chance moves them. One of which less than a quarter is
    /// left in the picture is not there any more.
    pub fn boxes(&self, index: u32, epoch: Option<u64>) -> Vec<TrueBox> {
        let Some(boxes) = self.boxes.get(index as usize) else { return Vec::new() };
        let picture = self.sources.iter().find_map(|source| match &source.fitted.step {
            Step::Picture { steps } => Some((steps, self.augmentations.get(source.fitted.name.as_str())?)),
            _ => None,
        });
        let (Some((steps, augmentation)), Some(epoch)) = (picture, epoch) else { return boxes.clone() };
        let Ok(shape) = steps.shape() else { return boxes.clone() };
        let drawn = Drawn::new(augmentation, self.seed, epoch, u64::from(self.rows[index as usize]));
        boxes
            .iter()
            .filter_map(|one| one.moved(|place| drawn.moved(place, [shape.width, shape.height]), shape))
            .collect()
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// How many numbers a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Writes the numbers of the `index`-th row; in an epoch, as chance changes it.
    ///
    /// # Errors
    /// [`Error::Refused`], whose row counts in the table.
    pub fn fill(&self, index: u32, epoch: Option<u64>, numbers: &mut [f32]) -> Result<(), Error> {
        let row = self.rows[index as usize] as usize;
        let mut offset = 0;
        for source in &self.sources {
            let width = source.fitted.width();
            let cells = &mut numbers[offset..offset + width];
            let name = source.fitted.name.as_str();
            match (&source.fitted.step, epoch) {
                (Step::Picture { steps }, _) => {
                    let augmentation = self.augmentations.get(name).zip(epoch);
                    self.kept.with(
                        index,
                        || source.picture(steps, row).map(|(picture, _)| picture),
                        |picture| match augmentation {
                            Some((augmentation, epoch)) => {
                                let drawn = Drawn::new(augmentation, self.seed, epoch, row as u64);
                                steps.emit_augmented(picture, &drawn, cells);
                            }
                            None => steps.emit(picture, cells),
                        },
                    )?;
                }
                (Step::Sequence { words, padding, truncating, .. }, Some(epoch))
                    if self.token_drops.contains_key(name) =>
                {
                    let mut ids = source.ids(words, row)?;
                    let mut random = Random::of(self.seed, epoch, row as u64);
                    ids.retain(|_| random.unit() >= self.token_drops[name]);
                    write_ids(&ids, (*padding, *truncating), cells);
                }
                (Step::Tokenized { tokenizer, padding, .. }, Some(epoch)) if self.token_drops.contains_key(name) => {
                    let mut ids = source.tokens(tokenizer, row, &mut |_, _| {})?;
                    let mut random = Random::of(self.seed, epoch, row as u64);
                    ids.retain(|id| random.unit() >= self.token_drops[name] || tokenizer.is_special(*id));
                    write_tokens(&ids, *padding, tokenizer.padding() as f32, cells);
                }
                _ => {
                    cells.fill(0.0);
                    let target = Target { block: cells, width, offset: 0 };
                    source.encode(std::iter::once(row), target, &mut |_, _| {})?;
                }
            }
            offset += width;
        }
        Ok(())
    }
}

impl Kept {
    fn with(
        &self,
        index: u32,
        read: impl FnOnce() -> Result<Picture, Error>,
        used: impl FnOnce(&Picture),
    ) -> Result<(), Error> {
        let place = self.pictures.get(index as usize);
        if let Some(picture) = place.and_then(OnceLock::get) {
            used(picture);
            return Ok(());
        }
        let picture = read()?;
        used(&picture);
        let size = picture.pixels().len();
        let room = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(size));
        if let (Some(place), Ok(_)) = (place, room) {
            // Another thread may have kept it meanwhile.
            let _ = place.set(picture);
        }
        Ok(())
    }
}
