//! What was done to a trail that is not whole: which entries were altered, removed, inserted, reordered, or cut off.
//!
//! An entry is *genuine* when its code proves that we wrote it, under some number: its true one. Everything follows
//! from the true numbers of the entries that are there: those that are not genuine, the numbers that nobody holds, and
//! the order. Nothing is read here; the caller brings all entries.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use meuse_core::api::AuditFinding;

use super::Row;
use super::verify::Evidence;
use crate::secret::MacKey;

/// The most (entry, number) pairs that are tried when nothing hints at an entry's true number.
const MOST_TRIALS: usize = 1_000_000;

/// By how much the last number that is looked for may exceed the number of entries that are there.
const MOST_CUT: i64 = 1_000_000;

/// Says what is wrong, in the order of the entries; never nothing.
pub(super) fn findings(rows: &[Row], key: &MacKey, evidence: &Evidence) -> Vec<AuditFinding> {
    let diagnosis = Diagnosis::new(rows, key, evidence);
    let mut findings = diagnosis.reordered();
    let (mut missing, mut strangers) = diagnosis.strangers();
    findings.append(&mut strangers);
    findings.append(&mut diagnosis.gone(&mut missing));
    findings.extend(diagnosis.unlinked());
    findings.extend(diagnosis.noted_differs());
    findings.extend(diagnosis.head_differs());
    if findings.is_empty() {
        findings.push(finding(evidence.head.seq, "altered", "the trail does not hold together".into()));
    }
    findings.sort_by_key(|finding| finding.seq);
    findings
}

struct Diagnosis<'a> {
    evidence: &'a Evidence,
    /// The entries in the order of the database, each with its true number when it is genuine.
    rows: Vec<(&'a Row, Option<i64>)>,
    genuine: BTreeMap<i64, &'a Row>,
}

impl<'a> Diagnosis<'a> {
    fn new(rows: &'a [Row], key: &MacKey, evidence: &'a Evidence) -> Self {
        let mut diagnosis =
            Self { evidence, rows: rows.iter().map(|row| (row, None)).collect(), genuine: BTreeMap::new() };
        diagnosis.accept(|row, _| row.is_genuine_as(key, row.seq).then_some(row.seq));
        // A renumbered entry is found through its neighbours in the chain, or by the shift of the one before it.
        while diagnosis.has_strangers() {
            let by_code: HashMap<&str, i64> = diagnosis.genuine.iter().map(|(seq, row)| (&*row.mac, *seq)).collect();
            let by_previous: HashMap<&str, i64> =
                diagnosis.genuine.iter().map(|(seq, row)| (&*row.previous, *seq)).collect();
            let accepted = diagnosis.accept(|row, shift| {
                let after = by_code.get(&*row.previous).map(|seq| seq + 1);
                let before = by_previous.get(&*row.mac).map(|seq| seq - 1);
                let hints = [Some(row.seq.saturating_add(shift)), after, before];
                hints.into_iter().flatten().find(|seq| row.is_genuine_as(key, *seq))
            });
            if accepted == 0 {
                break;
            }
        }
        diagnosis.try_all(key);
        diagnosis
    }

    fn has_strangers(&self) -> bool {
        self.rows.iter().any(|(_, number)| number.is_none())
    }

    /// Asks for the true number of each entry that has none yet; a number is held by one entry only. `number` is told
    /// by how much the genuine entry before it was renumbered.
    fn accept(&mut self, number: impl Fn(&Row, i64) -> Option<i64>) -> usize {
        let (mut accepted, mut shift) = (0, 0);
        for (row, known) in &mut self.rows {
            if known.is_none()
                && let Some(seq) = number(row, shift)
                && !self.genuine.contains_key(&seq)
            {
                self.genuine.insert(seq, row);
                *known = Some(seq);
                accepted += 1;
            }
            shift = known.map_or(shift, |seq| seq.saturating_sub(row.seq));
        }
        accepted
    }

    fn try_all(&mut self, key: &MacKey) {
        let free: Vec<i64> = self.missing().into_iter().collect();
        let strangers = self.rows.iter().filter(|(_, number)| number.is_none()).count();
        if strangers * free.len() <= MOST_TRIALS {
            self.accept(|row, _| free.iter().copied().find(|seq| row.is_genuine_as(key, *seq)));
        }
    }

    /// The last entry that is known to have been written.
    fn proven(&self) -> i64 {
        let noted = self.evidence.noted.as_ref().map_or(0, |noted| noted.seq);
        self.genuine.keys().next_back().copied().unwrap_or(0).max(noted)
    }

    /// The numbers that no genuine entry holds.
    fn missing(&self) -> BTreeSet<i64> {
        (1..=self.end()).filter(|seq| !self.genuine.contains_key(seq)).collect()
    }

