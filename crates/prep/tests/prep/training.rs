//! What a network is shown in an epoch: chance changes it there, and nowhere else.

use std::path::Path;

use meuse_core::recipe::{Augmentation, ImageRule, Plan, PlannedColumn, Sequence, Treatment};
use meuse_core::schema::ColumnType;
use meuse_core::table::{Column, Pictures, Table, Values};
use meuse_prep::{Fitted, TrainingRows, fit};

use crate::support::plan;

const SEED: u64 = 7;

fn pictures(augmentation: &str) -> (Plan, Table) {
    let image: ImageRule = serde_json::from_str(r#"{"width": 24, "height": 16}"#).expect("a rule");
    let augmentation: Augmentation = serde_json::from_str(augmentation).expect("an augmentation");
    let treatment = Treatment::Picture { image, augmentation };
    let column = PlannedColumn { name: "picture".into(), column_type: ColumnType::Image, treatment };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images/drawing.png");
    let file = std::fs::read(file).expect("the drawing is there");
    let values = Values::Pictures(Pictures::in_memory([Some(file.clone()), Some(file)]));
    (plan(vec![column]), Table::new(vec![Column { name: "picture".into(), values }]))
}

fn texts(token_drop: f64) -> (Plan, Table) {
    let sequence = Sequence { vocabulary: 100, length: 40, token_drop, ..Sequence::default() };
    let treatment = Treatment::Sequence { refuse_missing: false, sequence, min_count: 1 };
    let column = PlannedColumn { name: "text".into(), column_type: ColumnType::Text, treatment };
    let text: Vec<String> = (0..40).map(|word| format!("word{word}")).collect();
    let values = Values::text([Some(text.join(" ").as_str())]);
    (plan(vec![column]), Table::new(vec![Column { name: "text".into(), values }]))
}

/// A row as it is shown in an epoch, or outside of any, where pictures that were decoded are kept or not.
fn shown((plan, table): &(Plan, Table), fitted: &Fitted, row: u32, epoch: Option<u64>) -> Vec<f32> {
    let of = |room: usize| {
        let rows: Vec<u32> = (0..table.rows as u32).collect();
        let rows = TrainingRows::new(fitted, plan, table, &rows, (SEED, room)).expect("the table fits");
        let mut numbers = vec![f32::NAN; rows.width()];
        // Twice: what is kept from the first time is not what chance made of it.
        for _ in 0..2 {
            rows.fill(row, epoch, &mut numbers).expect("the row is read");
        }
        numbers
    };
    let numbers = of(1 << 20);
    assert_eq!(numbers, of(0), "what is kept changes nothing");
    numbers
}

#[test]
fn pictures_are_augmented_in_an_epoch_and_nowhere_else() {
    let given = pictures(r#"{"rotation": 40, "width_shift": 0.2, "zoom": 0.2, "brightness": 0.3}"#);
    let fitted = fit(&given.0, &given.1, None).expect("fitted");
    let served = fitted.matrix(&given.1).expect("made").row(0).to_vec();
    assert_eq!(shown(&given, &fitted, 0, None), served, "what is validated and tested is what is served");
    let first = shown(&given, &fitted, 0, Some(1));
    assert_eq!(first, shown(&given, &fitted, 0, Some(1)));
    for (row, epoch) in [(0, 2), (1, 1)] {
        assert_ne!(first, shown(&given, &fitted, row, Some(epoch)), "each picture has chance of its own in each epoch");
    }
    assert_ne!(first, served);
    let plain = pictures("{}");
    assert_eq!(shown(&plain, &fitted, 0, Some(1)), served);
}

#[test]
fn words_are_dropped_in_an_epoch_and_nowhere_else() {
    let given = texts(0.5);
    let fitted = fit(&given.0, &given.1, None).expect("fitted");
    let served = fitted.matrix(&given.1).expect("made").row(0).to_vec();
    assert_eq!(shown(&given, &fitted, 0, None), served);
    assert!(served.iter().all(|id| *id > 0.0), "{served:?}");
    let words = |epoch: u64| -> Vec<f32> {
        shown(&given, &fitted, 0, Some(epoch)).into_iter().filter(|id| *id > 0.0).collect()
    };
    let mut kept = 0;
    for epoch in 0..50 {
        let words = words(epoch);
        kept += words.len();
        let mut rest = served.iter();
        assert!(words.iter().all(|word| rest.any(|id| id == word)), "they stay in their order: {words:?}");
    }
    // Of 50 times 40 words half are left, within five standard deviations.
    assert!((888..=1112).contains(&kept), "{kept}");
    assert_ne!(words(1), words(2));
    assert_eq!(shown(&texts(0.0), &fitted, 0, Some(1)), served);
}
