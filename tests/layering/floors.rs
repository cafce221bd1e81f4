//! The floors: which arrows are allowed. The one table of them is the picture in
//! `ARCHITECTURE.md`, which is read here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::arrows::{Arrow, Sources};
use super::root;

/// Heading in `ARCHITECTURE.md` of the section that holds the tables.
const HEADING: &str = "## Floors";

/// Name of the table of the crates; every other one is called as the folder of its crate.
const CRATES: &str = "crates";

/// Floors from the top one down.
type Table = Vec<Floor>;

struct Floor {
    name: String,
    /// Files and folders, the latter with a slash at their end.
    files: Vec<String>,
    /// Floors further down that this one may use.
    uses: Vec<String>,
}

/// The tables, by their names. A line without indentation names a table, one with
/// two spaces is a floor, `name files → floors it uses`, and deeper ones go on.
fn tables() -> BTreeMap<String, Table> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split_once(HEADING).expect("a section of floors").1;
    let section = section.split("\n## ").next().unwrap();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for block in section.split("```").skip(1).step_by(2) {
        let mut lines = block.lines().skip(1).filter(|line| !line.is_empty());
        let name = lines.next().expect("the name of a table").to_owned();
        let mut joined: Vec<String> = Vec::new();
        for line in lines {
            match line.strip_prefix("  ") {
                Some(line) if !line.starts_with(' ') => joined.push(line.to_owned()),
                _ => joined.last_mut().expect("a floor").push_str(line),
            }
        }
        tables.insert(name, joined.iter().map(|line| floor(line)).collect());
    }
    tables
}

fn floor(line: &str) -> Floor {
    let (left, uses) = line.split_once('→').unwrap_or((line, ""));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let mut files: Vec<String> = words(left);
    Floor {
        name: files.remove(0),
        files,
        uses: words(uses),
    }
}

/// The name of the floor that a file is on, by the longest entry that it matches.
fn floor_of<'a>(table: &'a Table, file: &str) -> Option<&'a str> {
    let entries = table
        .iter()
        .flat_map(|floor| floor.files.iter().map(move |entry| (floor, entry)));
    entries
        .filter(|(_, entry)| match entry.ends_with('/') {
            true => file.starts_with(*entry),
            false => file == *entry,
        })
        .max_by_key(|(_, entry)| entry.len())
        .map(|(floor, _)| floor.name.as_str())
}

/// The sources of all crates, and the folder of each crate.
pub fn sources() -> &'static (Sources, Vec<String>) {
    static READ: LazyLock<(Sources, Vec<String>)> = LazyLock::new(read_sources);
    &READ
}

fn read_sources() -> (Sources, Vec<String>) {
    let mut sources = Sources::default();
    let mut folders = Vec::new();
    for krate in &tables()[CRATES] {
        let [folder] = &krate.files[..] else {
            panic!("{} has one folder", krate.name);
        };
        let name = krate.name.replace('-', "_");
        let mut roots = 0;
        for (file, name) in [
            ("lib.rs", name.clone()),
            ("main.rs", format!("{name} main")),
        ] {
            let path = format!("{folder}{file}");
            if root().join(&path).exists() {
                sources.add(&root(), &name, &path);
                roots += 1;
            }
        }
        assert!(roots > 0, "{folder} has no lib.rs and no main.rs");
        folders.push(folder.clone());
    }
    (sources, folders)
}

/// The crate that a file belongs to: its folder, with a slash at its end.
fn folder_of<'a>(folders: &'a [String], file: &str) -> &'a str {
    let of = |folder: &&String| file.starts_with(folder.as_str());
    folders.iter().find(of).expect("a crate's folder")
}

/// Which of our crates each may depend on, by the names of packages.
pub fn crates() -> Vec<(String, BTreeSet<String>)> {
    let table = tables().remove(CRATES).expect("a table of crates");
    let row = |floor: Floor| (floor.name, floor.uses.into_iter().collect());
    table.into_iter().map(row).collect()
}

#[test]
fn every_floor_uses_lower_ones() {
    for (name, table) in tables() {
        for (at, floor) in table.iter().enumerate() {
            for used in &floor.uses {
                assert!(
                    table[at + 1..].iter().any(|lower| lower.name == *used),
                    "{name}: {} uses {used}, which is not below it",
                    floor.name
                );
            }
        }
    }
}

