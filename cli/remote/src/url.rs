//! URLs of stores, and what may be shown of them.

use std::fmt;

use percent_encoding::percent_decode_str;

/// What URLs there are, for messages.
pub const KINDS: &str = "s3://BUCKET/PREFIX, redis:// or rediss://HOST:PORT, memcached://HOST:PORT, \
                         webdav:// or webdavs://HOST:PORT/PATH, fs:///DIRECTORY";

const SCHEMES: &[&str] = &[
    "fs",
    "memcached",
    "redis",
    "rediss",
    "s3",
    "webdav",
    "webdavs",
];

/// The URL of a store. What it shows of itself has neither user, password nor
/// options, in which keys can be.
#[derive(Clone)]
pub struct Url {
    text: String,
    scheme: &'static str,
}

impl Url {
    /// Reads an URL.
    ///
    /// # Errors
    /// One line, if it is not one of [`KINDS`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        let known = SCHEMES.iter().find(|known| **known == scheme);
        let is_short = text.len() as u64 <= crate::limits::MAX_TEXT;
        match known.filter(|_| is_short) {
            Some(scheme) => Ok(Self {
                text: text.to_owned(),
                scheme,
            }),
            // It is not shown: a password may be in it.
            None => Err(format!("its URL is none of {KINDS}")),
        }
    }

    /// All of it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn scheme(&self) -> &'static str {
        self.scheme
    }

    fn rest(&self) -> &str {
        &self.text[self.scheme.len() + 3..]
    }

    /// User and password, where it has them.
    pub(crate) fn user(&self) -> (Option<String>, Option<String>) {
        let authority = self
            .rest()
            .split(['/', '?', '#'])
            .next()
            .unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else {
            return (None, None);
        };
        let (name, password) = match user.split_once(':') {
            Some((name, password)) => (name, Some(password)),
            None => (user, None),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let name = Some(name).filter(|name| !name.is_empty());
        (name.map(decoded), password.map(decoded))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.rest();
        let (place, options) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
        // A password may have any of these signs, where it was not encoded: what
        // could be a part of one is not shown.
        let shown = match options.contains('@') {
            true => "…",
            false => place.rsplit_once('@').map_or(place, |(_, shown)| shown),
        };
        write!(f, "{}://{shown}", self.scheme)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
