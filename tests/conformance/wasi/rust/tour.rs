//! What a small program in Rust uses of WASI: arguments, variables, files, folders, input, time,
//! random hashing, errors, and an exit code of its own.
use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn files(folder: &Path) -> io::Result<()> {
    println!("hello.txt: {:?}", fs::read_to_string(folder.join("hello.txt"))?);
    let mut file = fs::File::open(folder.join("hello.txt"))?;
    file.seek(SeekFrom::Start(6))?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    println!("from 6: {:?}, {} bytes", rest, file.metadata()?.len());
    let mut names: Vec<String> = fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    names.sort();
    println!("names: {}", names.join(" "));
    println!("sub is a folder: {}", fs::metadata(folder.join("sub"))?.is_dir());
    println!("missing: {:?}", fs::metadata(folder.join("missing")).unwrap_err().kind());
    let refused = fs::write(folder.join("new.txt"), "x").unwrap_err();
    println!("writing was refused: {}", refused.kind() != ErrorKind::NotFound);
    println!("outside was refused: {}", fs::read(folder.join("../secret.txt")).is_err());
    println!("/etc was refused: {}", fs::read("/etc/passwd").is_err());
    Ok(())
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    println!("arguments: {:?}", &arguments[1..]);
    println!("GREETING: {:?}", env::var("GREETING"));
    println!("HOME: {:?}", env::var("HOME").is_err());
    if let Err(error) = files(Path::new(&arguments[0])) {
        println!("files: {}", error);
        process::exit(1);
    }
    let lines: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>().unwrap();
    println!("input: {:?}", lines);
    let start = Instant::now();
    thread::sleep(Duration::from_millis(20));
    println!("slept: {}", start.elapsed() >= Duration::from_millis(20));
    let year = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 31_556_952 + 1970;
    println!("after 2020: {}", year > 2020);
    let counts: HashMap<&str, usize> = lines.iter().map(|line| (line.as_str(), line.len())).collect();
    let distinct: HashSet<usize> = counts.values().copied().collect();
    println!("distinct lengths: {}", distinct.len());
    io::stderr().write_all(b"to standard error\n").unwrap();
    process::exit(42);
}