#[test]
fn every_arrow_points_down() {
    let tables = tables();
    let (sources, folders) = sources();
    let mut wrong = Vec::new();
    for (name, table) in &tables {
        let in_table = |file: &str| match name.as_str() {
            CRATES => Some(file.to_owned()),
            _ => (folder_of(folders, file) == format!("{name}/"))
                .then(|| file[name.len() + 1..].to_owned()),
        };
        for file in sources.files().iter().filter_map(|file| in_table(file)) {
            if floor_of(table, &file).is_none() {
                wrong.push(format!("{name}/{file} is on no floor"));
            }
        }
        let mut seen: BTreeMap<(&str, &str), Vec<Arrow>> = BTreeMap::new();
        for arrow in sources.arrows() {
            let (Some(from), Some(to)) = (in_table(&arrow.from), in_table(&arrow.to)) else {
                continue;
            };
            let floors = (floor_of(table, &from), floor_of(table, &to));
            if let (Some(from), Some(to)) = floors
                && from != to
            {
                seen.entry((from, to)).or_default().push(arrow);
            }
        }
        wrong.extend(differences(name, table, &seen));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What the arrows of a crate and its table do not agree about.
fn differences(
    name: &str,
    table: &Table,
    seen: &BTreeMap<(&str, &str), Vec<Arrow>>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let allowed = |from: &str, to: &str| {
        let floor = table.iter().find(|floor| floor.name == from);
        floor.is_some_and(|floor| floor.uses.iter().any(|used| used == to))
    };
    for ((from, to), arrows) in seen {
        if !allowed(from, to) {
            wrong.push(format!("{name}: {from} may not use {to}:"));
            let line = |a: &Arrow| format!("    {} names {}, of {}", a.from, a.path, a.to);
            wrong.extend(arrows.iter().map(line));
        }
    }
    for floor in table {
        for used in &floor.uses {
            if !seen.contains_key(&(&*floor.name, &**used)) {
                let from = &floor.name;
                wrong.push(format!(
                    "{name}: {from} does not use {used}, as its table says"
                ));
            }
        }
    }
    wrong
}

#[test]
fn no_circle_leaves_a_floor() {
    let tables = tables();
    let (sources, folders) = sources();
    for circle in circles(&sources.arrows()) {
        let folder = folder_of(folders, &circle[0]);
        let name = folder.trim_end_matches('/');
        let Some(table) = tables.get(name) else {
            continue;
        };
        let floor = |file: &String| floor_of(table, file.strip_prefix(folder).unwrap_or(file));
        let floors: BTreeSet<_> = circle.iter().map(floor).collect();
        assert_eq!(floors.len(), 1, "a circle through {floors:?}: {circle:?}");
    }
}

/// Groups of files each of which leads to each other of its group.
fn circles(arrows: &[Arrow]) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().push(&arrow.to);
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> = next
        .keys()
        .map(|file| (*file, reached(&next, file)))
        .collect();
    let mut circles = BTreeSet::new();
    for (file, there) in &reach {
        let back = |other: &&&str| reach.get(**other).is_some_and(|r| r.contains(file));
        let circle: Vec<String> = there.iter().filter(back).map(|f| (*f).to_owned()).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// The files that arrows lead to from a file, by any number of steps.
fn reached<'a>(next: &BTreeMap<&'a str, Vec<&'a str>>, start: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut todo = vec![start];
    while let Some(file) = todo.pop() {
        let files = next.get(file).into_iter().flatten();
        todo.extend(files.filter(|file| found.insert(**file)));
    }
    found
}

#[test]
fn every_package_is_in_the_table() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split_once("\nmembers = [").expect("members").1;
    let members = members.split(']').next().unwrap();
    let ours: BTreeSet<String> = members
        .split(',')
        .map(|member| member.trim().trim_matches('"'))
        .filter(|member| !member.is_empty())
        .map(|member| match member {
            "." => "src/".to_owned(),
            member => format!("{member}/src/"),
        })
        .collect();
    let (_, folders) = sources();
    assert_eq!(ours, folders.iter().cloned().collect());
}

/// `cargo test --test layering structure -- --nocapture` prints the structure in
/// numbers.
#[test]
fn structure_in_numbers() {
    let tables = tables();
    let (sources, folders) = sources();
    let arrows = sources.arrows();
    println!("crate: files, arrows inside, upward arrows, circles across floors, files in circles");
    for folder in folders {
        let name = folder.trim_end_matches('/');
        let here = |file: &str| folder_of(folders, file) == folder;
        let files = sources.files().into_iter().filter(|f| here(f)).count();
        let inside = arrows.iter().filter(|a| here(&a.from) && here(&a.to));
        let up = |arrow: &&Arrow| {
            let Some(table) = tables.get(name) else {
                return false;
            };
            let at = |file: &str| {
                let floor = floor_of(table, &file[folder.len()..]);
                table.iter().position(|f| Some(f.name.as_str()) == floor)
            };
            at(&arrow.from) > at(&arrow.to)
        };
        let upward = inside.clone().filter(up).count();
        assert_eq!(upward, 0, "{name} has arrows that point up");
        let circles: Vec<_> = circles(&arrows)
            .into_iter()
            .filter(|circle| here(&circle[0]))
            .collect();
        let in_circles: usize = circles.iter().map(Vec::len).sum();
        let largest = circles.iter().map(Vec::len).max().unwrap_or(0);
        println!(
            "{name}: {files} files, {} arrows, {upward} upward, {} circles with {in_circles} files, the largest {largest}",
            inside.count(),
            circles.len()
        );
        if let Ok(wanted) = std::env::var("CIRCLES")
            && wanted == name
        {
            circles
                .iter()
                .for_each(|circle| println!("    {}", circle.join(" ")));
        }
    }
    let mut across: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for arrow in &arrows {
        let ends = (
            folder_of(folders, &arrow.from),
            folder_of(folders, &arrow.to),
        );
        if ends.0 != ends.1 {
            *across.entry(ends).or_default() += 1;
        }
    }
    for ((from, to), count) in across {
        println!("{from} → {to}: {count}");
    }
}
