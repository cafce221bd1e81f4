//! Rust sources as trees of tokens, without comments. It reads what compiles; what
//! does not need not be understood.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A name or a keyword.
    Name(String),
    /// A number, a string or a character, as it is written.
    Literal(String),
    /// A sign, and the marks of lifetimes.
    Sign(char),
    /// What stands in a pair of brackets, which the opening one tells.
    Group(char, Vec<Token>),
}

impl Token {
    pub fn is(&self, sign: char) -> bool {
        *self == Token::Sign(sign)
    }
}

/// The tokens of a text.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        rest: text.chars().peekable(),
    };
    lexer.group(None)
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Lexer<'_> {
    /// Reads to the closing bracket, or to the end of the text.
    fn group(&mut self, end: Option<char>) -> Vec<Token> {
        let mut found = Vec::new();
        while let Some(c) = self.rest.next() {
            match c {
                _ if Some(c) == end => break,
                c if c.is_whitespace() => {}
                '/' if self.rest.peek() == Some(&'/') => self.skip_line(),
                '/' if self.rest.peek() == Some(&'*') => self.skip_block(),
                '(' => found.push(Token::Group(c, self.group(Some(')')))),
                '[' => found.push(Token::Group(c, self.group(Some(']')))),
                '{' => found.push(Token::Group(c, self.group(Some('}')))),
                '"' => found.push(Token::Literal(self.quoted('"'))),
                '\'' => found.push(self.character()),
                c if c.is_alphanumeric() || c == '_' => found.push(self.word(c)),
                c => found.push(Token::Sign(c)),
            }
        }
        found
    }

    fn skip_line(&mut self) {
        while self.rest.next().is_some_and(|c| c != '\n') {}
    }

    /// Block comments nest.
    fn skip_block(&mut self) {
        let mut depth = 0;
        let mut last = '/';
        for c in self.rest.by_ref() {
            match (last, c) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    last = c;
                    continue;
                }
            }
            last = ' ';
            if depth == 0 {
                return;
            }
        }
    }

    /// The rest of a string or character, after its opening quote.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = quote.to_string();
        while let Some(c) = self.rest.next() {
            text.push(c);
            match c {
                '\\' => text.extend(self.rest.next()),
                c if c == quote => break,
                _ => {}
            }
        }
        text
    }

    /// A character, or the mark of a lifetime.
    fn character(&mut self) -> Token {
        let mut ahead = self.rest.clone();
        let first = ahead.next();
        match first == Some('\\') || ahead.next() == Some('\'') {
            true => Token::Literal(self.quoted('\'')),
            false => Token::Sign('\''),
        }
    }

    /// A name, a number, or a string with letters before its quote.
    fn word(&mut self, first: char) -> Token {
        let mut text = first.to_string();
        let is_number = first.is_ascii_digit();
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
            text.push(c);
        }
        let next = self.rest.peek().copied();
        match text.as_str() {
            _ if is_number => Token::Literal(text),
            "r" | "br" | "cr" if next == Some('"') || next == Some('#') => self.raw(text),
            "b" | "c" if next == Some('"') || next == Some('\'') => {
                let quote = self.rest.next().expect("a quote");
                Token::Literal(text + &self.quoted(quote))
            }
            _ => Token::Name(text),
        }
    }

    /// A raw string, `r#"…"#`, or a raw name, `r#type`.
    fn raw(&mut self, mut text: String) -> Token {
        let mut hashes = String::new();
        while let Some(c) = self.rest.next_if_eq(&'#') {
            hashes.push(c);
        }
        if self.rest.next_if_eq(&'"').is_none() {
            let start = self.rest.next().expect("a name");
            return self.word(start);
        }
        let end = format!("\"{hashes}");
        text.push_str(&end.chars().rev().collect::<String>());
        let mut body = String::new();
        for c in self.rest.by_ref() {
            body.push(c);
            if body.ends_with(&end) {
                break;
            }
        }
        Token::Literal(text + &body)
    }
}

#[test]
fn comments_strings_and_lifetimes_are_told_apart() {
    let text = r##"
        /* a /* nested */ comment */ f::<'a>('"', '\'', "// no {comment}\"", r#"a "quoted" } b"#, b"x", 0x0f_u8, r#type)
        // { a comment
    "##;
    let name = |text: &str| Token::Name(text.to_owned());
    let literal = |text: &str| Token::Literal(text.to_owned());
    let comma = Token::Sign(',');
    assert_eq!(
        tokens(text),
        [
            name("f"),
            Token::Sign(':'),
            Token::Sign(':'),
            Token::Sign('<'),
            Token::Sign('\''),
            name("a"),
            Token::Sign('>'),
            Token::Group(
                '(',
                vec![
                    literal("'\"'"),
                    comma.clone(),
                    literal("'\\''"),
                    comma.clone(),
                    literal("\"// no {comment}\\\"\""),
                    comma.clone(),
                    literal("r#\"a \"quoted\" } b\"#"),
                    comma.clone(),
                    literal("b\"x\""),
                    comma.clone(),
                    literal("0x0f_u8"),
                    comma,
                    name("type"),
                ]
            ),
        ]
    );
}
