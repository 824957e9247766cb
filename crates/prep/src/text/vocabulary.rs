//! Terms and their ids, kept compactly: one text of all terms, and a table of ids that is searched by hash. A map of
//! texts would hold each one twice, and hundreds of thousands of allocations.

use std::hash::{BuildHasher, RandomState};

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Different terms, each with its place as id. In JSON it is the list of its terms.
#[derive(Clone, Default)]
pub struct Vocabulary {
    text: String,
    /// Where each term ends in `text`.
    ends: Vec<usize>,
    /// Ids at the places of their terms' hashes, or the next free place; at most half full, a power of two long.
    places: Vec<u32>,
    hasher: RandomState,
}

/// A place that no term has taken.
const FREE: u32 = u32::MAX;
/// The fewest places.
const FEWEST: usize = 16;

impl Vocabulary {
    /// Number of terms.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no terms.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The term of this id.
    ///
    /// # Panics
    /// When there is none: ids come from this vocabulary.
    pub fn term(&self, id: u32) -> &str {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.text[start..self.ends[id]]
    }

    /// All terms, in the order of their ids.
    pub fn terms(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|id| self.term(id))
    }

    /// The id of a term.
    pub fn id(&self, wanted: &str) -> Option<u32> {
        if self.places.is_empty() {
            return None;
        }
        Some(self.places[self.place(wanted)]).filter(|id| *id != FREE)
    }

    /// Where the id of a term stands, or would stand.
    fn place(&self, wanted: &str) -> usize {
        let last = self.places.len() - 1;
        let mut place = self.hasher.hash_one(wanted) as usize & last;
        while self.places[place] != FREE && self.term(self.places[place]) != wanted {
            place = (place + 1) & last;
        }
        place
    }

    fn grow(&mut self) {
        self.places = vec![FREE; (self.places.len() * 2).max(FEWEST)];
        for id in 0..self.len() as u32 {
            let place = self.place(self.term(id));
            self.places[place] = id;
        }
    }

    /// The id of a term, which becomes known when it is not yet.
    pub fn learn(&mut self, wanted: &str) -> u32 {
        if self.places.len() < 2 * (self.len() + 1) {
            self.grow();
        }
        let place = self.place(wanted);
        if self.places[place] != FREE {
            return self.places[place];
        }
        let id = self.len() as u32;
        self.text.push_str(wanted);
        self.ends.push(self.text.len());
        self.places[place] = id;
        id
    }

    /// These terms; one that is there before keeps its id.
    pub fn of<'a>(terms: impl IntoIterator<Item = &'a str>) -> Self {
        let mut vocabulary = Self::default();
        for term in terms {
            vocabulary.learn(term);
        }
        vocabulary
    }
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocabulary").field("terms", &self.len()).finish_non_exhaustive()
    }
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.text == other.text
    }
}

impl Serialize for Vocabulary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for term in self.terms() {
            list.serialize_element(term)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Terms;
        impl<'de> Visitor<'de> for Terms {
            type Value = Vocabulary;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of different terms")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocabulary, A::Error> {
                let mut vocabulary = Vocabulary::default();
                while let Some(term) = list.next_element::<std::borrow::Cow<'de, str>>()? {
                    let expected = vocabulary.len() as u32;
                    if vocabulary.learn(&term) != expected {
                        return Err(serde::de::Error::custom(format!("the term `{term}` is there twice")));
                    }
                }
                Ok(vocabulary)
            }
        }
        deserializer.deserialize_seq(Terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_keep_their_ids_through_json() {
        let words = ["film", "", "not good", "电影", "a \"quote\""];
        let vocabulary = Vocabulary::of(words.into_iter().chain(["film"]));
        let text = serde_json::to_string(&vocabulary).expect("JSON");
        let back: Vocabulary = serde_json::from_str(&text).expect("the same");
        assert_eq!(back, vocabulary);
        for (id, word) in words.iter().enumerate() {
            assert_eq!(back.id(word), Some(id as u32));
            assert_eq!(back.term(id as u32), *word);
        }
        assert_eq!((back.len(), back.id("unknown")), (5, None));
        let twice = serde_json::from_str::<Vocabulary>("[\"a\", \"a\"]").expect_err("an id must be one term's");
        assert!(twice.to_string().contains("`a` is there twice"), "{twice}");
    }
}
