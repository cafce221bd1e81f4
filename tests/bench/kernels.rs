//! Kernels of a directory.

use super::*;

/// A folder with `main.c` and `lib.c`, and one whose manifest has two libraries, of which
/// one calls the other.
#[test]
fn kernels_of_a_directory_are_measured() {
    let sandbox = Sandbox::new();
    let put = |name: &str, text: &str| {
        let path = sandbox.path("own").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let run = "int f(int x);\nint run(int n) { int x = 0; while (n--) x = f(x); return x; }\n";
    put("plain/main.c", &format!("/* Calls, and adds. */\n{run}"));
    put("plain/lib.c", "int f(int x) { return x + 3; }\n");
    put("three/program.c", run);
    put(
        "three/src/f.c",
        "int g(int x);\nint f(int x) { return g(x) ^ BITS; }\n",
    );
    put("three/src/g.c", "int g(int x) { return x * 3 + 1; }\n");
    let three = "about = \"Calls a library that calls one.\"\nn = 2000\n\
                 [source.s]\npath = \"src\"\n[main]\nsources = [\"program.c\"]\n\
                 [[library]]\nname = \"g\"\nsources = [\"$s/g.c\"]\n\
                 [[library]]\nname = \"f\"\nsources = [\"$s/f.c\"]\nflags = [\"-DBITS=5\"]\nneeds = [\"g\"]\n";
    put("three/kernel.toml", three);
    put("notes/about.txt", "no kernel");

    let list = sandbox.wasmaot(&["bench", "--kernels", "own", "--list"]);
    let list = list.success();
    assert!(
        list.contains("plain          work  Calls, and adds.") && list.contains("Calls a library")
    );
    let line = [
        "bench",
        "--kernels",
        "own",
        "--rounds",
        "1",
        "--scale",
        "0.05",
        "--json",
        "j",
        "--only",
    ];
    let only = "so-now,one,pie-now,pie-static,fixed-direct";
    sandbox.wasmaot(&[&line, &[only][..]].concat()).success();
    let report = json(&sandbox, "j");
    let [plain, three] = report["tasks"].as_array().unwrap().as_slice() else {
        panic!("two kernels: {report:#}");
    };
    let all = [
        "native",
        "so-now",
        "one",
        "pie-now",
        "pie-static",
        "fixed-direct",
    ];
    for task in [plain, three] {
        assert_measured(task, 1);
        assert_eq!(names(task), all);
    }
    // The first has no `n`: it is found by trying.
    assert!(plain["n"].as_u64() > Some(1000) && three["n"] == 100);

    put(
        "three/kernel.toml",
        "n = 3\n[main]\nsource = [\"program.c\"]\n",
    );
    for (args, code, parts) in [
        (
            &["--kernels", "own"][..],
            1,
            &["three/kernel.toml:3: unknown field `source`"][..],
        ),
        (
            &["--kernels", "own", "four"],
            2,
            &["no kernel `four`; there are: plain three"],
        ),
        (&["--kernels", "absent"], 1, &["cannot read absent"]),
        (
            &["--kernels", "own/notes"],
            1,
            &["own/notes has no kernel", "main.c", "kernel.toml"],
        ),
    ] {
        sandbox
            .wasmaot(&[&["bench"], args].concat())
            .error(code, parts);
    }
}
