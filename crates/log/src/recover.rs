//! What lies in a folder when a log is opened: its name, its segments, and where each partition ends.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Damage, LogId, OpenError, Settings, Sync,
    disk::Disk,
    ending::Ending,
    format::{self, PAGE, Page},
    keeper::{SUFFIX, sync_dir},
    segment::{Segment, Spare},
};

pub(crate) const META: &str = "log.meta";
const META_TITLE: &str = "throughline-log 1";

/// What opening found.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Partitions whose last record was not whole, and was cut; it had not been acknowledged.
    pub torn_tails: u64,
    /// Damage before the end. What lies after it is kept.
    pub damaged: Vec<Damage>,
}

/// A partition as found.
#[derive(Default)]
pub(crate) struct FoundPartition {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) end: u64,
}

pub(crate) struct FoundLog {
    pub(crate) id: LogId,
    pub(crate) partitions: Vec<FoundPartition>,
    pub(crate) spares: Vec<Spare>,
    pub(crate) next_number: u64,
    pub(crate) recovery: Recovery,
}

/// Keeps other processes away for as long as it is held.
pub(crate) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(OpenError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::InUse { dir: dir.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

pub(crate) fn recover(settings: &Settings, disk: &dyn Disk) -> Result<FoundLog, OpenError> {
    let mut found = FoundLog {
        id: meta(&settings.dir, settings.partitions)?,
        partitions: Vec::with_capacity(settings.partitions as usize),
        spares: Vec::new(),
        next_number: 0,
        recovery: Recovery::default(),
    };
    let mut used: Vec<Vec<Segment>> = (0..settings.partitions).map(|_| Vec::new()).collect();
    for (number, path) in segment_files(&settings.dir)? {
        found.next_number = found.next_number.max(number + 1);
        let Some((spare, page)) = open_file(&path)? else { continue };
        let head = match page {
            Page::Spare => {
                found.spares.push(spare);
                continue;
            }
            Page::Used(head) => head,
            Page::OtherVersion => return Err(OpenError::Foreign { path, what: "its version" }),
            Page::Damaged => return Err(OpenError::Damaged { path }),
        };
        if head.log != found.id {
            return Err(OpenError::Foreign { path, what: "the log it was written for" });
        }
        match used.get_mut(head.partition as usize) {
            Some(used) => used.push(spare.become_segment(&head)),
            None => return Err(OpenError::Foreign { path, what: "its partition" }),
        }
    }
    for segments in used {
        let partition = partition(segments, settings, disk, &mut found.recovery)?;
        found.partitions.push(partition);
    }
    if settings.sync == Sync::Always {
        found.partitions.iter().try_for_each(|partition| make_durable(partition, disk))?;
    }
    Ok(found)
}

/// What a process wrote that was killed before its flush may be in memory only. It is durable before anyone reads it.
fn make_durable(partition: &FoundPartition, disk: &dyn Disk) -> Result<(), OpenError> {
    let Some(last) = partition.segments.last() else { return Ok(()) };
    disk.sync(last.file()).map_err(OpenError::io(last.path()))
}

/// Reads the log's name, or gives it one.
fn meta(dir: &Path, partitions: u32) -> Result<LogId, OpenError> {
    let path = dir.join(META);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let (id, stored) = parse_meta(&text).ok_or(OpenError::Meta { path })?;
            if stored != partitions {
                return Err(OpenError::Partitions { dir: dir.to_owned(), stored, asked: partitions });
            }
            Ok(id)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = LogId(uuid::Uuid::new_v4().as_u128());
            let text = format!("{META_TITLE}\nid {id}\npartitions {partitions}\n");
            write_whole(dir, META, text.as_bytes()).map_err(OpenError::io(path))?;
            Ok(id)
        }
        Err(source) => Err(OpenError::Io { path, source }),
    }
}

pub(crate) fn parse_meta(text: &str) -> Option<(LogId, u32)> {
    let mut lines = text.lines();
    if lines.next()? != META_TITLE {
        return None;
    }
    let id = u128::from_str_radix(lines.next()?.strip_prefix("id ")?, 16).ok()?;
    let partitions = lines.next()?.strip_prefix("partitions ")?.parse().ok()?;
    Some((LogId(id), partitions))
}

/// A file that is there whole or not at all, whatever happens.
fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(name))?;
    sync_dir(dir)
}

pub(crate) fn segment_files(dir: &Path) -> Result<Vec<(u64, PathBuf)>, OpenError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(OpenError::io(dir))? {
        let path = entry.map_err(OpenError::io(dir))?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if path.extension().is_some_and(|extension| extension == SUFFIX)
            && let Some(number) = stem.and_then(|stem| stem.parse().ok())
        {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

/// A file and what its first page says. One that was never finished is deleted.
fn open_file(path: &Path) -> Result<Option<(Spare, Page)>, OpenError> {
    let bytes = fs::metadata(path).map_err(OpenError::io(path))?.len();
    if bytes <= PAGE || bytes % PAGE != 0 {
        tracing::warn!(path = %path.display(), "a segment file that was never finished is deleted");
        fs::remove_file(path).map_err(OpenError::io(path))?;
        return Ok(None);
    }
    let spare = Spare::open(path).map_err(OpenError::io(path))?;
    let page = format::page(spare.bytes().get(..PAGE as usize).unwrap_or_default());
    Ok(Some((spare, page)))
}

/// Puts a partition's segments in order and finds its end.
fn partition(
    mut segments: Vec<Segment>,
    settings: &Settings,
    disk: &dyn Disk,
    recovery: &mut Recovery,
) -> Result<FoundPartition, OpenError> {
    segments.sort_by_key(|segment| segment.base);
    for pair in segments.windows(2) {
        if let [segment, next] = pair {
            segment.seal(next.base);
            if next.base > segment.room_end() {
                recovery.damaged.push(segment.damage(segment.room_end(), next.base));
            }
        }
    }
    let end = match segments.last() {
        Some(last) => {
            let ending = Ending::find(last, settings.made_again);
            ending.blank(last, disk).map_err(OpenError::io(last.path()))?;
            recovery.torn_tails += u64::from(ending.torn);
            recovery.damaged.extend(ending.damaged);
            ending.end
        }
        None => 0,
    };
    Ok(FoundPartition { segments: segments.into_iter().map(Arc::new).collect(), end })
}
