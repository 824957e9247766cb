//! Pictures: what Pillow makes of them (`fixtures/make_images.py`), what is refused, and what chance may do.

use std::path::PathBuf;

use meuse_prep::image::{
    Augmentation, Colour, Drawn, Error, Filter, Geometry, Limits, Picture, PictureFill, Sampling, Steps, header, resize,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    steps: Steps,
    width: usize,
    height: usize,
    tolerance: u8,
}

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn pixels_are_those_of_pillow() {
    let cases: Vec<Case> = serde_json::from_slice(&file("cases.json")).expect("cases.json is a list of cases");
    assert!(cases.len() > 40, "the fixture has {} cases", cases.len());
    for Case { name, file: source, steps, width, height, tolerance } in cases {
        let picture = steps.prepare(&file(&source)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((picture.width(), picture.height()), (width, height), "{name}");
        let expected = file(&format!("{name}.raw"));
        let difference = |(a, b): (&u8, &u8)| a.abs_diff(*b);
        let largest = picture.pixels().iter().zip(&expected).map(difference).max();
        assert!(largest <= Some(tolerance), "{name}: differs by {largest:?}");
        assert_eq!(picture.pixels().len(), expected.len(), "{name}");
    }
}

#[test]
fn transparent_pixels_are_laid_on_what_the_rule_says() {
    let dark = |rule: serde_json::Value| {
        let rule = serde_json::from_value(rule).expect("a rule");
        let picture = Steps::of(&rule).prepare(&file("clear.png")).expect("a picture");
        picture.pixels().iter().filter(|value| **value < 128).count()
    };
    let usual = dark(serde_json::json!({ "width": 20, "height": 14 }));
    let [white, black] =
        ["white", "black"].map(|word| dark(serde_json::json!({ "width": 20, "height": 14, "background": word })));
    assert_eq!(usual, white);
    assert!(black > white, "{black} values are dark on black, {white} on white");
    // Half transparent pixels of one colour keep it, and so do those that nobody sees.
    let mut encoded = Vec::new();
    let mut encoder = png::Encoder::new(&mut encoded, 2, 1);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&[200, 10, 30, 128, 90, 80, 70, 0]).expect("two pixels");
    writer.finish().expect("an end");
    let seen = |word: &str| {
        let rule = serde_json::json!({ "width": 2, "height": 1, "background": word });
        let steps = Steps::of(&serde_json::from_value(rule).expect("a rule"));
        let kept: Steps = serde_json::from_value(serde_json::to_value(&steps).expect("JSON")).expect("its own JSON");
        assert_eq!(steps, kept);
        steps.prepare(&encoded).expect("a picture").pixels().to_vec()
    };
    assert_eq!(seen("as_stored"), [200, 10, 30, 90, 80, 70]);
    assert_eq!(seen("black"), [100, 5, 15, 0, 0, 0]);
}

#[test]
fn a_file_that_is_no_picture_is_refused_with_what_it_is() {
    let steps = Steps::to_size(8, 8, Colour::Rgb);
    let mut large = file("drawing.png");
    large.resize(33 << 20, 0);
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("nothing", Vec::new(), "the file is empty"),
        ("text", b"no picture at all".to_vec(), "no picture"),
        ("tiff", b"II*\0aaaaaaaa".to_vec(), "TIFF"),
        ("pdf", b"%PDF-1.7".to_vec(), "PDF"),
        ("huge png", file("huge.png"), "100000 × 100000"),
        ("huge jpeg", file("huge.jpg"), "65000 × 65000"),
        ("cut png", file("short.png"), "cut short"),
        ("cut jpeg", file("short.jpg"), "cut short"),
        ("only magic", file("drawing.png")[..10].to_vec(), "does not say how large"),
        ("33 MiB", large, "33 MiB"),
    ];
    for (name, bytes, words) in cases {
        let error = steps.prepare(&bytes).expect_err(name);
        assert!(error.to_string().contains(words), "{name}: {error}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn every_file_that_is_cut_anywhere_or_damaged_is_answered() {
    let steps = Steps::to_size(4, 4, Colour::Rgb);
    for name in ["plain.bmp", "plain.gif", "plain.webp", "lossy.webp", "progressive.jpg", "palette.png", "turned.jpg"] {
        let whole = file(name);
        for length in (0..whole.len()).step_by(31) {
            let _ = steps.prepare(&whole[..length]);
        }
        for at in (0..whole.len()).step_by(11) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let _ = steps.prepare(&damaged);
        }
    }
}

