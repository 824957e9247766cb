//! Reads LightGBM's text of a model (`version=v4`) into our description of trees.
//!
//! What a missing value does is decided here, per split, as LightGBM's `Tree::NumericalDecision` decides it: where the
//! split's `missing_type` is *none* a missing value counts as zero; where it is *NaN* it goes the default way. (*Zero*
//! is refused: it comes only with `zero_as_missing`, which is never set.)

use std::collections::HashMap;
use std::str::FromStr;

use crate::Error;
use crate::trees::{Node, Tree};

/// A tree and, for each of its splits, the feature and the gain.
pub(crate) struct ParsedTree {
    pub(crate) tree: Tree,
    pub(crate) gains: Vec<(usize, f64)>,
}

/// Reads every tree.
///
/// # Errors
/// When the text is not of version 4, or a tree is not of the kind that Meuse trains.
pub(crate) fn parse(model: &str) -> Result<Vec<ParsedTree>, Error> {
    let header = model.split("\nTree=").next().unwrap_or_default();
    if !header.lines().any(|line| line == "version=v4") {
        return Err(unreadable("the model's text is not of version 4"));
    }
    if header.lines().any(|line| line == "average_output") {
        return Err(unreadable("the model averages its trees"));
    }
    let trees = model.split("end of trees").next().unwrap_or_default();
    trees.split("\nTree=").skip(1).map(parse_tree).collect()
}

fn parse_tree(block: &str) -> Result<ParsedTree, Error> {
    let fields = Fields(block.lines().filter_map(|line| line.split_once('=')).collect());
    let leaves: usize = fields.one("num_leaves")?;
    let values: Vec<f64> = fields.many("leaf_value", leaves)?;
    if fields.one::<u8>("is_linear").unwrap_or(0) != 0 {
        return Err(unreadable("a tree has linear leaves"));
    }
    if leaves <= 1 {
        return Ok(ParsedTree { tree: Tree { nodes: vec![Node::Leaf(values[0])] }, gains: Vec::new() });
    }
    let splits = leaves - 1;
    let features: Vec<usize> = fields.many("split_feature", splits)?;
    let gains: Vec<f64> = fields.many("split_gain", splits)?;
    let thresholds: Vec<f64> = fields.many("threshold", splits)?;
    let decisions: Vec<u8> = fields.many("decision_type", splits)?;
    let left: Vec<i64> = fields.many("left_child", splits)?;
    let right: Vec<i64> = fields.many("right_child", splits)?;
    let sets = Sets::read(&fields)?;
    let child = |child: i64| -> Result<usize, Error> {
        // A negative child is the leaf of its complement; leaves stand after the splits here.
        let index = if child < 0 { splits as i64 + !child } else { child };
        usize::try_from(index)
            .ok()
            .filter(|index| *index < splits + leaves)
            .ok_or_else(|| unreadable("a child is missing"))
    };
    let mut nodes = Vec::with_capacity(splits + leaves);
    for split in 0..splits {
        let (feature, left, right) = (features[split], child(left[split])?, child(right[split])?);
        let decision = Decision(decisions[split]);
        nodes.push(if decision.by_category() {
            Node::Categories { feature, categories: sets.members(thresholds[split])?, left, right }
        } else {
            let missing_left = decision.missing_left(thresholds[split])?;
            Node::Threshold { feature, threshold: around_zero(thresholds[split]), missing_left, left, right }
        });
    }
    nodes.extend(values.into_iter().map(Node::Leaf));
    Ok(ParsedTree { tree: Tree { nodes }, gains: features.into_iter().zip(gains).collect() })
}

/// LightGBM predicts with a value of at most 1e-35 (either sign) as with zero, so a threshold among them decides about
/// all of them at once: it is moved to where `value ≤ threshold` says the same for each.
fn around_zero(threshold: f64) -> f64 {
    const ZERO: f32 = 1e-35;
    if threshold < f64::from(-ZERO) || threshold > f64::from(ZERO) {
        threshold
    } else if threshold < 0.0 {
        f64::from((-ZERO).next_down())
    } else {
        f64::from(ZERO)
    }
}

/// The bits of LightGBM's `decision_type`.
#[derive(Clone, Copy)]
struct Decision(u8);

impl Decision {
    fn by_category(self) -> bool {
        self.0 & 1 != 0
    }

    fn missing_left(self, threshold: f64) -> Result<bool, Error> {
        let default_left = self.0 & 2 != 0;
        match (self.0 >> 2) & 3 {
            0 => Ok(0.0 <= threshold),
            2 => Ok(default_left),
            _ => Err(unreadable("a split takes zero as missing")),
        }
    }
}

/// The sets of categories of a tree: bits of 32-bit words, one run of words per set.
struct Sets {
    boundaries: Vec<usize>,
    words: Vec<u32>,
}

