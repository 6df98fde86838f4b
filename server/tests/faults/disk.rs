//! What a disk may hold after a power loss, from a recording of every change that a server made to its folder (`shim.c`).
//!
//! Used by `power_loss`. What was synced is there: content by a sync of the file, names by a sync of their folder, as POSIX promises and
//! no more. What was not may be there, be missing or be torn at the 512 bytes of a sector; names that were not synced come and go in the
//! order in which they were made, as on a journaling file system.
//! Invariant: a sync covers what was recorded before it began, once it has ended.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

const SECTOR: usize = 512;
const HEADER: usize = 32;

/// How much of what was not synced survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// None of it.
    All,
    /// Some whole writes.
    Writes,
    /// Some sectors of each write.
    Sectors,
}

/// One record of the log; the numbers are those of `shim.c`, and of the test's own marks.
#[derive(Debug)]
pub struct Record {
    pub kind: u32,
    thread: u32,
    inode: u64,
    offset: u64,
    path: String,
    pub data: Vec<u8>,
}

impl Record {
    /// Whether this many bytes were written to the start of a file.
    pub fn is_write_at_start(&self, bytes: usize) -> bool {
        self.kind == WRITE && self.offset == 0 && self.data.len() == bytes
    }
}

const CREATE: u32 = 1;
const WRITE: u32 = 2;
const TRUNCATE: u32 = 3;
const SYNC_BEGIN: u32 = 4;
const SYNC_END: u32 = 5;
const MOVE: u32 = 6;
const UNLINK: u32 = 7;
const MKDIR: u32 = 8;
/// The first kind that a test may use for marks of its own.
pub const MARK: u32 = 100;

/// A mark, to be appended to the log in one write.
pub fn mark(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + data.len());
    for word in [kind, 0, data.len() as u32, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes
}

/// Reads a log.
pub fn read(log: &Path) -> Vec<Record> {
    let bytes = fs::read(log).unwrap();
    let (mut at, mut records) = (0, Vec::new());
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
    while at < bytes.len() {
        let (path, data) = (word(at + 4) as usize, word(at + 8) as usize);
        let text = at + HEADER;
        records.push(Record {
            kind: word(at),
            thread: word(at + 12),
            inode: long(at + 16),
            offset: long(at + 24),
            path: String::from_utf8(bytes[text..text + path].to_vec()).unwrap(),
            data: bytes[text + path..text + path + data].to_vec(),
        });
        at = text + path + data;
    }
    records
}

enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Clone)]
enum Naming {
    Link(String, usize),
    Move(String, String),
    Unlink(String),
}

#[derive(Default)]
struct Node {
    folder: bool,
    content: Vec<u8>,
    changes: Vec<Change>,
    names: BTreeMap<String, usize>,
    namings: Vec<Naming>,
    /// Syncs that have begun, by thread: how many changes each covers.
    syncing: HashMap<u32, usize>,
}

/// The state of a disk as records are taken in.
pub struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
    by_inode: HashMap<u64, usize>,
    /// Paths as the server sees them.
    by_path: HashMap<PathBuf, usize>,
}

impl Disk {
    /// Empty, but for the folder that everything is in.
    pub fn new(root: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let root = fs::canonicalize(root).unwrap();
        let inode = fs::metadata(&root).unwrap().ino();
        let nodes = vec![Node { folder: true, ..Node::default() }];
        Self { by_inode: [(inode, 0)].into(), by_path: [(root.clone(), 0)].into(), nodes, root }
    }

    /// Takes the next record in.
    pub fn take(&mut self, record: &Record) {
        match record.kind {
            CREATE | MKDIR => {
                let path = PathBuf::from(&record.path);
                let node = self.nodes.len();
                self.nodes.push(Node { folder: record.kind == MKDIR, ..Node::default() });
                self.by_inode.insert(record.inode, node);
                self.name(&path, |name| Naming::Link(name, node));
                self.by_path.insert(path, node);
            }
            WRITE => self.change(record, Change::Write(record.offset as usize, record.data.clone())),
            TRUNCATE => self.change(record, Change::Cut(record.offset as usize)),
            SYNC_BEGIN => {
                let node = self.node(record);
                node.syncing.insert(record.thread, node.changes.len() + node.namings.len());
            }
            SYNC_END => {
                let node = self.node(record);
                let covered = node.syncing.remove(&record.thread).expect("a sync that ends has begun");
                node.settle(covered);
            }
            MOVE => {
                let (from, to) = record.path.split_once('\n').unwrap();
                let (from, to) = (PathBuf::from(from), PathBuf::from(to));
                assert_eq!(from.parent(), to.parent(), "a move within a folder is one change");
                let new = to.file_name().unwrap().to_str().unwrap().to_owned();
                self.name(&from, |name| Naming::Move(name, new));
                let node = self.by_path.remove(&from).unwrap();
                self.by_path.insert(to, node);
            }
            UNLINK => {
                let path = PathBuf::from(&record.path);
                self.name(&path, Naming::Unlink);
                self.by_path.remove(&path);
            }
            _ => {}
        }
    }