#[test]
fn a_size_is_known_before_a_pixel_is_decoded() {
    for (name, size) in
        [("drawing.png", (61, 47)), ("lossy.webp", (20, 14)), ("plain.webp", (20, 14)), ("cmyk.jpg", (20, 14))]
    {
        let found = header(&file(name), &Limits::default()).expect(name);
        assert_eq!((found.width, found.height), size, "{name}");
    }
    let small = Limits { pixels: 100, ..Limits::default() };
    assert!(matches!(header(&file("drawing.png"), &small), Err(Error::TooLarge(_))));
}

#[test]
fn numbers_are_planes_rescaled_and_normalised() {
    let text = r#"{"geometry": [{"step": "resize", "width": 2, "height": 1, "sampling": {"filter": "nearest"}}],
        "normalise": {"mean": [0.5, 0.25, 0], "deviation": [0.5, 0.25, 2]}}"#;
    let steps: Steps = serde_json::from_str(text).expect("the steps are well written");
    let picture = Picture::new(2, 1, Colour::Rgb, vec![255, 0, 255, 0, 255, 0]).expect("six bytes");
    let numbers = steps.numbers(&picture.png().expect("a picture is written")).expect("a picture is read");
    let expected = [1.0, -1.0, -1.0, 3.0, 0.5, 0.0];
    for (number, expected) in numbers.iter().zip(expected) {
        assert!((number - expected).abs() < 1e-6, "{numbers:?}");
    }
    assert_eq!(serde_json::from_str::<Steps>(&serde_json::to_string(&steps).expect("text")).expect("steps"), steps);
}

