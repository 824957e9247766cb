//! Names and references that people type: `credit`, `credit:3`, `credit@champion`.
//!
//! A value of these types has been checked; nothing further in checks it again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text has no characters.
    #[error("a name cannot be empty")]
    Empty,
    /// The text is longer than [`MAX_LENGTH`].
    #[error("`{0}` has more than {MAX_LENGTH} characters")]
    TooLong(String),
    /// The text holds a character outside the allowed set.
    #[error("`{name}` holds `{character}`: use a-z, 0-9, `-`, `_` and `.`, starting and ending with a letter or digit")]
    Character {
        /// What was given.
        name: String,
        /// The first character that is not allowed there.
        character: char,
    },
    /// What follows `:` is not a version number.
    #[error("`{0}` is not a version: write a whole number from 1, as in `credit:3`")]
    Version(String),
}

/// The longest name, in characters.
pub const MAX_LENGTH: usize = 63;

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.chars().count() > MAX_LENGTH {
        return Err(NameError::TooLong(text.to_owned()));
    }
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bad_inner = text.chars().find(|c| !inner(*c));
    let ends = [text.chars().next(), text.chars().next_back()];
    let bad_end = ends.into_iter().flatten().find(|c| !outer(*c));
    match bad_inner.or(bad_end) {
        Some(character) => Err(NameError::Character { name: text.to_owned(), character }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }
        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                check(&text)?;
                Ok(Self(text))
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a project: the wall between tenants.
    ProjectName
);
name!(
    /// The name of a dataset, unique within its project.
    DatasetName
);
name!(
    /// The name of a model, unique within its project.
    ModelName
);
name!(
    /// The name of an alias, which points to one version: `champion` in `credit@champion`.
    AliasName
);
name!(
    /// The name of a principal: a person or a service.
    PrincipalName
);

/// Which version of a named thing is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// No version was named: the newest (of a dataset), or what the route says (of a model).
    Default,
    /// `:3`
    Version(u32),
    /// `@champion`
    Alias(AliasName),
}

/// A name and, perhaps, a version or alias: `credit`, `credit:3`, `credit@champion`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference<N> {
    /// What is named.
    pub name: N,
    /// Which version of it.
    pub selector: Selector,
}

/// A reference to a dataset.
pub type DatasetRef = Reference<DatasetName>;
/// A reference to a model.
pub type ModelRef = Reference<ModelName>;

impl<N: FromStr<Err = NameError>> FromStr for Reference<N> {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Some((name, alias)) = text.split_once('@') {
            return Ok(Self { name: name.parse()?, selector: Selector::Alias(alias.parse()?) });
        }
        let Some((name, version)) = text.split_once(':') else {
            return Ok(Self { name: text.parse()?, selector: Selector::Default });
        };
        let number = version.parse().ok().filter(|n| *n >= 1 && !version.starts_with('+'));
        let number = number.ok_or_else(|| NameError::Version(version.to_owned()))?;
        Ok(Self { name: name.parse()?, selector: Selector::Version(number) })
    }
}

impl<N: fmt::Display> fmt::Display for Reference<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.selector {
            Selector::Default => write!(f, "{}", self.name),
            Selector::Version(number) => write!(f, "{}:{number}", self.name),
            Selector::Alias(alias) => write!(f, "{}@{alias}", self.name),
        }
    }
}

impl<N: fmt::Display> Serialize for Reference<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, N: FromStr<Err = NameError>> Deserialize<'de> for Reference<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back_as_they_were_written() {
        for text in ["credit", "credit:3", "credit@champion", "a.b-c_d:12"] {
            assert_eq!(text.parse::<ModelRef>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_name_says_why() {
        let cases = [
            ("", "a name cannot be empty"),
            ("Credit", "`Credit` holds `C`"),
            ("../etc", "`../etc` holds `/`"),
            ("-a", "`-a` holds `-`"),
            ("credit:0", "`0` is not a version"),
            ("credit:+1", "`+1` is not a version"),
            ("credit:", "`` is not a version"),
        ];
        for (text, expected) in cases {
            let message = text.parse::<ModelRef>().expect_err(text).to_string();
            assert!(message.starts_with(expected), "{text}: {message}");
        }
    }
}
