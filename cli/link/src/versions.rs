//! Version scripts: which symbols a library exports. Versions themselves have no
//! meaning in wasm, whose symbols have names alone.

use anyhow::{Result, bail, ensure};

/// What scripts say of symbols.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    global: Vec<String>,
    local: Vec<String>,
}

impl Versions {
    /// Adds a script.
    ///
    /// # Errors
    /// If it is none.
    pub fn add(&mut self, script: &str) -> Result<()> {
        let tokens = tokens(script)?;
        let mut tokens = tokens.iter().map(String::as_str).peekable();
        while let Some(token) = tokens.next() {
            match token {
                "{" => self.node(&mut tokens)?,
                // The version's name, and those that it follows.
                _ if token != "}" => {}
                _ => bail!("has a `}}` too many"),
            }
        }
        Ok(())
    }

    fn node<'a>(&mut self, tokens: &mut impl Iterator<Item = &'a str>) -> Result<()> {
        let (mut local, mut depth, mut pending) = (false, 1, None);
        for token in tokens {
            match token {
                "{" => depth += 1,
                "}" => depth -= 1,
                ";" => {
                    let list = if local {
                        &mut self.local
                    } else {
                        &mut self.global
                    };
                    // Within `extern "C++"` names are demangled, and not known here.
                    list.extend(pending.take().filter(|_| depth == 1));
                }
                "global:" => local = false,
                "local:" => local = true,
                _ => pending = Some(token.trim_matches('"').to_owned()),
            }
            if depth == 0 {
                return Ok(());
            }
        }
        bail!("ends within a version")
    }

    /// Whether they say nothing.
    pub fn is_empty(&self) -> bool {
        self.local.is_empty()
    }

    /// Whether a symbol is exported: what is named wins over what is matched,
    /// and what is matched over `*`.
    pub fn exports(&self, name: &str) -> bool {
        let is_pattern = |pattern: &str| pattern.contains(['*', '?']);
        let ranks: [&dyn Fn(&str) -> bool; 3] = [
            &|pattern| pattern == name,
            &|pattern| pattern != "*" && is_pattern(pattern) && matches(pattern, name),
            &|pattern| pattern == "*",
        ];
        for fits in ranks {
            for (list, exported) in [(&self.global, true), (&self.local, false)] {
                if list.iter().any(|pattern| fits(pattern)) {
                    return exported;
                }
            }
        }
        true
    }
}

/// Names, braces and semicolons; `global:` and `local:` with their colons.
fn tokens(script: &str) -> Result<Vec<String>> {
    let mut tokens = Vec::new();
    let mut rest = script;
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("/*") {
            let Some((_, after)) = comment.split_once("*/") else {
                bail!("ends within a comment");
            };
            rest = after;
        } else if rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(first) = rest.chars().next() {
            let end = match first {
                '{' | '}' | ';' => 1,
                '"' => {
                    let end = rest[1..].find('"');
                    ensure!(end.is_some(), "ends within a quoted name");
                    end.unwrap_or(0) + 2
                }
                _ => {
                    let ends = |c: char| c.is_whitespace() || "{};\"".contains(c);
                    let end = rest.find(ends).unwrap_or(rest.len());
                    // `local:*` is two.
                    let colon = ["global:", "local:"].iter();
                    let colon = colon
                        .filter(|word| rest.starts_with(**word))
                        .map(|w| w.len());
                    colon.min().map_or(end, |colon| colon.min(end))
                }
            };
            tokens.push(rest[..end].to_owned());
            rest = &rest[end..];
            // `global :` is allowed too.
            if let Some("global" | "local") = tokens.last().map(String::as_str)
                && let Some(after) = rest.trim_start().strip_prefix(':')
            {
                tokens
                    .last_mut()
                    .into_iter()
                    .for_each(|word| word.push(':'));
                rest = after;
            }
        } else {
            return Ok(tokens);
        }
    }
}

/// Whether a name fits a pattern of `*` and `?`. Time is at most the product of
/// their lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // The latest `*`, and what it stands for so far ends where.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, end)) => {
                    star = Some((at, end + 1));
                    (p, n) = (at + 1, end + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(script: &str) -> Versions {
        let mut versions = Versions::default();
        versions.add(script).unwrap();
        versions
    }

    #[test]
    fn what_is_named_wins_over_what_is_matched() {
        let script = "LIB_1.0 { global: f; g_*; local: g_x; h; };\n\
                      /* { */ LIB_1.1 { i; } LIB_1.0;\n# comment\nLIB_1.2 { local:*; };";
        let versions = versions(script);
        for (name, exported) in [
            ("f", true),
            ("g_a", true),
            ("g_x", false),
            ("h", false),
            ("i", true),
            ("other", false),
        ] {
            assert_eq!(versions.exports(name), exported, "{name}");
        }
    }

    #[test]
    fn what_says_nothing_hides_nothing() {
        assert!(versions("V { global: f; };").is_empty());
        assert!(versions("V { };").exports("x"));
        let other = versions("{ global: extern \"C++\" { ns::*; }; \"a b\"; local : *; };");
        assert!(other.exports("a b") && !other.exports("ns::f"));
    }

    #[test]
    fn what_is_no_script_is_refused() {
        for script in ["V { f;", "}", "/* ", "V { \"a }"] {
            assert!(Versions::default().add(script).is_err(), "{script}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*", "", true),
            ("?", "", false),
            ("*a*b", "xxaxab", true),
            ("a?", "ab", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