    /// The last number that there must be. The head's row is believed where it says that more was written than is
    /// there. Within reason: whoever can write to the database and the home can write any number.
    fn end(&self) -> i64 {
        let head = self.evidence.head.seq;
        let end = if head > self.last_standing() { self.proven().max(head) } else { self.proven() };
        end.min(self.rows.len() as i64 + MOST_CUT)
    }

    fn last_standing(&self) -> i64 {
        self.rows.last().map_or(0, |(row, _)| row.seq)
    }

    /// Genuine entries that do not stand in the order of their true numbers.
    fn reordered(&self) -> Vec<AuditFinding> {
        let standing = self.rows.iter().filter_map(|(row, number)| number.map(|number| (row.seq, number)));
        let moved = standing.zip(self.genuine.keys()).filter(|((_, number), expected)| number != *expected);
        let say = |((stands_as, number), _)| {
            finding(number, "reordered", format!("entry {number} was moved: it stands as number {stands_as}"))
        };
        moved.map(say).collect()
    }

    /// Entries that are not genuine: altered ones when a missing number must be theirs, inserted ones when not. Gives
    /// the numbers that are missing still.
    fn strangers(&self) -> (BTreeSet<i64>, Vec<AuditFinding>) {
        let mut missing = self.missing();
        let mut findings = Vec::new();
        let by_code: HashMap<&str, i64> = self.genuine.iter().map(|(seq, row)| (&*row.mac, *seq)).collect();
        let by_previous: HashMap<&str, i64> = self.genuine.iter().map(|(seq, row)| (&*row.previous, *seq)).collect();
        let mut position = 0;
        for (row, number) in &self.rows {
            if let Some(number) = number {
                position = *number;
                continue;
            }
            let before = by_previous.get(&*row.mac).map(|seq| seq - 1);
            let after = by_code.get(&*row.previous).map(|seq| seq + 1);
            let hints = [before, after, Some(position + 1), Some(row.seq)];
            let meant = hints.into_iter().flatten().find(|seq| missing.contains(seq) && *seq <= self.proven());
            if let Some(seq) = meant {
                missing.remove(&seq);
                position = seq;
                let place = if seq == row.seq { String::new() } else { format!(" (it stands as number {})", row.seq) };
                findings.push(finding(seq, "altered", format!("entry {seq} is not as it was written{place}")));
            } else {
                missing.remove(&row.seq);
                let message = format!("the entry that stands as number {} was not written by Meuse", row.seq);
                findings.push(finding(row.seq, "inserted", message));
            }
        }
        (missing, findings)
    }

    /// Numbers that no entry holds: cut when they are the last ones, else removed. One finding per run of numbers.
    fn gone(&self, missing: &mut BTreeSet<i64>) -> Vec<AuditFinding> {
        let last = self.genuine.keys().next_back().copied().unwrap_or(0);
        let mut findings = Vec::new();
        while let Some(first) = missing.pop_first() {
            let mut until = first;
            while missing.remove(&(until + 1)) {
                until += 1;
            }
            if until == self.end() && first > last {
                let message = format!("{} cut from the end of the trail", entries(first, until));
                findings.push(finding(first, "cut", message));
            } else {
                findings.push(finding(first, "removed", format!("{} removed", entries(first, until))));
            }
        }
        findings
    }

    /// Neighbours that are both genuine, but of two histories: one continued after an older database was put back.
    fn unlinked(&self) -> Vec<AuditFinding> {
        let neighbours = self.genuine.iter().zip(self.genuine.iter().skip(1));
        let unlinked = neighbours.filter(|((a, before), (b, after))| **b == *a + 1 && after.previous != before.mac);
        let say = |((_, _), (seq, _)): ((&i64, &&Row), (&i64, &&Row))| {
            finding(*seq, "altered", format!("entry {seq} was written after another entry than the one before it"))
        };
        unlinked.map(say).collect()
    }

    fn noted_differs(&self) -> Option<AuditFinding> {
        let noted = self.evidence.noted.as_ref()?;
        let row = self.genuine.get(&noted.seq)?;
        let message = format!(
            "entry {} is not the one that was noted outside the database: an older database was put back",
            noted.seq
        );
        (row.mac != noted.mac).then(|| finding(noted.seq, "altered", message))
    }

    fn head_differs(&self) -> Option<AuditFinding> {
        let head = &self.evidence.head;
        let is_other = |(row, number): &(&Row, Option<i64>)| *number == Some(row.seq) && row.mac != head.mac;
        let is_other = head.seq == self.last_standing() && self.rows.last().is_some_and(is_other);
        let message = format!("the database's own note of the newest entry says {}, which it is not", head.seq);
        (head.seq < self.last_standing() || is_other).then(|| finding(head.seq, "altered", message))
    }
}

fn entries(first: i64, last: i64) -> String {
    if first == last { format!("entry {first} was") } else { format!("entries {first} to {last} were") }
}

fn finding(seq: i64, kind: &str, message: String) -> AuditFinding {
    AuditFinding { seq, kind: kind.to_owned(), message }
}
