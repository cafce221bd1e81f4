//! The first line of a module that the system starts as a script: `#!`, and who
//! is to run it.

/// The longest such line, in bytes, with its end: a page, which is more than
/// Linux reads of one.
pub const MAX_LINE: usize = 4096;

/// The bytes of a module, after the line if there is one. The line's end is left
/// to a module of text, whose lines are counted.
///
/// A file whose line does not end within [`MAX_LINE`] bytes is answered whole, and
/// is no module.
pub fn module(bytes: &[u8]) -> &[u8] {
    if !bytes.starts_with(b"#!") {
        return bytes;
    }
    let line = &bytes[..bytes.len().min(MAX_LINE)];
    match line.iter().position(|&byte| byte == b'\n') {
        Some(end) if bytes[end + 1..].starts_with(b"\0asm") => &bytes[end + 1..],
        Some(end) => &bytes[end..],
        None => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_left_out_and_nothing_else() {
        assert_eq!(module(b"\0asm"), b"\0asm");
        assert_eq!(module(b""), b"");
        assert_eq!(module(b"#!/bin/x y\n\0asm\n"), b"\0asm\n");
        assert_eq!(module(b"#!\n(module)"), b"\n(module)");
        assert_eq!(module(b"#!x"), b"#!x");
        assert_eq!(module(b"#!a\n#!b\n(module)"), b"\n#!b\n(module)");
    }

    #[test]
    fn a_line_has_a_limit() {
        let file = |len: usize| {
            let mut file = b"#!".to_vec();
            file.resize(len - 1, b'x');
            file.extend(b"\n\0asm");
            file
        };
        assert_eq!(module(&file(MAX_LINE)), b"\0asm");
        let long = file(MAX_LINE + 1);
        assert_eq!(module(&long), long);
    }
}
