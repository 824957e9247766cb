//! Trees as one `ai.onnx.ml.TreeEnsembleRegressor`.
//!
//! A split at a threshold is a `BRANCH_LEQ`. A split by a set of categories is a chain of `BRANCH_EQ`, one per category
//! of the set, whose true branches all lead to one left subtree: `BRANCH_MEMBER` crashed ONNX Runtime on large sets
//! (microsoft/onnxruntime#25400), and sharing the subtree keeps the size linear. ONNX Runtime wants the nodes of a tree
//! together and its root first, and shares only nodes that a *true* branch leads to.

use crate::trees::{Node, Tree};

use super::proto::NodeProto;
use super::{ML_DOMAIN, int, ints, node, tensor, text, texts};

/// The columns of the operator's node table.
#[derive(Default)]
struct Table {
    tree: Vec<i64>,
    id: Vec<i64>,
    feature: Vec<i64>,
    mode: Vec<&'static str>,
    value: Vec<f64>,
    missing_is_true: Vec<i64>,
    when_true: Vec<i64>,
    when_false: Vec<i64>,
    leaf_tree: Vec<i64>,
    leaf_id: Vec<i64>,
    leaf_value: Vec<f64>,
}

/// The operator that sums one leaf of every tree. Thresholds are compared in 64-bit floats, where every 32-bit feature
/// is exact.
pub(super) fn ensemble(trees: &[Tree], input: &str, output: &str) -> NodeProto {
    let mut table = Table::default();
    for (number, tree) in trees.iter().enumerate() {
        table.add(number as i64, tree);
    }
    let attributes = vec![
        int("n_targets", 1),
        text("aggregate_function", "SUM"),
        text("post_transform", "NONE"),
        ints("nodes_treeids", table.tree),
        ints("nodes_nodeids", table.id),
        ints("nodes_featureids", table.feature),
        texts("nodes_modes", &table.mode),
        tensor("nodes_values_as_tensor", &table.value),
        ints("nodes_missing_value_tracks_true", table.missing_is_true),
        ints("nodes_truenodeids", table.when_true),
        ints("nodes_falsenodeids", table.when_false),
        ints("target_ids", vec![0; table.leaf_id.len()]),
        ints("target_treeids", table.leaf_tree),
        ints("target_nodeids", table.leaf_id),
        tensor("target_weights_as_tensor", &table.leaf_value),
    ];
    NodeProto { domain: ML_DOMAIN.into(), attribute: attributes, ..node("TreeEnsembleRegressor", &[input], output) }
}

impl Table {
    /// Adds a tree. Our nodes keep their order; a chain takes as many ids as it has links, from its own id on.
    fn add(&mut self, tree: i64, description: &Tree) {
        let mut next = 0;
        let ids: Vec<i64> = description
            .nodes
            .iter()
            .map(|node| {
                let id = next;
                next += links(node);
                id
            })
            .collect();
        for (node, &id) in description.nodes.iter().zip(&ids) {
            match node {
                Node::Leaf(value) => {
                    self.push(tree, id, "LEAF", Branch::default());
                    self.leaf_tree.push(tree);
                    self.leaf_id.push(id);
                    self.leaf_value.push(*value);
                }
                Node::Threshold { feature, threshold, missing_left, left, right } => {
                    let branch = Branch {
                        feature: *feature,
                        value: *threshold,
                        missing_is_true: *missing_left,
                        when_true: ids[*left],
                        when_false: ids[*right],
                    };
                    self.push(tree, id, "BRANCH_LEQ", branch);
                }
                Node::Categories { feature, categories, left, right } => {
                    let last = links(node) - 1;
                    for link in 0..=last {
                        // A set without members is never true; no category is negative.
                        let value = categories.get(link as usize).map_or(-1.0, |category| f64::from(*category));
                        let when_false = if link == last { ids[*right] } else { id + link + 1 };
                        let branch = Branch {
                            feature: *feature,
                            value,
                            missing_is_true: false,
                            when_true: ids[*left],
                            when_false,
                        };
                        self.push(tree, id + link, "BRANCH_EQ", branch);
                    }
                }
            }
        }
    }

    fn push(&mut self, tree: i64, id: i64, mode: &'static str, branch: Branch) {
        self.tree.push(tree);
        self.id.push(id);
        self.mode.push(mode);
        self.feature.push(branch.feature as i64);
        self.value.push(branch.value);
        self.missing_is_true.push(i64::from(branch.missing_is_true));
        self.when_true.push(branch.when_true);
        self.when_false.push(branch.when_false);
    }
}

/// What a branch asks, and where it leads.
#[derive(Default)]
struct Branch {
    feature: usize,
    value: f64,
    missing_is_true: bool,
    when_true: i64,
    when_false: i64,
}

/// How many ONNX nodes a node becomes.
fn links(node: &Node) -> i64 {
    match node {
        Node::Categories { categories, .. } => categories.len().max(1) as i64,
        Node::Leaf(_) | Node::Threshold { .. } => 1,
    }
}
