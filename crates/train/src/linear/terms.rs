//! The terms of texts that speak most clearly for and against, in words.

use meuse_core::bundle::Coefficient;
use meuse_prep::Fitted;

use super::LinearModel;

/// So many terms of each column and direction are told; all of them would be hundreds of thousands.
const TOLD: usize = 100;

/// Per column of long texts, the terms with the largest weights and those with the smallest, from the largest down.
pub(crate) fn strongest(fitted: &Fitted, model: &LinearModel) -> Vec<Coefficient> {
    let mut told = Vec::new();
    let mut offset = 0;
    for (column, tfidf) in fitted.long_texts() {
        let weights = &model.terms[offset..offset + tfidf.width()];
        offset += tfidf.width();
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_unstable_by(|a, b| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b)));
        let least = order.len().saturating_sub(TOLD).max(TOLD.min(order.len()));
        for term in order[..TOLD.min(order.len())].iter().chain(&order[least..]) {
            let feature = format!("{}={}", column.name, tfidf.terms().term(*term as u32));
            told.push(Coefficient { feature, value: weights[*term] });
        }
    }
    told
}
