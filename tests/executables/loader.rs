//! The loader by hand.

use super::*;

fn ld(sandbox: &Sandbox, words: &[&str]) -> Outcome {
    let loader = loader().to_str().unwrap();
    run(sandbox, &[&[loader], words].concat())
}

#[test]
fn the_loader_is_static_and_needs_no_flag_to_be_built_so() {
    let headers = tool("readelf", &["-hldW"], loader());
    for part in ["DYN (Position-Independent Executable file)", "GNU_EH_FRAME"] {
        assert!(headers.contains(part), "{headers}");
    }
    for part in ["INTERP", "NEEDED", "TEXTREL"] {
        assert!(!headers.contains(part), "{part}: {headers}");
    }
}

#[test]
fn rust_and_musl_agree_in_what_they_hand_each_other() {
    let source = sources().join("executables/libc.c");
    let own = tool("gcc", &[], Path::new("-print-file-name=include"));
    let musl = [
        "-nostdinc",
        "-isystem/usr/include/x86_64-linux-musl",
        &format!("-isystem{}", own.trim()),
    ];
    let compiled = |options: &[&str]| tool("gcc", &[options, &["-S", "-o-"]].concat(), &source);
    let glibc = compiled(&[]);
    assert!(glibc.matches(".quad").count() > 100, "{glibc}");
    assert_eq!(compiled(&musl), glibc);
}

#[test]
fn it_is_used_as_ld_so() {
    let sandbox = with_objects(&[]);
    let name = "main.wasm.elf";
    assert_eq!(ld(&sandbox, &[name]).success(), says(name, "nothing"));
    let outcome = ld(
        &sandbox,
        &["--argv0", "me", "--env", "GREETING=hi", name, "--env"],
    );
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stdout.starts_with(&says("me", "hi")),
        "{outcome:#?}"
    );
    let listed = ld(&sandbox, &["--list", name]).success();
    assert_eq!(listed, sandbox.wasmaot(&["ldd", name]).success());
    assert!(listed.contains("lib.so => ./lib.so.elf"), "{listed}");

    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    for name in ["lib.so", "libc.so"] {
        let name = format!("{name}.elf");
        fs::rename(sandbox.path(&name), sandbox.path("elsewhere").join(&name)).unwrap();
    }
    ld(&sandbox, &[name]).error(1, &["lib.so", "-L or WASMAOT_LIBRARY_PATH"]);
    for option in ["-Lelsewhere", "--library-path=nowhere:elsewhere"] {
        assert_eq!(
            ld(&sandbox, &[option, name]).success(),
            says(name, "nothing")
        );
    }
    let other = r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 0))
        (func (export "twice") (param i32) (result i32)
        (i32.add (local.get 0) (i32.const 21))))"#;
    sandbox.build("other.wat", other);
    let preload = ["-Lelsewhere", "--preload", "other.wat.elf", name];
    assert_eq!(ld(&sandbox, &preload).success(), says(name, "nothing"));

    // A byte of code, which only a look at everything finds.
    let library = sandbox.path("elsewhere/lib.so.elf");
    let mut bytes = fs::read(&library).unwrap();
    let at = 0x1000;
    bytes[at] ^= 1;
    fs::write(&library, bytes).unwrap();
    let verify = ["--verify", "-Lelsewhere", name];
    ld(&sandbox, &verify).error(1, &["lib.so.elf", "damaged"]);
}

#[test]
fn what_it_cannot_do_is_one_error() {
    let sandbox = with_objects(&[]);
    ld(&sandbox, &[]).error(2, &["no program", "--help"]);
    ld(&sandbox, &["--nothing", "x"]).error(2, &["`--nothing`"]);
    ld(&sandbox, &["--dir"]).error(2, &["--dir", "missing"]);
    ld(&sandbox, &["nowhere.elf"]).error(1, &["nowhere.elf"]);
    ld(&sandbox, &["/bin/sh"]).error(1, &["/bin/sh", "not an object of wasmaot"]);
    let help = ld(&sandbox, &["--help"]).success();
    assert!(help.contains("--library-path") && help.contains("--max-memory"));
    assert!(
        ld(&sandbox, &["--version"])
            .success()
            .starts_with("wasmaot-ld ")
    );
    // What takes a compiler is the command's, which is beside the loader.
    assert_eq!(
        ld(&sandbox, &["main.wasm"]).success(),
        says("main.wasm", "nothing")
    );
}

/// What a registration with `binfmt_misc` has to be is in the kernel's
/// `admin-guide/binfmt-misc`: `:name:type:offset:magic:mask:interpreter:flags`.
#[test]
fn registrations_are_documented_as_the_kernel_takes_them() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("echo '"));
    let lines = lines.filter_map(|line| line.split_once("' >/proc/sys/fs/binfmt_misc/register"));
    let module = wat::parse_str("(module)").unwrap();
    let mut kinds = Vec::new();
    for (line, _) in lines {
        let fields: Vec<&str> = line.split(':').collect();
        let ["", name, kind, "", magic, "", interpreter, ""] = fields[..] else {
            panic!("{line}");
        };
        kinds.push((name, kind));
        match kind {
            "M" => {
                let escaped: String = module[..8]
                    .iter()
                    .map(|&byte| match byte {
                        b'a'..=b'z' => char::from(byte).to_string(),
                        _ => format!("\\x{byte:02x}"),
                    })
                    .collect();
                assert_eq!(magic, escaped);
                assert!(interpreter.ends_with("/wasmaot"), "{line}");
            }
            _ => {
                assert_eq!(magic, "elf");
                assert!(interpreter.ends_with("/wasmaot-ld"), "{line}");
            }
        }
    }
    assert_eq!(kinds, [("wasm", "M"), ("wasmaot", "E")]);
}