    fn node(&mut self, record: &Record) -> &mut Node {
        let node = self.by_inode.get(&record.inode).unwrap_or_else(|| panic!("of no known file: {}", record.kind));
        &mut self.nodes[*node]
    }

    fn change(&mut self, record: &Record, change: Change) {
        self.node(record).changes.push(change);
    }

    fn name(&mut self, path: &Path, naming: impl FnOnce(String) -> Naming) {
        let folder = self.by_path[path.parent().unwrap()];
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        self.nodes[folder].namings.push(naming(name));
    }

    /// Writes what a disk may hold now into a folder.
    pub fn write(&self, to: &Path, loss: Loss, random: &mut fastrand::Rng) {
        self.write_folder(0, to, loss, random);
    }

    fn write_folder(&self, node: usize, to: &Path, loss: Loss, random: &mut fastrand::Rng) {
        fs::create_dir_all(to).unwrap();
        let folder = &self.nodes[node];
        let kept = if loss == Loss::All { 0 } else { random.usize(0..=folder.namings.len()) };
        let mut names = folder.names.clone();
        folder.namings[..kept].iter().for_each(|naming| naming.apply(&mut names));
        for (name, node) in names {
            let path = to.join(name);
            if self.nodes[node].folder {
                self.write_folder(node, &path, loss, random);
            } else {
                fs::write(path, self.nodes[node].survived(loss, random)).unwrap();
            }
        }
    }

    /// Bytes that are not synced, for a test that wants to know whether there was anything to lose.
    pub fn unsynced(&self) -> usize {
        let bytes = |change: &Change| if let Change::Write(_, bytes) = change { bytes.len() } else { 0 };
        self.nodes.iter().flat_map(|node| &node.changes).map(bytes).sum()
    }

    /// Where the recorded server had its data folder, below the root.
    pub fn below(&self, image: &Path, path: &Path) -> PathBuf {
        image
            .join(fs::canonicalize(path.parent().unwrap()).unwrap().strip_prefix(&self.root).unwrap())
            .join(path.file_name().unwrap())
    }
}

impl Node {
    /// The first so many changes, or namings, are on the disk for good.
    fn settle(&mut self, covered: usize) {
        if self.folder {
            let namings: Vec<_> = self.namings.drain(..covered).collect();
            namings.iter().for_each(|naming| naming.apply(&mut self.names));
        } else {
            let changes: Vec<_> = self.changes.drain(..covered).collect();
            changes.iter().for_each(|change| change.apply(&mut self.content, |_| true));
        }
        // Those that began in between cover that much less now.
        self.syncing.values_mut().for_each(|others| *others = others.saturating_sub(covered));
    }

    fn survived(&self, loss: Loss, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut content = self.content.clone();
        for change in &self.changes {
            match loss {
                Loss::All => {}
                Loss::Writes if random.bool() => change.apply(&mut content, |_| true),
                Loss::Writes => {}
                Loss::Sectors => change.apply(&mut content, |_| random.bool()),
            }
        }
        content
    }
}

impl Change {
    /// Applies those sectors that are kept; a cut is one.
    fn apply(&self, content: &mut Vec<u8>, mut kept: impl FnMut(usize) -> bool) {
        match self {
            Self::Write(at, bytes) => {
                let mut from = 0;
                while from < bytes.len() {
                    let to = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
                    if kept(from) {
                        let end = content.len().max(at + to);
                        content.resize(end, 0);
                        content[at + from..at + to].copy_from_slice(&bytes[from..to]);
                    }
                    from = to;
                }
            }
            Self::Cut(length) => {
                if kept(0) {
                    content.resize(*length, 0);
                }
            }
        }
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Move(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Self::Unlink(name) => drop(names.remove(name)),
        }
    }
}
