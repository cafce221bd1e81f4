//! Symbol versions. A definition named `f@V` is version V of `f`, `f@@V` the
//! default one, as assemblers write them; a reference `f@V` wants that version,
//! `f` the default.

use std::collections::HashMap;

/// A version of a symbol that an object defines.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    name: String,
    default: bool,
    symbol: u32,
}

/// The versioned definitions of an object, by the name without version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Versions(HashMap<String, Vec<Version>>);

impl Versions {
    /// Of the definitions of an object: their names and numbers.
    pub fn of<'a>(definitions: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut all: HashMap<String, Vec<Version>> = HashMap::new();
        for (name, symbol) in definitions {
            let Some((base, version)) = name.split_once('@') else {
                continue;
            };
            let plain = version.strip_prefix('@');
            all.entry(base.to_owned()).or_default().push(Version {
                name: plain.unwrap_or(version).to_owned(),
                default: plain.is_some(),
                symbol,
            });
        }
        Self(all)
    }

    /// What a reference means, of which no definition has the very name:
    /// `plain` finds an unversioned definition, which does for any version.
    pub fn find(&self, name: &str, plain: impl Fn(&str) -> Option<u32>) -> Option<u32> {
        let (base, version) = match name.split_once('@') {
            Some((base, version)) => (base, Some(version.trim_start_matches('@'))),
            None if self.0.is_empty() => return None,
            None => (name, None),
        };
        let Some(list) = self.0.get(base) else {
            return version.and_then(|_| plain(base));
        };
        let wanted = |v: &&Version| match version {
            Some(version) => v.name == version,
            None => v.default,
        };
        list.iter().find(wanted).map(|v| v.symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_mean_their_version_or_the_default() {
        let names = [("f@V1", 1), ("f@@V2", 2), ("g@V1", 3), ("h", 4)];
        let versions = Versions::of(names.into_iter());
        let plain = |name: &str| (name == "h").then_some(4);
        let find = |name| versions.find(name, plain);
        assert_eq!(find("f"), Some(2));
        assert_eq!(find("f@V1"), Some(1));
        assert_eq!(find("f@V2"), Some(2));
        assert_eq!(find("f@V3"), None);
        assert_eq!(find("g"), None, "it has no default");
        assert_eq!(find("h@V9"), Some(4), "unversioned does for any");
        assert_eq!(find("nothing"), None);
    }
}
