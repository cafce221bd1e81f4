//! Linked modules to files that run.
//!
//! A program is started by its name: the system reads its first line, and starts
//! the command with it. What is called `.wasm` is a module and nothing else.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use wasmaot_link::Kind;

/// The longest line that Linux reads whole, in bytes, with its end.
const MAX_LINE: usize = 255;

/// What programs may use unless they are started otherwise: the current
/// directory.
pub const OPTIONS: &str = "--dir=.";

/// The bytes of a file that runs, made of a module: with a line before it that
/// names the command, if it is a program under a name of one.
pub fn finish(kind: Kind, output: &Path, command: &Path, module: Vec<u8>) -> Vec<u8> {
    let is_program = matches!(kind, Kind::Pie | Kind::NoPie);
    if !is_program || output.extension() == Some(OsStr::new("wasm")) {
        return module;
    }
    let mut file = line(command);
    file.extend(module);
    file
}

/// The line. One argument is all that the system passes on.
fn line(command: &Path) -> Vec<u8> {
    let path = command.as_os_str().as_bytes();
    let mut line = b"#!".to_vec();
    line.extend(path);
    line.extend(format!(" {OPTIONS}\n").as_bytes());
    let is_word = path.starts_with(b"/") && !path.iter().any(u8::is_ascii_whitespace);
    match is_word && line.len() <= MAX_LINE {
        true => line,
        false => format!("#!/usr/bin/env -S wasmaot {OPTIONS}\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_begin_with_who_runs_them() {
        let finish = |kind, output: &str, command: &str| {
            let file = finish(kind, output.as_ref(), command.as_ref(), b"\0asm".to_vec());
            String::from_utf8(file).unwrap()
        };
        let command = "/usr/bin/wasmaot";
        let file = "#!/usr/bin/wasmaot --dir=.\n\0asm";
        assert_eq!(finish(Kind::Pie, "a.out", command), file);
        assert_eq!(finish(Kind::NoPie, "d.wasm/prog", command), file);
        assert_eq!(finish(Kind::Pie, "prog.wasm", command), "\0asm");
        assert_eq!(finish(Kind::Shared, "libx.so.1", command), "\0asm");
        // The system could not read it.
        let long = "/x".repeat(200);
        for command in ["/my programs/wasmaot", &long] {
            let file = finish(Kind::Pie, "prog", command);
            assert_eq!(file, "#!/usr/bin/env -S wasmaot --dir=.\n\0asm");
        }
    }
}
