//! Why a file is not taken as a picture, in words that name the remedy.

/// Why a file is not taken as a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is something else, or of a format that is not read.
    #[error("{0}")]
    NoPicture(String),
    /// It says, or takes, more than the limits allow.
    #[error("{0}")]
    TooLarge(String),
    /// It is a picture that is cut short or broken.
    #[error("{0}")]
    Damaged(String),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoPicture(_) => "send a PNG, JPEG, WebP, BMP or GIF file",
            Self::TooLarge(_) => "make the picture smaller and send it again",
            Self::Damaged(_) => "save or send the picture again",
        }
    }
}