impl Sets {
    fn read(fields: &Fields<'_>) -> Result<Self, Error> {
        let count: usize = fields.one("num_cat")?;
        if count == 0 {
            return Ok(Self { boundaries: vec![0], words: Vec::new() });
        }
        let boundaries: Vec<usize> = fields.many("cat_boundaries", count + 1)?;
        let words = fields.many("cat_threshold", boundaries[count])?;
        if boundaries.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(unreadable("the sets of categories overlap"));
        }
        Ok(Self { boundaries, words })
    }

    /// The members of the set whose number stands where another split has its threshold.
    fn members(&self, number: f64) -> Result<Vec<u32>, Error> {
        let set = number as usize;
        if set + 1 >= self.boundaries.len() {
            return Err(unreadable("a set of categories is missing"));
        }
        let words = &self.words[self.boundaries[set]..self.boundaries[set + 1]];
        let bits = (0..words.len() as u32 * 32).filter(|bit| words[(bit / 32) as usize] >> (bit % 32) & 1 == 1);
        Ok(bits.collect())
    }
}

/// The `name=values` lines of a tree.
struct Fields<'a>(HashMap<&'a str, &'a str>);

impl Fields<'_> {
    fn one<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        let text = self.0.get(name).ok_or_else(|| unreadable(&format!("a tree has no `{name}`")))?;
        text.trim().parse().map_err(|_| unreadable(&format!("`{name}={text}` is no number")))
    }

    fn many<T: FromStr>(&self, name: &str, count: usize) -> Result<Vec<T>, Error> {
        let text = self.0.get(name).ok_or_else(|| unreadable(&format!("a tree has no `{name}`")))?;
        let values: Result<Vec<T>, _> = text.split_ascii_whitespace().map(str::parse).collect();
        let values = values.map_err(|_| unreadable(&format!("`{name}` holds something that is no number")))?;
        if values.len() == count {
            return Ok(values);
        }
        Err(unreadable(&format!("`{name}` has {} values instead of {count}", values.len())))
    }
}

fn unreadable(what: &str) -> Error {
    Error::Lightgbm(format!("its model cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(decision: u8) -> String {
        format!(
            "tree\nversion=v4\nnum_class=1\n\nTree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=1 0\nsplit_gain=3 2\n\
             threshold=0.5 0\ndecision_type={decision} 1\nleft_child=1 -1\nright_child=-2 -3\nleaf_value=0.1 0.2 0.3\n\
             cat_boundaries=0 2\ncat_threshold=5 1\nis_linear=0\nshrinkage=0.1\n\n\nend of trees\n"
        )
    }

    #[test]
    fn splits_leaves_and_sets_are_read() {
        let trees = parse(&model(8 | 2)).expect("a readable model");
        let expected = vec![
            Node::Threshold { feature: 1, threshold: 0.5, missing_left: true, left: 1, right: 3 },
            Node::Categories { feature: 0, categories: vec![0, 2, 32], left: 2, right: 4 },
            Node::Leaf(0.1),
            Node::Leaf(0.2),
            Node::Leaf(0.3),
        ];
        assert_eq!(trees[0].tree.nodes, expected);
        assert_eq!(trees[0].gains, [(1, 3.0), (0, 2.0)]);
    }

    #[test]
    fn missing_counts_as_zero_where_training_saw_none() {
        let goes_left = |decision| match &parse(&model(decision)).expect("a readable model")[0].tree.nodes[0] {
            Node::Threshold { missing_left, .. } => *missing_left,
            node => panic!("a threshold, not {node:?}"),
        };
        assert!(goes_left(0), "0 ≤ 0.5, whatever the default side");
        assert!(!goes_left(8), "the default side is right");
        assert!(parse(&model(4)).is_err(), "zero as missing is never asked for");
    }

    #[test]
    fn a_threshold_at_zero_takes_all_that_counts_as_zero_with_it() {
        let smallest = f32::from_bits(1);
        for (threshold, left) in [(0.0, true), (1e-36, true), (-1e-36, false), (f64::from(-1e-35_f32), false)] {
            for value in [-1e-35_f32, -smallest, 0.0, smallest, 1e-35] {
                assert_eq!(f64::from(value) <= around_zero(threshold), left, "{value} against {threshold}");
            }
            assert!(f64::from(1e-35_f32.next_up()) > around_zero(threshold));
            assert!(f64::from((-1e-35_f32).next_down()) <= around_zero(threshold));
        }
    }

    #[test]
    fn a_text_of_another_version_or_a_torn_one_is_refused() {
        assert!(parse("tree\nversion=v3\n").is_err());
        assert!(parse(&model(8).replace("leaf_value=0.1 0.2 0.3", "leaf_value=0.1 0.2")).is_err());
    }
}