#[test]
fn steps_that_give_no_size_or_cannot_be_are_named() {
    let refused = |text: &str| serde_json::from_str::<Steps>(text).expect(text).shape().expect_err(text).0;
    assert_eq!(refused(r#"{"geometry": []}"#), "geometry");
    assert_eq!(refused(r#"{"geometry": [{"step": "resize_shorter_side", "size": 9}]}"#), "geometry");
    assert_eq!(refused(r#"{"geometry": [{"step": "resize", "width": 0, "height": 9}]}"#), "geometry[0]");
    let wrong =
        r#"{"geometry": [{"step": "resize", "width": 9, "height": 9}], "normalise": {"mean": [0], "deviation": [1]}}"#;
    assert_eq!(refused(wrong), "normalise");
    assert!(serde_json::from_str::<Steps>(r#"{"geometry": [{"step": "resize", "wide": 9}]}"#).is_err());
}

#[test]
fn extreme_proportions_stay_within_bounds() {
    let line = Picture::new(1, 30_000, Colour::Rgb, vec![7; 90_000]).expect("a line");
    for step in [
        r#"{"step": "resize", "width": 64, "height": 64, "mode": "pad_to_aspect_ratio"}"#,
        r#"{"step": "resize", "width": 64, "height": 64, "mode": "crop_to_aspect_ratio"}"#,
        r#"{"step": "resize", "width": 64, "height": 64, "sampling": {"filter": "lanczos"}}"#,
    ] {
        let step: Geometry = serde_json::from_str(step).expect(step);
        let steps = Steps { geometry: vec![step], ..Steps::to_size(64, 64, Colour::Rgb) };
        assert_eq!(steps.fit(line.clone()).pixels().len(), 64 * 64 * 3);
    }
    let text = r#"{"geometry": [{"step": "resize_shorter_side", "size": 64}, {"step": "center_crop", "width": 64, "height": 64}]}"#;
    let steps: Steps = serde_json::from_str(text).expect(text);
    assert_eq!(steps.fit(line).pixels().len(), 64 * 64 * 3);
}

/// A recipe's one line.
fn usual() -> Augmentation {
    let text = r#"{"rotation": 40, "width_shift": 0.2, "height_shift": 0.2, "shear": 0.2, "zoom": 0.2,
        "horizontal_flip": true, "fill": "nearest"}"#;
    serde_json::from_str(text).expect("the augmentation is well written")
}

fn augmented(augmentation: &Augmentation, picture: &Picture, draw: (u64, u64, u64)) -> Vec<f32> {
    let steps = Steps::to_size(picture.width(), picture.height(), picture.colour());
    let mut numbers = vec![f32::NAN; picture.pixels().len()];
    steps.emit_augmented(picture, &Drawn::new(augmentation, draw.0, draw.1, draw.2), &mut numbers);
    numbers
}

fn drawing() -> Picture {
    Steps::to_size(32, 24, Colour::Rgb).prepare(&file("drawing.png")).expect("the drawing is read")
}

#[test]
fn chance_is_of_seed_epoch_and_picture_alone() {
    let (augmentation, picture) = (usual(), drawing());
    let first = augmented(&augmentation, &picture, (1, 2, 3));
    assert_eq!(first, augmented(&augmentation, &picture, (1, 2, 3)));
    for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4), (3, 2, 1)] {
        assert_ne!(first, augmented(&augmentation, &picture, other), "{other:?}");
    }
    assert!(first.iter().all(|number| (0.0..=1.0).contains(number)));
}

#[test]
fn without_augmentation_a_training_batch_is_an_upload() {
    let (nothing, picture) = (Augmentation::default(), drawing());
    assert!(nothing.is_nothing() && !usual().is_nothing());
    let mut plain = vec![0.0; picture.pixels().len()];
    Steps::to_size(32, 24, Colour::Rgb).emit(&picture, &mut plain);
    assert_eq!(plain, augmented(&nothing, &picture, (1, 1, 1)));
}

/// What each setting does to four grey pixels, over many draws.
fn outcomes(text: &str) -> std::collections::BTreeSet<Vec<u8>> {
    let augmentation: Augmentation = serde_json::from_str(text).expect(text);
    assert_eq!(augmentation.problems(), []);
    let picture = Picture::new(4, 1, Colour::Grey, vec![10, 20, 30, 40]).expect("four pixels");
    let eight = |numbers: Vec<f32>| numbers.iter().map(|number| (number * 255.0).round() as u8).collect();
    (0..200).map(|draw| eight(augmented(&augmentation, &picture, (5, 1, draw)))).collect()
}

#[test]
fn each_setting_does_what_its_name_says() {
    let exactly = |text: &str, expected: &[[u8; 4]]| {
        let expected = expected.iter().map(|pixels| pixels.to_vec()).collect();
        assert_eq!(outcomes(text), expected, "{text}");
    };
    exactly(r#"{"horizontal_flip": true}"#, &[[10, 20, 30, 40], [40, 30, 20, 10]]);
    exactly(r#"{"vertical_flip": true}"#, &[[10, 20, 30, 40]]);
    let moved = |fill: &str| format!(r#"{{"crop_padding": 1, "fill": "{fill}", "fill_value": 9}}"#);
    let rows = |left: [u8; 4], right: [u8; 4]| [left, [10, 20, 30, 40], right];
    // A picture of one row, moved down or up, is the same row again, except where the outside is constant.
    exactly(&moved("nearest"), &rows([20, 30, 40, 40], [10, 10, 20, 30]));
    exactly(&moved("reflect"), &rows([20, 30, 40, 40], [10, 10, 20, 30]));
    exactly(&moved("wrap"), &rows([20, 30, 40, 10], [40, 10, 20, 30]));
    exactly(&moved("constant"), &[[9; 4], [20, 30, 40, 9], [10, 20, 30, 40], [9, 10, 20, 30]]);
    let cut = outcomes(r#"{"cut_out": 1, "fill_value": 0}"#);
    assert!(cut.contains(&vec![0, 20, 30, 40]) && cut.contains(&vec![10, 20, 30, 0]) && cut.len() == 4, "{cut:?}");
    let lighter = outcomes(r#"{"brightness": 0.5}"#);
    assert!(lighter.iter().all(|pixels| (5..=15).contains(&pixels[0]) && (20..=60).contains(&pixels[3])));
    assert!(lighter.len() > 20);
    let contrast = outcomes(r#"{"contrast": 0.5}"#);
    assert!(
        contrast.iter().all(|pixels| (2..=18).contains(&pixels[0]) && (48..=52).contains(&(pixels[0] + pixels[3])))
    );
}

/// Where a light spot, 8 right of the middle and 12 above it, comes to lie, seen from the middle: over many draws.
fn spots(text: &str) -> Vec<[f64; 2]> {
    const SIDE: usize = 61;
    let mut augmentation: Augmentation = serde_json::from_str(text).expect(text);
    augmentation.fill = PictureFill::Constant;
    assert_eq!(augmentation.problems(), []);
    let mut pixels = vec![0; SIDE * SIDE];
    for (row, column) in (0..9).map(|place| (30 - 12 - 1 + place / 3, 30 + 8 - 1 + place % 3)) {
        pixels[row * SIDE + column] = 200;
    }
    let picture = Picture::new(SIDE, SIDE, Colour::Grey, pixels).expect("a spot");
    let middle_of = |numbers: Vec<f32>| {
        let sum: f64 = numbers.iter().map(|number| f64::from(*number)).sum();
        let mean = |of: &dyn Fn(usize) -> usize| {
            let places = numbers.iter().enumerate().map(|(place, number)| of(place) as f64 * f64::from(*number));
            places.sum::<f64>() / sum - 30.0
        };
        [mean(&|place| place % SIDE), mean(&|place| place / SIDE)]
    };
    (0..200).map(|draw| middle_of(augmented(&augmentation, &picture, (5, 1, draw)))).collect()
}

#[test]
fn what_is_turned_shifted_sheared_and_zoomed_lies_where_the_name_says() {
    let near = |a: f64, b: f64| (a - b).abs() < 0.3;
    // Every draw is as it should be; and draws reach from near one end of what is allowed to near the other.
    let check = |text: &str, [low, high]: [f64; 2], of: &dyn Fn([f64; 2]) -> Option<f64>| {
        let drawn: Vec<f64> =
            spots(text).into_iter().map(|at| of(at).unwrap_or_else(|| panic!("{text}: {at:?}"))).collect();
        let (least, most) = drawn.iter().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
        let room = 0.1 * (high - low);
        assert!(
            least > low - room && least < low + room && most > high - room && most < high + room,
            "{text}: {least} {most}"
        );
    };
    let whole = 8_f64.hypot(12.0);
    check(r#"{"rotation": 40}"#, [-40.0, 40.0], &|[x, y]| {
        let angle = y.atan2(x).to_degrees() - (-12.0_f64).atan2(8.0).to_degrees();
        near(x.hypot(y), whole).then_some(angle)
    });
    // Shares of 61 pixels.
    check(r#"{"width_shift": 0.2}"#, [-12.2, 12.2], &|[x, y]| near(y, -12.0).then_some(x - 8.0));
    check(r#"{"height_shift": 0.2}"#, [-12.2, 12.2], &|[x, y]| near(x, 8.0).then_some(y + 12.0));
    // A share of how far above the middle it lies.
    check(r#"{"shear": 0.2}"#, [-2.4, 2.4], &|[x, y]| near(y, -12.0).then_some(x - 8.0));
    // Each side by a factor of its own.
    check(r#"{"zoom": 0.2}"#, [1.0 / 1.2, 1.0 / 0.8], &|[x, y]| (0.8..1.3).contains(&(y / -12.0)).then_some(x / 8.0));
    check(r#"{"zoom": 0.2}"#, [1.0 / 1.2, 1.0 / 0.8], &|[x, y]| (0.8..1.3).contains(&(x / 8.0)).then_some(y / -12.0));
    check(r#"{"vertical_flip": true}"#, [-12.0, 12.0], &|[x, y]| (near(x, 8.0) && near(y.abs(), 12.0)).then_some(y));
    check(r#"{"horizontal_flip": true}"#, [-8.0, 8.0], &|[x, y]| (near(y, -12.0) && near(x.abs(), 8.0)).then_some(x));
}

#[test]
fn an_augmentation_beyond_its_bounds_is_named_and_a_window_shows_nothing_else() {
    let picture = drawing();
    let problems = Augmentation { rotation: 181.0, zoom: f64::NAN, ..Augmentation::default() }.problems();
    assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), ["rotation", "zoom"]);
    // A picture of one colour stays one, whatever moves.
    let flat = Picture::new(16, 16, Colour::Rgb, [9, 90, 200].repeat(256)).expect("one colour");
    for fill in [PictureFill::Nearest, PictureFill::Reflect, PictureFill::Wrap] {
        let all = Augmentation { crop: 0.5, crop_padding: 3, vertical_flip: true, fill, ..usual() };
        for draw in 0..50 {
            let numbers = augmented(&all, &flat, (1, 1, draw));
            assert!(numbers[..256].iter().all(|number| (number * 255.0 - 9.0).abs() < 1e-3));
            assert!(numbers[512..].iter().all(|number| (number * 255.0 - 200.0).abs() < 1e-3));
        }
    }
    // A window shows nothing that is not in the picture.
    let crop = Augmentation { crop: 0.5, fill: PictureFill::Constant, fill_value: 255.0, ..Augmentation::default() };
    let dark = resize(&picture, 32, 24, Sampling { filter: Filter::Bilinear, antialias: true });
    let dark = Picture::new(32, 24, Colour::Rgb, dark.pixels().iter().map(|value| value / 2).collect()).expect("dark");
    for draw in 0..50 {
        assert!(augmented(&crop, &dark, (1, 1, draw)).iter().all(|number| *number <= 0.5));
    }
}
