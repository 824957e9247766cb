//! The boxes to learn: read from the column that COCO's annotations became, cut at the edges of their pictures.

use std::collections::BTreeSet;

use meuse_core::media::{LabelledBox, SIZES};
use meuse_core::table::{MISSING, Table, Values};
use meuse_prep::boxes::{Placement, TrueBox};

use crate::Error;
use crate::evaluate::TrueArea;
use crate::split::counted;

/// What to do about boxes that cannot be read.
const AGAIN: &str = "import the pictures with COCO's annotations again";

/// The boxes of every row of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Boxes {
    /// The classes, ascending.
    pub labels: Vec<String>,
    /// The boxes of each row, in pixels.
    pub rows: Vec<Vec<TrueArea>>,
    /// Width and height of each row's picture.
    pub sizes: Vec<[f64; 2]>,
    /// What was left out or cut, in words.
    pub notes: Vec<String>,
}

impl Boxes {
    /// Reads the boxes of every row; a row without any is a picture in which there is nothing to be found.
    ///
    /// # Errors
    /// [`Error::Input`] when the column holds something else, or nothing at all.
    pub(crate) fn read(name: &str, values: &Values, table: &Table) -> Result<Self, Error> {
        let Values::Text { codes, dictionary } = values else {
            return Err(Error::input("target", format!("`{name}` holds no boxes"), AGAIN));
        };
        let mut read: Vec<Vec<LabelledBox>> = Vec::with_capacity(codes.len());
        for (row, code) in codes.iter().enumerate() {
            let text = dictionary.get(*code as usize).filter(|_| *code != MISSING);
            let boxes = text.map_or(Ok(Vec::new()), |text| serde_json::from_str(text));
            read.push(boxes.map_err(|error| {
                Error::input("target", format!("`{name}` holds no boxes in row {}: {error}", row + 1), AGAIN)
            })?);
        }
        let labels: BTreeSet<&str> = read.iter().flatten().map(|one| one.label.as_str()).collect();
        if labels.is_empty() {
            return Err(Error::input("target", format!("`{name}` has no box in any row"), AGAIN));
        }
        let labels: Vec<String> = labels.into_iter().map(str::to_owned).collect();
        let sizes = sizes(table)?;
        let mut boxes = Self { labels, sizes, ..Self::default() };
        boxes.place(read);
        Ok(boxes)
    }

    /// Cuts boxes at the edges of their pictures and leaves out those of which nothing is left.
    fn place(&mut self, read: Vec<Vec<LabelledBox>>) {
        let (mut outside, mut cut, mut empty) = (Vec::new(), Vec::new(), 0);
        for (row, boxes) in read.into_iter().enumerate() {
            empty += usize::from(boxes.is_empty());
            let size = self.sizes[row];
            let mut kept = Vec::with_capacity(boxes.len());
            for LabelledBox { label, area, crowd } in boxes {
                let Some(inside) = inside(area, size) else {
                    outside.push(row + 1);
                    continue;
                };
                // COCO's own boxes are rounded to hundredths of a pixel.
                if inside.iter().zip(area).any(|(inside, given)| (inside - given).abs() > 0.5) {
                    cut.push(row + 1);
                }
                let class = self.labels.binary_search(&label).unwrap_or(0) as u32;
                kept.push(TrueArea { class, crowd, area: inside });
            }
            self.rows.push(kept);
        }
        let some = |rows: &[usize]| {
            let first = rows.iter().take(3).map(usize::to_string).collect::<Vec<_>>().join(", ");
            format!("{} (rows {first}{})", rows.len(), if rows.len() > 3 { " …" } else { "" })
        };
        if !outside.is_empty() {
            self.notes.push(format!("boxes left out, as no part of them is inside their picture: {}", some(&outside)));
        }
        if !cut.is_empty() {
            self.notes.push(format!("boxes cut at the edge of their picture: {}", some(&cut)));
        }
        if empty > 0 {
            self.notes.push(format!("{} without a box: there is nothing to be found in them", counted(empty)));
        }
    }

    /// The boxes of a row as a model is to find them.
    pub(crate) fn seen(&self, row: u32, placement: &Placement) -> Vec<TrueBox> {
        let one = |one: &TrueArea| TrueBox { class: one.class, crowd: one.crowd, edges: placement.seen(one.area) };
        self.rows[row as usize].iter().map(one).collect()
    }
}

/// The part of a box that is inside its picture.
fn inside([left, top, width, height]: [f64; 4], size: [f64; 2]) -> Option<[f64; 4]> {
    let axis = |from: f64, length: f64, most: f64| {
        let (low, high) = (from.clamp(0.0, most), (from + length).clamp(0.0, most));
        (low, high - low)
    };
    let ((left, width), (top, height)) = (axis(left, width, size[0]), axis(top, height, size[1]));
    (width > 0.0 && height > 0.0).then_some([left, top, width, height])
}

fn sizes(table: &Table) -> Result<Vec<[f64; 2]>, Error> {
    let column = |name: &str| match table.column(name) {
        Some(Values::Number(numbers)) => Ok(numbers),
        _ => Err(Error::input("dataset", format!("it has no column `{name}` of the pictures' sizes"), AGAIN)),
    };
    let [widths, heights] = [column(SIZES[0])?, column(SIZES[1])?];
    let size = |(row, (width, height)): (usize, (&f64, &f64))| {
        if *width >= 1.0 && *height >= 1.0 {
            return Ok([*width, *height]);
        }
        Err(Error::input("dataset", format!("the picture of row {} has no size", row + 1), AGAIN))
    };
    widths.iter().zip(heights).enumerate().map(size).collect()
}

#[cfg(test)]
mod tests {
    use meuse_core::table::Column;

    use super::*;

    fn read(cells: &[Option<&str>]) -> Result<Boxes, String> {
        let number =
            |name: &str, value: f64| Column { name: name.into(), values: Values::Number(vec![value; cells.len()]) };
        let table = Table::new(vec![number("width", 100.0), number("height", 50.0)]);
        Boxes::read("boxes", &Values::text(cells.iter().copied()), &table).map_err(|error| error.to_string())
    }

    #[test]
    fn boxes_are_cut_at_the_edge_and_left_out_beyond_it() {
        let text = r#"[{"label":"cat","box":[90,40,20,20]},{"label":"ant","box":[1,2,3,4],"crowd":true},
            {"label":"cat","box":[100,0,5,5]},{"label":"cat","box":[10,10,0,7]}]"#;
        let boxes = read(&[Some(text), None]).expect("boxes");
        assert_eq!(boxes.labels, ["ant", "cat"]);
        let expected = [
            TrueArea { class: 1, crowd: false, area: [90.0, 40.0, 10.0, 10.0] },
            TrueArea { class: 0, crowd: true, area: [1.0, 2.0, 3.0, 4.0] },
        ];
        assert_eq!((boxes.rows[0].as_slice(), boxes.rows[1].len()), (&expected[..], 0));
        assert_eq!(
            boxes.notes,
            [
                "boxes left out, as no part of them is inside their picture: 2 (rows 1, 1)",
                "boxes cut at the edge of their picture: 1 (rows 1)",
                "1 row without a box: there is nothing to be found in them",
            ]
        );
    }

    #[test]
    fn a_column_without_boxes_is_told() {
        assert!(read(&[None, None]).expect_err("none").contains("has no box in any row"));
        assert!(read(&[None, Some("a cat")]).expect_err("text").contains("no boxes in row 2"));
    }
}
